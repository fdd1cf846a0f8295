#pragma once
// A chat request as a runner writes it: messages and parameters, no provider, no key. Values; any thread.
// Specs: models.md 0.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/text/json.hpp"
#include "runners/llm/errors.hpp"

namespace assay {

enum class Role : std::uint8_t { system, developer, user, assistant };
std::string_view to_text(Role role);

/// `data` is base64, or `url` an address. The type recognised from the bytes wins over `media_type`.
struct ImagePart {
  std::string data, url, media_type, detail;
};
struct Part {
  std::string text;
  std::optional<ImagePart> image;  // set: an image part, text unused
};
struct Message {
  Role role = Role::user;
  std::vector<Part> parts;
  Message() = default;
  Message(Role from, std::string text) : role(from) { parts.push_back({std::move(text), std::nullopt}); }
  std::string text() const;  ///< its text parts joined
  bool has_image() const;
};

struct ResponseFormat {
  enum class Kind : std::uint8_t { text, json, json_schema };
  Kind kind = Kind::text;
  std::string name;  // of the schema
  Json schema;
  bool strict = true;
};
struct Reasoning {
  enum class Kind : std::uint8_t { off, effort, budget };
  Kind kind = Kind::off;
  std::string effort;  // minimal low medium high
  std::int64_t budget = 0;
};

struct ChatParams {
  std::optional<double> temperature, top_p, frequency_penalty, presence_penalty;
  std::optional<std::int64_t> top_k, max_tokens, seed, top_logprobs;
  std::vector<std::string> stop;
  bool logprobs = false;
  std::optional<ResponseFormat> response_format;
  std::optional<Reasoning> reasoning;

  /// These, with `defaults` where nothing is given.
  ChatParams over(const ChatParams& defaults) const;
};

/// What a kind of experiment knows of the answer. Only `sim` sees it; it is neither sent nor hashed.
struct Hint {
  std::string answer;
  std::vector<std::string> options;
};

enum class StreamMode : std::uint8_t { automatic, always, never };

struct ChatRequest {
  std::vector<Message> messages;
  ChatParams params;
  StreamMode stream = StreamMode::automatic;
  Json extra;  // merged into the body last (RFC 7396); null: nothing
  std::int64_t epoch = 0;
  std::optional<Hint> hint;
};

/// From {"messages":[{"role","content"}],"params":{..},"stream","extra","epoch"}. Unknown parameters, unknown roles, no
/// messages, an image of no known type: bad_request.
tl::expected<ChatRequest, CallError> chat_request_from_json(const Json& value);
tl::expected<ChatParams, CallError> chat_params_from_json(const Json& value);
Json to_json(const ChatParams& params);

/// The system and developer messages, wherever they stand, joined by a blank line, and the others in their order
/// (models.md 2.6). An image among the former: bad_request. The pointers are into `messages`.
struct SplitMessages {
  std::string system;
  std::vector<const Message*> others;
  bool has_user = false;
};
tl::expected<SplitMessages, CallError> split_system(const std::vector<Message>& messages);

/// The media type of an image that is given as data: the one recognised from its bytes, else the given one. "" for an
/// image that is an address. bad_request: neither is known, or neither data nor address is there.
tl::expected<std::string, CallError> image_media_type(const ImagePart& image);

/// "image/png" and its kin by signature (PNG, JPEG, GIF, WebP) of base64 bytes; "" when none matches.
std::string_view image_type_of_base64(std::string_view base64);

}  // namespace assay
