#pragma once
// What differs from provider to provider: a file and a row each. Pure: any thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/text/hash.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/reply_stream.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

/// A request ready to go. `canonical` is what is hashed and stored: {"body":B,"endpoint":E,..,"v":1}; the body on the
/// wire is B itself (its bytes in `canonical`), with `stream_fields` put before its last brace.
struct PreparedRequest {
  std::string canonical;
  std::size_t body_begin = 0, body_size = 0;
  Hash128 hash;
  bool stream = false;
  std::string url;                   // where this request goes when that is not the entry's address; "" otherwise
  std::string stream_fields;         // "\"stream\":true,..", as this request is to be answered; "" none
  std::vector<std::string> dropped;  // parameters that can't be expressed, sorted
  std::vector<Header> headers;       // without those of a single try
  std::string wire_body() const;
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual std::string_view type() const = 0;
  /// Whether it is answered without a transport (sim).
  virtual bool simulated() const { return false; }
  /// Whether an Idempotency-Key is sent (models.md 5.4).
  virtual bool idempotency_key() const { return false; }
  /// Whether it can tell log-probabilities of the prompt's own tokens (models.md 2.8).
  virtual bool prompt_logprobs() const { return false; }
  virtual tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const = 0;
  /// The bytes of a 2xx reply as received, judged by themselves: a stream or one JSON body. `whole` false: the transfer
  /// was cut; a stream that was complete by then is a reply all the same, anything else network/cut.
  virtual tl::expected<ChatReply, CallError> parse(std::string_view body, const ModelEntry& entry,
                                                   bool whole = true) const;
  /// A reader of one streamed reply.
  virtual std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const = 0;
  /// The error of a reply whose status is not 2xx. `document`: its body, null when that is no JSON.
  virtual CallError classify(int http_status, const Json& document, const ModelEntry& entry) const;
  /// The field of the body whose correction would satisfy a 400, "" when it is no matter of that (models.md 2.4).
  virtual std::string field_to_correct(const CallError&) const { return ""; }
  virtual void correct(Json& /*body*/, const std::string& /*field*/) const {}

 protected:
  /// A reply that is one JSON document.
  virtual tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                           bool utf8_repaired) const = 0;
  /// Whether its own streams are JSON lines.
  virtual bool streams_lines() const { return false; }
};

/// Whose words, headers and habits to expect: the provider's own name among those of type openai, else the type.
std::string_view vendor_of(const ModelEntry& entry);

/// nullptr: no such provider in this build.
const Provider* find_provider(std::string_view type);
const Provider& openai_provider();
const Provider& azure_provider();
const Provider& together_provider();
const Provider& llama_provider();
const Provider& anthropic_provider();
const Provider& cohere_provider();
const Provider& gemini_provider();
const Provider& ollama_provider();
const Provider& exec_provider();
const Provider& sim_provider();

}  // namespace assay
