#pragma once
// What a judged run comes to: run.answer and its score. Specs: judge.md 3, 5. Pure functions: any thread.

#include "core/model/score.hpp"
#include "runners/judge/pooling.hpp"

namespace assay {

/// {"verdict","value","why","judgements":[..]}; why: null, or PooledVerdict::why. compare: also "value_a", "value_b";
/// rubric: "scores".
Json judge_answer(const ReadingRules& rules, const PooledRun& pooled, const std::vector<Judgement>& judgements);

/// The gold of an item in the forms that people write it, as the alphabet's verdict: "A", "model_1", "1", 1, true,
/// "yes", a number of the scale. In the item's own order. Null: there is none, or it can't be read.
Json gold_verdict(const ReadingRules& rules, const Json& gold);

/// Score and metrics by mode (judge.md 3, 8); `gold` as gold_verdict gave it. Without a verdict: null, no metric.
Score judge_score(const ReadingRules& rules, const PooledRun& pooled, const Json& gold);

}  // namespace assay
