#pragma once
// The tables of a report on judgements, in their JSON form, with the columns of judge.md 10. A table is a list of
// objects, what has one row only is an object; null: it does not apply. Rows that pool (`*`, panel) come first. What is
// not defined is null. Pure functions: any thread.

#include "core/statistics/figure.hpp"
#include "core/text/json.hpp"
#include "experiments/judge/report_batch.hpp"

namespace assay {

/// NaN and infinities as null.
Json number(double value);
/// In the place of a model, a category, a turn: all of them.
inline constexpr const char* kAll = "*";

// report_counts.cpp
/// Beside judge.md 10: probes, where there are any; they are in no other count.
Json counts_figures(const JudgedBatch& batch, std::uint64_t source_missing);
/// A row per judge: how its judgements were read. Beside judge.md 10.
Json judges_table(const JudgedBatch& batch);
/// Beside judge.md 10: missing, upstream_n.
Json score_figures(const JudgedBatch& batch);
Json scores_table(const JudgedBatch& batch);
Json models_used_table(const JudgedBatch& batch);
Json cost_table(const JudgedBatch& batch);

// report_wins.cpp
Json win_rate_table(const JudgedBatch& batch);
/// Beside judge.md 10: `n` (games), `group` and `why` where no rating exists (statistics.md 8).
Json ranking_table(const JudgedBatch& batch);
/// Beside judge.md 10: a row `*` of all games of a judge, and longer_low, longer_high of longer_rate.
Json length_table(const JudgedBatch& batch);

// report_agreement.cpp
/// Both directions of each pair. Beside judge.md 10: kappa_low, kappa_high (bootstrap over clusters of items), where
/// the pairs and their items are not too many for it.
Json agreement_table(const JudgedBatch& batch);
/// Beside judge.md 10: n (items with a verdict of the panel), alpha_low, alpha_high.
Json panel_figures(const JudgedBatch& batch);
Json gold_table(const JudgedBatch& batch);

// report_audit.cpp
/// Beside judge.md 10: low, high of `bias`: Student's t over items or clusters of each item's -1, 0, 1.
Json position_table(const JudgedBatch& batch);
/// Beside judge.md 10: low, high of `agreement`.
Json self_consistency_table(const JudgedBatch& batch);
/// judge, family, n, own, others, difference, low, high: mean value of the answer of the judge's provider family under
/// this judge, minus the same under the judges of other families; games against another family, judged by both.
Json self_preference_table(const JudgedBatch& batch);
/// judge, probe, n, passed, missing, rate, low, high.
Json probes_table(const JudgedBatch& batch);
/// The provider family that a model's name speaks of, else what stands before its slash; "" unknown.
std::string model_family(const std::string& model);

}  // namespace assay
