#include "runners/llm/prompt_logprobs.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "runners/llm/completions.hpp"
#include "runners/llm/provider.hpp"

namespace assay {
namespace {

bool echoes_chats(const ModelEntry& entry) {
  const Provider* provider = find_provider(entry.type);
  return provider != nullptr && provider->prompt_logprobs();
}

bool echoes_completions(const ModelEntry& entry) { return entry.type == "openai" && vendor_of(entry) == "vllm"; }

}  // namespace

bool gives_prompt_logprobs(const ModelEntry& entry) { return echoes_chats(entry) || echoes_completions(entry); }

ModelHandle prompt_logprobs_model(const ModelHandle& model) {
  if (!gives_prompt_logprobs(*model)) {
    throw Error("unsupported", model->name + " can't tell log-probabilities of a text's own tokens", "model",
                "models of together and vllm can: provider: vllm with the server's base_url");
  }
  if (echoes_chats(*model) || takes_completions(*model)) return model;
  return completions_of(*model);
}

ChatRequest prompt_logprobs_request(std::string text) {
  ChatRequest request;
  request.messages.emplace_back(Role::user, std::move(text));
  request.params.max_tokens = 1;
  request.params.temperature = 0;
  request.stream = StreamMode::never;
  request.extra = Json::object({{"echo", true}, {"logprobs", 1}});
  return request;
}

std::vector<PromptToken> prompt_tokens(const ChatReply& reply, std::string_view text) {
  // A chat's are told apart from the answer's; a completion's answer goes on where the text ends.
  const bool chat = !reply.prompt_logprobs.empty();
  const std::vector<TokenLogprob>& told = chat ? reply.prompt_logprobs : reply.logprobs;
  std::string joined;
  for (const TokenLogprob& token : told) joined += token.token;
  // Of several places the last in a chat's frame is the message; a completion begins with the text, but for a mark.
  const std::size_t begin = chat ? joined.rfind(text) : joined.find(text);
  std::vector<PromptToken> tokens;
  if (begin == std::string::npos || text.empty()) return tokens;
  const std::size_t end = begin + text.size();
  std::size_t at = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::size_t next = at + told[i].token.size();
    if (next > begin && at < end) {
      PromptToken token{told[i].token, at < begin ? 0 : at - begin, std::nullopt};
      if (i > 0) token.logprob = told[i].logprob;
      tokens.push_back(std::move(token));
    }
    at = next;
  }
  return tokens;
}

bool gives_top_logprobs(const ModelEntry& entry) {
  const Provider* provider = find_provider(entry.type);
  if (provider == nullptr || provider->simulated()) return false;
  ChatRequest request;
  request.messages.emplace_back(Role::user, "x");
  request.params.logprobs = true;
  request.params.top_logprobs = 1;
  const auto built = provider->build(request, entry);
  return built && std::none_of(built->dropped.begin(), built->dropped.end(),
                               [](const std::string& name) { return name == "logprobs" || name == "top_logprobs"; });
}

}  // namespace assay
