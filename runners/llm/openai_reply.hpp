#pragma once
// Reading replies in OpenAI's shape: one JSON body or a stream. The plain reply goes through a scanner that builds no
// tree; anything unusual through the full parser. Specs: models.md 2.1-2.5, 2.8, 2.11. Pure functions: any thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/text/json.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/reply_stream.hpp"

namespace assay {

/// `vendor`: whose words the errors are in. `think_tags`: split <think> off when no reasoning field came.
tl::expected<ChatReply, CallError> read_openai_document(const Json& document, std::string_view vendor, bool think_tags,
                                                        bool utf8_repaired);
std::unique_ptr<ReplyStream> open_openai_stream(std::string_view vendor, bool think_tags);

/// The plain reply by the scanner, <think> not split; nullopt: look at it with the full parser.
std::optional<ChatReply> scan_openai_reply(std::string_view body);

}  // namespace assay
