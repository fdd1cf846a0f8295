#pragma once
// Reading replies in OpenAI's shape: one JSON body or an event stream, judged by their bytes. The plain reply goes
// through a scanner that builds no tree; anything unusual through the full parser. Specs: models.md 2.1-2.4.
// Pure functions: any thread.

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "runners/llm/errors.hpp"
#include "runners/llm/reply.hpp"

namespace assay {

/// `provider`: its name, for errors. `think_tags`: split <think> off when no reasoning field came. `whole` false: the
/// transfer was cut; a stream that was complete by then is a reply all the same, anything else network/cut.
tl::expected<ChatReply, CallError> parse_openai_reply(std::string_view body, std::string_view provider, bool think_tags,
                                                      bool whole = true);

/// The plain reply by the scanner; nullopt: look at it with the full parser.
std::optional<ChatReply> scan_openai_reply(std::string_view body);

/// Splits a leading <think>..</think> (models.md 2.1).
void split_think_tags(ChatReply& reply);

/// The JSON of a body, or bad_response with not_json, too_deep or too_big. Leading blanks and BOM are skipped.
tl::expected<Json, CallError> parse_reply_json(std::string_view body, bool* utf8_repaired);

}  // namespace assay
