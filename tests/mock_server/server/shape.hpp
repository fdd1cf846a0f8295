#pragma once
// A provider's way of asking and answering: one Shape each, in shape_PROVIDER.cpp, with the rows of its own errors. The
// wire formats are those of the vendors' API references (specs/models.md section 2). Functions are pure but for the
// dates in limit headers; any thread.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/http.hpp"
#include "tests/mock_server/server/scan.hpp"

namespace assay::mock {

/// What a 200 says. Texts are JSON-escaped already.
struct Reply {
  enum class Finish { stop, length, filter, refusal };
  enum class Content { text, null, list };

  std::uint64_t n = 0;  // number of the request
  std::string_view model;
  std::string text;
  std::string reasoning;  // "" is absent
  Finish finish = Finish::stop;
  Content content = Content::text;
  std::uint64_t in_tokens = 0, cached = 0, cache_write = 0;  // the latter two are parts of the first
  std::uint64_t out_tokens = 0, reasoning_tokens = 0;        // the second is a part of the first
  bool usage = true;
  bool logprobs = false;
  std::uint64_t top_logprobs = 0;
  bool echo = false;        // the prompt comes back, with its log-probabilities if those were asked for
  std::string_view prompt;  // of the last message
  double cost_usd = -1;     // told in the usage where the provider does that; < 0: no price known
};

/// An error, by name. Empty texts are absent; `extra` are more members of the error object, with their leading comma.
struct ErrorRow {
  const char* name;
  int status;
  const char* type;
  const char* code;
  const char* message;
  enum class Form { json, html, redirect } form = Form::json;
  const char* param = "";
  const char* extra = "";
};

struct ErrorCall {
  const ErrorRow& row;
  int status;
  std::string_view message;      // escaped
  std::string_view retry_delay;  // RetryInfo's "2.5s"; "": none
  std::uint64_t n = 0;           // number of the request
};

/// One event of a stream.
struct Event {
  std::string data;
  const char* name = "";  // of the SSE event; "": none is written
  bool finish = false;    // says that the answer is complete
};

struct StreamWish {
  std::uint64_t chunk_bytes = 0;  // of text per event; 0: a word
  bool include_usage = false;
};

/// One dimension of a limit, as a provider announces it.
struct Announced {
  enum class Of { requests, tokens, input, output } of = Of::requests;
  double limit = 0, remaining = 0, reset_s = 0;
};

/// What a request lacks: the name of an error row and its message; `error` null: nothing.
struct Flaw {
  const char* error = nullptr;
  std::string message;
};

struct Asking {
  const HttpRequest& request;
  const ChatFacts& facts;
};

struct Shape {
  /// How a request weighs against a limit of tokens: the larger of max_tokens and its text (openai), both together
  /// (azure), its text now and the answer's tokens afterwards (all others).
  enum class Weight { larger, sum, used };

  const char* name;
  KeyHeader key_header = KeyHeader::bearer;
  bool key_needed = true;
  Weight weight = Weight::used;
  bool json_lines = false;   // streams are NDJSON, else server-sent events
  bool done_marker = false;  // streams end with `data: [DONE]`
  bool streams_unasked = false;
  bool llama_server = false;  // loads its model, has a context, reads no images: llama.hpp
  const char* id_header = "x-request-id";
  const char* malformed_error = "bad_request";  // for a body that is no JSON object
  std::span<const ErrorRow> errors;             // its own; the first row of a status is that status's plain error
  const char* hollow = "{}";                    // a 200 that holds no answer

  void (*reply)(const Reply& reply, std::string& out) = nullptr;
  void (*error)(const ErrorCall& call, std::string& out) = nullptr;
  std::vector<Event> (*events)(const Reply& reply, const StreamWish& wish) = nullptr;
  /// The error in mid-stream; null: the error's body as data.
  Event (*stream_error)(const ErrorCall& call) = nullptr;
  Flaw (*flaw)(const Asking& asking) = nullptr;
  /// Header lines about a limit; null: the provider sends none.
  void (*limit_headers)(const Announced& limit, std::string& headers) = nullptr;
  /// Header lines that say "nothing left, reset at `value`" in the words of this provider.
  void (*reset_headers)(std::string_view value, std::string& headers) = nullptr;
};

/// All shapes, in no order. A new provider is a row of this list and its file.
std::span<const Shape* const> all_shapes();
/// By name, or nullptr.
const Shape* shape_named(std::string_view name);

/// The row of this name, in the words of the provider if it has some of its own; nullptr: nobody has it.
const ErrorRow* find_error(const Shape& shape, std::string_view name);
bool known_error(std::string_view name);
/// The plain error of a status.
const ErrorRow& error_of_status(const Shape& shape, int status);

extern const Shape kOpenai, kAzure, kAnthropic, kCohere, kCohereV1, kTogether, kGemini, kGeminiArray, kOllama, kLlama,
    kOpenrouter, kDeepinfra, kGroq, kDeepseek, kVllm, kCompletions, kLlamaCompletions;

// Shared by the family of OpenAI.
void openai_reply(const Reply& reply, std::string& out);
void openai_error(const ErrorCall& call, std::string& out);
std::vector<Event> openai_events(const Reply& reply, const StreamWish& wish);
Flaw openai_flaw(const Asking& asking);
void openai_limit_headers(const Announced& limit, std::string& headers);
void openai_reset_headers(std::string_view value, std::string& headers);
void openai_usage(const Reply& reply, std::string& out);
/// `"logprobs":..` in OpenAI's form, or null.
void openai_logprobs(const Reply& reply, std::string_view text, std::string& out);
const char* openai_finish(const Reply& reply);
/// x-ratelimit-{limit,remaining,reset}, without a dimension; requests only, the reset in Unix seconds.
void plain_limit_headers(const Announced& limit, std::string& headers);
void plain_reset_headers(std::string_view value, std::string& headers);

}  // namespace assay::mock
