#pragma once
// How one item is judged: step 1 makes all judgements at the same time, further steps ask again what could not be read.
// Shared by all runs of its batch and all threads. Specs: judge.md 5.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/runner.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/prompts.hpp"
#include "experiments/judge/settings.hpp"
#include "runners/judge/asking.hpp"
#include "runners/llm/client.hpp"

namespace assay {

/// The orders in which an item's answers are shown; swap=random draws one from the stream "order/{id}".
std::vector<JudgeOrder> judge_orders(const JudgeSettings& settings, const JudgeItem& item);

/// One judgement before it is made: which it is, and its key.
struct PlannedJudgement {
  std::string key;  ///< JUDGE_INDEX/ORDER/SAMPLE
  std::size_t judge = 0;
  Judgement made;
};
/// Judges in their order, orders, samples.
std::vector<PlannedJudgement> planned_judgements(const JudgeSettings& settings, const JudgeItem& item);

/// Temperature, max_tokens, top_p, log-probabilities and the form of the reply, from the batch's parameters.
ChatParams judge_params(const Json& params, const JudgeSettings& settings, const JudgeItem& item);

/// Item -> rater -> verdict: what `evaluate human=FILE` gave.
using HumanVerdicts = std::map<std::string, std::map<std::string, Json>>;

/// Models by judge, with timeout and fallbacks as the parameters say; empty in a runner that only evaluates.
class JudgeRunner final : public Runner {
 public:
  JudgeRunner(ChatClient& client, Json params, std::vector<ModelHandle> models,
              std::unique_ptr<const JudgePrompt> prompt, Json changes = Json::object(), HumanVerdicts human = {});

  Next step(Run& run, Step& step) override;
  Score evaluate(Run& run, Step& step) override;
  std::uint32_t max_steps() const override { return settings_.reask + 2; }

 private:
  ChatRequest request_of(const JudgeItem& item, const PlannedJudgement& planned, const std::vector<Message>& messages,
                         const ReadingRules& rules) const;

  ChatClient& client_;
  const Json params_;
  const JudgeSettings settings_;
  const std::vector<ModelHandle> models_;
  const std::unique_ptr<const JudgePrompt> prompt_;
  const Json changes_;  ///< what `evaluate` was given
  const HumanVerdicts human_;
};

}  // namespace assay
