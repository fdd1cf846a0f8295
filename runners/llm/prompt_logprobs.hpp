#pragma once
// Log-probabilities: who can tell those of a text's own tokens (the mechanisms of peer_prediction.md 6), how they are
// asked for, and how they come back; who can tell alternatives beside each token of an answer. Specs: models.md 2.8.
// Pure functions: any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runners/llm/model_entry.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/request.hpp"

namespace assay {

/// Whether a text's own tokens can be asked for: Together's chats echo them, vLLM's text completions do.
bool gives_prompt_logprobs(const ModelEntry& entry);
/// The same model where such requests are sent. Throws Error "unsupported" unless gives_prompt_logprobs.
ModelHandle prompt_logprobs_model(const ModelHandle& model);
/// One token is made, which nobody reads; temperature 0; nothing is streamed.
ChatRequest prompt_logprobs_request(std::string text);

/// A token of the text that was sent. The first token of all has no log-probability.
struct PromptToken {
  std::string token;
  std::size_t offset = 0;  // where it begins in the text, in bytes; 0 for one that begins before it
  std::optional<double> logprob;
};
/// The tokens of `text` in the reply, in order, those of a chat's frame and what was made after the text left out.
/// Empty when the reply tells none, or its tokens joined don't hold the text.
std::vector<PromptToken> prompt_tokens(const ChatReply& reply, std::string_view text);

/// Whether it can tell the most probable alternatives of each token that it answers (`top_logprobs`).
bool gives_top_logprobs(const ModelEntry& entry);

}  // namespace assay
