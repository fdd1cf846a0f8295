#pragma once
// What all readers of replies share: taking fields out of JSON that came from outside, the judgements every reply goes
// through at its end, and the errors a reader gives. Specs: models.md 2.1, 2.2. Pure functions: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/text/json.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/reply.hpp"

namespace assay {

/// The member of an object; nullptr when it is absent or null, or `value` is no object.
const Json* json_member(const Json& value, const char* name);
/// A number as an integer; nullopt for anything else.
std::optional<std::int64_t> json_integer(const Json* value);
double json_number(const Json* value);          ///< 0 for anything else
std::string json_text(const Json* value);       ///< "" for anything else
std::string_view json_word(const Json* value);  ///< the same, a view into the value

/// A 2xx that cannot be read: bad_response/`sub`, possibly billed.
CallError bad_response(std::string sub, std::string message);
/// The reply ended before its end: network/cut, possibly billed.
CallError cut_reply(std::string message);

/// The JSON of a body, or bad_response with not_json, too_deep or too_big. Leading blanks and BOM are skipped.
tl::expected<Json, CallError> parse_reply_json(std::string_view body, bool* utf8_repaired);

/// The error of a 2xx whose document has an `error` object or text, or that says of itself that it is one
/// (`"object":"error"`); nullopt for a reply. `vendor` as for classify_error.
std::optional<CallError> error_of_document(std::string_view vendor, const Json& document);

/// `[{"token","logprob","top_logprobs":[{"token","logprob"}]}]`, appended.
void append_token_logprobs(const Json* list, std::vector<TokenLogprob>& to);

/// Splits a leading <think>..</think> (models.md 2.1).
void split_think_tags(ChatReply& reply);

/// The end of every reader: stop `error` becomes server/stop_error, <think> is split off when `think_tags` and no
/// reasoning field came, flags are set.
tl::expected<ChatReply, CallError> finish_reply(ChatReply reply, bool think_tags, bool utf8_repaired);

}  // namespace assay
