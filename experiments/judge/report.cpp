#include "experiments/judge/report.hpp"

#include "core/statistics/resampling.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/report_batch.hpp"
#include "experiments/judge/report_tables.hpp"
#include "experiments/judge/report_text.hpp"

namespace assay {
namespace {

/// Runs of the sources that had no answer, as they were counted at load: status -> how many. Rows that were no item
/// stand beside them.
std::uint64_t source_missing_of(const Json& missing) {
  std::uint64_t sum = 0;
  if (!missing.is_object()) return sum;
  for (const auto& [status, n] : missing.items()) {
    if (status != "bad_rows" && n.is_number_integer()) sum += n.get<std::uint64_t>();
  }
  return sum;
}

Json notes_of(const JudgedBatch& batch) {
  Json notes = Json::array();
  const auto few = static_cast<std::uint64_t>(kFewClusters);
  if (batch.clusters < few && batch.clusters < batch.items.size())
    notes.push_back("few clusters (" + std::to_string(batch.clusters) + "): intervals are rough");
  if (!has_two_answers(batch.settings.mode)) return notes.empty() ? Json() : notes;
  std::uint64_t own = 0, dropped = 0;
  for (const JudgedItem& item : batch.items) {
    if (item.model_a == item.model_b) ++own;
    if (item.panel.dropped) ++dropped;
  }
  if (own > 0) notes.push_back(counted(own, "game", "games") + " of a model against itself: in no win rate, no rating");
  if (dropped > 0)
    notes.push_back(counted(dropped, "inconsistent item", "inconsistent items") +
                    " left out of all figures but position "
                    "(swap_rule=drop)");
  return notes.empty() ? Json() : notes;
}

std::string title_of(const BatchInfo& info, const JudgedBatch& batch) {
  std::string title = "judge: " + info.name + ", " + std::string(to_text(batch.settings.mode));
  constexpr std::size_t kNamed = 3;
  if (batch.judges.size() > kNamed) return title + ", " + counted(batch.judges.size(), "judge", "judges");
  for (std::uint32_t i = 0; i < batch.judges.size(); ++i) title += (i == 0 ? " by " : ", ") + batch.judges[i];
  return title;
}

}  // namespace

Report judge_report(const BatchView& view) {
  const BatchInfo& info = view.info();
  const JudgeRecords record(info);
  JudgedBatch batch(record.settings());
  const Json params = info.params.is_object() ? info.params : Json::object();
  const bool first_is_baseline = params.value("format", Json()) == "alpaca";
  view.each(true, [&](const RunView& run) { batch.add(record(run, view.experiment()), first_is_baseline); });

  Report report;
  Json& f = report.figures;
  const Json missing = params.value("source_missing", Json());
  f["counts"] = counts_figures(batch, source_missing_of(missing));
  f["mode"] = std::string(to_text(batch.settings.mode));
  if (!missing.is_null()) f["source_missing"] = missing;
  using Maker = Json (*)(const JudgedBatch&);
  const std::pair<const char*, Maker> tables[] = {
      {"score", score_figures},
      {"scores", scores_table},
      {"win_rate", win_rate_table},
      {"ranking", ranking_table},
      {"agreement", agreement_table},
      {"panel", panel_figures},
      {"gold", gold_table},
      {"position", position_table},
      {"self_consistency", self_consistency_table},
      {"length", length_table},
      {"self_preference", self_preference_table},
      {"probes", probes_table},
      {"judges", judges_table},
      {"models_used", models_used_table},
      {"cost", cost_table},
      {"notes", notes_of},
  };
  for (const auto& [key, make] : tables) {
    if (Json made = make(batch); !made.is_null()) f[key] = std::move(made);
  }
  write_judge_report(report, title_of(info, batch));
  return report;
}

}  // namespace assay
