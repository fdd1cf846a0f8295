#include "experiments/peer_prediction/logprobs.hpp"

#include <algorithm>

#include "core/text/words.hpp"
#include "runners/llm/prompt_logprobs.hpp"

namespace assay {
namespace {

/// Mean and sum over the tokens that begin at `start` or later; null: there is none. One that holds the end of B as
/// well is left out, with B before A and without, so that both means are over the same tokens.
Json summed(const ChatReply& reply, const std::string& sent, std::size_t start) {
  double sum = 0;
  std::size_t tokens = 0;
  for (const PromptToken& token : prompt_tokens(reply, sent)) {
    if (token.offset < start || !token.logprob) continue;
    sum += *token.logprob;
    ++tokens;
  }
  if (tokens == 0) return nullptr;
  return Json{{"mean", sum / static_cast<double>(tokens)}, {"sum", sum}, {"tokens", tokens}};
}

}  // namespace

std::string_view logprob_delimiter(std::string_view task_description) {
  const std::string lower = ascii_lower(task_description);
  if (lower.find("translat") != std::string::npos) return "Translations:";
  if (lower.find("summar") != std::string::npos) return "Summaries:";
  if (lower.find("review") != std::string::npos) return "Reviews:";
  return "Responses:";
}

PeerLogprobs::PeerLogprobs(const PeerSettings& settings, const std::vector<std::optional<std::string>>& responses)
    : responses_(responses),
      delimiter_(std::string(logprob_delimiter(settings.task_description)) + "\n"),
      base_(std::vector<Json>(responses.size())),
      cond_(std::vector<Json>(responses.size(), Json(std::vector<Json>(responses.size())))) {}

void PeerLogprobs::ask(AskAll& calls, const ModelHandle& model) {
  const ModelHandle asked = prompt_logprobs_model(model);
  for (std::size_t i = 0; i < responses_.size(); ++i) {
    if (!responses_[i]) continue;
    const std::string key = std::to_string(i + 1);
    ask_one(calls, asked, "logp/base/" + key, "", *responses_[i], base_[i]);
    for (std::size_t j = 0; j < responses_.size(); ++j) {
      if (i == j || !responses_[j]) continue;
      ask_one(calls, asked, "logp/cond/" + key + "/" + std::to_string(j + 1), *responses_[j] + "\n", *responses_[i],
              cond_[i][j]);
    }
  }
}

void PeerLogprobs::ask_one(AskAll& calls, const ModelHandle& model, const std::string& key, const std::string& before,
                           const std::string& text, Json& cell) {
  std::string sent = delimiter_ + before;
  const std::size_t start = sent.size();
  sent += text;
  const ChatRequest request = prompt_logprobs_request(sent);
  calls.ask(key, model, request,
            [this, &cell, start, sent = std::move(sent)](const tl::expected<ChatReply, CallError>& reply) {
              if (reply) cell = summed(*reply, sent, start);
              if (!cell.is_null()) return;
              std::string error =
                  reply ? "the reply tells no log-probabilities of the text" : error_text(reply.error());
              if (std::find(errors_.begin(), errors_.end(), error) == errors_.end())
                errors_.push_back(std::move(error));
            });
}

Json PeerLogprobs::take() {
  Json all{{"base", std::move(base_)}, {"cond", std::move(cond_)}};
  if (!errors_.empty()) all["errors"] = std::move(errors_);
  return all;
}

}  // namespace assay
