#pragma once
// A judged run as reports and exports read it: the item, its judgements, and what they come to. Specs: judge.md 5,
// 9, 10. Any thread.

#include <functional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/settings.hpp"
#include "runners/judge/judgement.hpp"
#include "runners/judge/outcome.hpp"
#include "runners/judge/pooling.hpp"

namespace assay {

struct JudgeRecord {
  RunId run = kNoRun;
  std::string id;
  Status status = Status::ready;
  JudgeItem item;
  JudgeSettings settings;  ///< with what `evaluate` changed (run.answer.settings)
  ReadingRules reading;
  std::vector<Judgement> judgements;  ///< empty unless COMPLETE, or FAILed with some recorded
  PooledRun pooled;
  Json gold;  ///< gold_verdict of the item
  bool stale = false;
  Score score;
};

/// Settings of a batch, read once; then records of its runs.
class JudgeRecords {
 public:
  explicit JudgeRecords(const BatchInfo& batch);
  JudgeRecord operator()(const RunView& run, const ExperimentView* experiment = nullptr) const;
  const JudgeSettings& settings() const { return settings_; }

 private:
  Json params_;
  JudgeSettings settings_;
};

/// The item's gold as a verdict of the rules; null: there is none, or it can't be read.
Json item_gold(const ReadingRules& rules, const JudgeItem& item);

/// Whether the run it was made from has a newer attempt, or is gone.
bool is_stale(const Json& source, const ExperimentView* experiment);

/// run.answer and score of judgements that are read anew: `changes` are what `evaluate` was given (kept as
/// answer.settings; empty: none). Used at load for recorded judgements and by the runner's evaluate.
struct JudgedRun {
  Json answer;
  Score score;
};
JudgedRun judged_run(const JudgeSettings& settings, const JudgeItem& item, std::vector<Judgement> judgements,
                     const Json& changes = Json::object());

/// item.recorded as judgements, read by the settings.
std::vector<Judgement> recorded_judgements(const JudgeSettings& settings, const JudgeItem& item);

}  // namespace assay
