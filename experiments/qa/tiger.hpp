#pragma once
// TIGER-AI-Lab's MMLU-Pro scripts: their figures, random guesses included, and their file. Nothing here touches a score
// or an answer. Specs: qa.md 6 (scheme=tiger), 8. Pure: any thread.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

inline constexpr std::int64_t kTigerSeed = 12345;

struct TigerFigures {
  std::uint64_t n = 0, l1 = 0, l2 = 0, save_res_l1 = 0, save_res_l2 = 0;
  std::uint64_t levels[4] = {0, 0, 0, 0};  ///< found at level 1, 2, 3; not found
  /// Metrics by run: tiger_l1, tiger_l2, tiger_level, tiger_save_res_l1, tiger_save_res_l2.
  std::vector<std::pair<RunId, Score>> metrics;
};

/// compute_accuracy and save_res over the COMPLETE runs of choice items with a gold answer, in batch order. Where
/// nothing is found they guess: CPython's generator, one for both passes of the first, a fresh one per rule of the
/// second.
TigerFigures tiger_scheme(const BatchView& batch, std::int64_t seed = kTigerSeed);
/// The same as `evaluate QUERY scheme=tiger` gives it: metrics, and the figures as a report.
RuleOutcome tiger_outcome(const BatchView& batch, std::int64_t seed = kTigerSeed);

/// [{question_id, question, options, answer, answer_index, cot_content, category, src, pred, model_outputs}], readable
/// by TIGER's scripts and by `load qa .. map.reply=model_outputs`: the COMPLETE runs of these batches, one after the
/// other. The file is named by the (first) batch.
ExportedFile export_tiger(const std::vector<const BatchView*>& batches);

}  // namespace assay
