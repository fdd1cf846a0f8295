#pragma once
// Prompt log-probabilities of a task's responses: what MI and GPPM are made from. Text sent: a delimiter line, B, a
// newline, A (A alone: delimiter line, A); tokens of A are those that begin in it. Specs: peer_prediction.md 6. The
// thread of its calls.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/peer_prediction/asking.hpp"

namespace assay {

/// "Translations:", "Summaries:", "Reviews:" by what the task's description is about, else "Responses:".
std::string_view logprob_delimiter(std::string_view task_description);

/// Calls logp/base/i and logp/cond/i/j (A_i after A_j) of all that have a response; agents count from 1 in keys.
class PeerLogprobs {
 public:
  /// Both outlive it.
  PeerLogprobs(const PeerSettings& settings, const std::vector<std::optional<std::string>>& responses);
  void ask(AskAll& calls, const ModelHandle& model);
  /// When the calls are finished: {"base": [{"mean","sum","tokens"}|null ..], "cond": [[..]..]}, and "errors": each
  /// different one once, where there are any.
  Json take();

 private:
  void ask_one(AskAll& calls, const ModelHandle& model, const std::string& key, const std::string& before,
               const std::string& text, Json& cell);

  const std::vector<std::optional<std::string>>& responses_;
  const std::string delimiter_;
  Json base_, cond_;
  std::vector<std::string> errors_;
};

}  // namespace assay
