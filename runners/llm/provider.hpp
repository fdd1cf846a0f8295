#pragma once
// What differs from provider to provider: a file and a row each. Pure: any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/text/hash.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

/// A request ready to go. `canonical` is what is hashed and stored: {"body":B,"endpoint":E,..,"v":1}; the body on the
/// wire is B itself (its bytes in `canonical`), with `stream_fields` put before its last brace when streaming.
struct PreparedRequest {
  std::string canonical;
  std::size_t body_begin = 0, body_size = 0;
  Hash128 hash;
  bool stream = false;
  std::string stream_fields;         // "\"stream\":true,.."
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
  virtual tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const = 0;
  /// The bytes of a 2xx reply, stream or not, as received; `whole` false: the transfer was cut.
  virtual tl::expected<ChatReply, CallError> parse(std::string_view body, const ModelEntry& entry,
                                                   bool whole = true) const = 0;
  /// The field of the body whose correction would satisfy a 400, "" when it is no matter of that (models.md 2.4).
  virtual std::string field_to_correct(const CallError&) const { return ""; }
  virtual void correct(Json& /*body*/, const std::string& /*field*/) const {}
};

/// nullptr: no such provider in this build.
const Provider* find_provider(std::string_view type);
const Provider& openai_provider();
const Provider& sim_provider();

}  // namespace assay
