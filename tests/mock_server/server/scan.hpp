#pragma once
// Finds by hand the few fields of a chat request that the mock server needs. No JSON values are built: on the fast
// path a parser would cost more than the rest of the answer. Views point into the body, as it was escaped there.
// Pure: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay::mock {

struct ChatFacts {
  /// Which roles the messages have.
  enum Role : unsigned {
    kSystem = 1,
    kDeveloper = 2,
    kUser = 4,
    kAssistant = 8,
    kTool = 16,
    kModel = 32,
    kOtherRole = 64,
    kNoRole = 128
  };

  bool object = false;  // the body is one JSON object, as far as brackets and quotes tell
  bool has_messages = false, has_message = false, has_contents = false, has_prompt = false;
  bool without_content = false;  // a message has neither content nor parts nor calls
  bool stream = false, stream_given = false;
  bool include_usage = false;
  bool logprobs = false, echo = false, image = false;
  bool has_temperature = false, old_max_tokens = false;  // max_tokens, not max_completion_tokens
  double temperature = 1;
  unsigned roles = 0;
  std::uint64_t message_count = 0;
  std::uint64_t max_tokens = 0;  // 0: not given
  std::uint64_t top_logprobs = 0;
  std::uint64_t messages_bytes = 0;  // of the messages' JSON text, system text and history included
  std::uint64_t fingerprint = 0;     // of the body without its members "stream" and "stream_options"
  std::string_view model;            // still JSON-escaped
  std::string_view content;          // of the last message, still JSON-escaped; several text parts: see joined
  std::string joined;                // text parts of the last message, when its content is a list

  std::string_view prompt() const { return joined.empty() ? content : std::string_view(joined); }
};

/// Reads `body` into `facts`, which may be one that was used before.
void scan_chat(std::string_view body, ChatFacts& facts);

/// The JSON text of a member of the object text `object`, as it stands there; "" if there is none.
std::string_view raw_member(std::string_view object, std::string_view key);

/// The exact sum, as decimal text, of the two numbers of `text`: those after the last "A:" and "B:", else the only two
/// numbers in it. Whole and fractional, with sign; up to 18 digits each.
std::optional<std::string> sum_of_two(std::string_view text);

/// The letters offered in `text` as "A)", "B)", .. or "A.", "B.", ..: their number, 4 if there are fewer than two.
unsigned count_options(std::string_view text);

/// `text` as it stands between the quotes of a JSON string.
std::string json_escape(std::string_view text);

}  // namespace assay::mock
