#include "experiments/peer_prediction/item_files.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/text/atomic_file.hpp"
#include "experiments/peer_prediction/record.hpp"

namespace assay {
namespace {

using Cell = std::function<double(std::size_t, std::size_t)>;

struct Mechanism {
  const char* key;   ///< of run.data.items
  const char* file;  ///< without the example
};
constexpr Mechanism kMechanisms[] = {
    {"tvd_mi", "tvd_mi_individual_examples/tvd_mi_example_"},
    {"judge_with_context", "llm_context_individual_examples/judge_with_context_example_"},
    {"judge_without_context", "llm_without_context_individual_examples/judge_without_context_example_"},
    {"log", "log_individual_examples/peer_prediction_example_"}};

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json matrix_json(std::size_t n, const Cell& cell) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < n; ++i) {
    rows.push_back(Json::array());
    for (std::size_t j = 0; j < n; ++j) rows.back().push_back(i == j ? Json(0.0) : finite_or_null(cell(i, j)));
  }
  return rows;
}

double row_mean(std::size_t n, std::size_t i, const Cell& cell) {
  return mean_of_finite(n, [&](std::size_t j) { return i == j ? std::nan("") : cell(i, j); });
}
double column_mean(std::size_t n, std::size_t j, const Cell& cell) {
  return mean_of_finite(n, [&](std::size_t i) { return i == j ? std::nan("") : cell(i, j); });
}

Json vector_json(std::size_t n, const std::function<double(std::size_t)>& f) {
  Json list = Json::array();
  for (std::size_t i = 0; i < n; ++i) list.push_back(finite_or_null(f(i)));
  return list;
}

/// A number where the run's id is one, else its place.
Json example_of(const std::string& id, std::uint64_t place) {
  const bool digits =
      !id.empty() && id.size() < 10 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::stoull(id) : place;
}

/// What one task came to, in upstream's keys; null: nothing of that mechanism.
Json made_item(const char* key, const PeerTask& task, const Json& example, const Json& names) {
  const std::size_t n = task.p.n;
  const std::string mechanism = key;
  Json out = Json::object({{"example_idx", example}, {"condition_keys", names}});
  const auto lengths = [&] {
    out["response_lengths"] =
        vector_json(n, [&](std::size_t i) { return i < task.lengths.size() ? task.lengths[i] : std::nan(""); });
  };
  if (mechanism == "tvd_mi") {
    if (task.p_counts.planned == 0) return nullptr;
    const Cell cell = [&](std::size_t i, std::size_t j) { return peer_difference(task, i, j); };
    out["tvd_mi_matrix"] = matrix_json(n, cell);
    out["tvd_mi_scores"] = vector_json(n, [&](std::size_t i) { return row_mean(n, i, cell); });
    out["tvd_mi_bidirectional"] =
        vector_json(n, [&](std::size_t i) { return (row_mean(n, i, cell) + column_mean(n, i, cell)) / 2; });
    lengths();
    out["metadata"] =
        Json::object({{"num_p_comparisons", task.p_counts.answered}, {"num_q_comparisons", task.q_counts.answered}});
    return out;
  }
  if (mechanism == "log") return nullptr;
  const bool with = mechanism == "judge_with_context";
  const PeerGrid& wins = with ? task.with : task.without;
  const PeerCounts& counts = with ? task.with_counts : task.without_counts;
  if (counts.planned == 0) return nullptr;
  const Cell cell = [&](std::size_t i, std::size_t j) { return wins.mean(i, j); };
  out["with_context"] = with;
  out["win_matrix"] = matrix_json(n, cell);
  out["win_rates"] = vector_json(n, [&](std::size_t i) { return row_mean(n, i, cell); });
  lengths();
  out["metadata"] = Json::object({{"total_comparisons", counts.answered}});
  return out;
}

/// A recorded item with the names of its agents where upstream has them.
Json recorded_item(const Json& kept, const Json& names) {
  Json out = Json::object();
  for (const auto& [key, value] : kept.items()) {
    out[key] = value;
    if (key == "example_idx") out["condition_keys"] = names;
  }
  return out;
}

/// The scores of the log-probabilities, from the run's own.
Json log_item(const RunView& run, const PeerTask& task, const Json& example, const Json& names) {
  if (!run.answer.is_object() || !run.answer.contains("logp") || !run.answer["logp"].is_object()) return nullptr;
  const Json& logp = run.answer["logp"];
  const std::size_t n = task.p.n;
  const auto mean = [](const Json& cell) { return cell.is_object() && cell.contains("mean") ? cell["mean"] : Json(); };
  Json base = Json::array(), cond = Json::array(), counts = Json::array();
  for (std::size_t i = 0; i < n; ++i) {
    const Json& own = logp["base"][i];
    base.push_back(mean(own));
    counts.push_back(own.is_object() && own.contains("tokens") ? own["tokens"] : Json());
    cond.push_back(Json::array());
    for (std::size_t j = 0; j < n; ++j) cond.back().push_back(i == j ? Json(0.0) : mean(logp["cond"][i][j]));
  }
  const auto of = [n](const std::vector<double>& values) {
    return vector_json(n, [&](std::size_t i) { return i < values.size() ? values[i] : std::nan(""); });
  };
  return Json::object({{"example_idx", example},
                       {"condition_keys", names},
                       {"logp_base", std::move(base)},
                       {"logp_cond", std::move(cond)},
                       {"combined_avgs", of(task.mi)},
                       {"gppm", of(task.gppm)},
                       {"token_counts", std::move(counts)}});
}

}  // namespace

std::vector<JointExport::File> peer_item_files(const BatchView& batch, const PeerSettings& settings) {
  std::vector<JointExport::File> files;
  Json names = Json::array();
  for (const PeerAgent& agent : settings.agents) names.push_back(agent.name);
  std::uint64_t place = 0;
  batch.each(true, [&](const RunView& run) {
    const Json example = example_of(run.run_id, place++);
    if (run.status != Status::complete) return;
    const PeerTask task = peer_task(settings, run);
    const bool recorded = run.data.is_object() && run.data.contains("items");
    for (const Mechanism& mechanism : kMechanisms) {
      Json item;
      if (recorded) {
        if (!run.data["items"].contains(mechanism.key)) continue;
        item = recorded_item(run.data["items"][mechanism.key], names);
      } else if (std::string_view(mechanism.key) == "log") {
        item = log_item(run, task, example, names);
      } else {
        item = made_item(mechanism.key, task, example, names);
      }
      if (!item.is_null()) {
        files.push_back({mechanism.file + safe_file_name(run.run_id) + ".json", dump_json(item, 2)});
      }
    }
  });
  return files;
}

}  // namespace assay
