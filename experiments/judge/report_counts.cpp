#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/statistics/proportion.hpp"
#include "experiments/judge/report_tables.hpp"

namespace assay {
namespace {

constexpr ReadStatus kStatuses[] = {
    ReadStatus::exact,  ReadStatus::lenient, ReadStatus::ambiguous, ReadStatus::out_of_range, ReadStatus::partial,
    ReadStatus::failed, ReadStatus::empty,   ReadStatus::truncated, ReadStatus::refused,      ReadStatus::error};

void add_tally(Json& into, const JudgeTally& tally) {
  into["judgements"] = tally.judgements;
  for (const ReadStatus status : kStatuses)
    into[std::string(to_text(status))] = tally.statuses.at(static_cast<std::size_t>(status));
  into["fallback"] = tally.fallback;
  into["reask"] = tally.reask;
  into["low_mass"] = tally.low_mass;
}

bool is_share(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0 || value == 1; });
}

/// The highest and lowest value that a verdict can have; NaN: no limit is known.
std::pair<double, double> value_range(const JudgedBatch& batch) {
  if (batch.has_numbers() || batch.settings.mode == JudgeMode::compare) {
    const Scale scale = judge_scale(batch.settings.scale);
    return scale.value_or(std::pair(kUndefined, kUndefined));
  }
  if (batch.settings.mode != JudgeMode::choice) return {0, 1};
  std::pair<double, double> range{kUndefined, kUndefined};
  const VerdictLabels labels =
      verdict_labels(batch.settings.labels, batch.settings.mode, batch.settings.ties, batch.settings.choices);
  for (const VerdictLabel& label : labels.labels)
    range = {std::fmin(range.first, label.value), std::fmax(range.second, label.value)};
  return range;
}

double cut(double bound, const std::pair<double, double>& range) {
  return std::isnan(bound) ? bound : std::fmax(range.first, std::fmin(range.second, bound));
}

struct Cell {
  std::vector<double> values;
  std::vector<std::uint32_t> clusters;
  std::uint64_t missing = 0;

  void add(double value, std::uint32_t cluster) {
    if (std::isnan(value)) {
      ++missing;
      return;
    }
    values.push_back(value);
    clusters.push_back(cluster);
  }
  /// Their mean; of ones and zeros as a share. The interval stays within `range`.
  Figure mean(const std::pair<double, double>& range) const {
    Figure figure = is_share(values) ? proportion(values, clusters) : cluster_mean(values, clusters).figure;
    figure.low = cut(figure.low, range);
    figure.high = cut(figure.high, range);
    return figure;
  }
};

}  // namespace

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json counts_figures(const JudgedBatch& batch, std::uint64_t source_missing) {
  Json counts = {{"runs", batch.runs},       {"complete", batch.complete},       {"fail", batch.fail},
                 {"not_run", batch.not_run}, {"source_missing", source_missing}, {"stale", batch.stale}};
  add_tally(counts, batch.all);
  if (!batch.probes.empty()) counts["probes"] = batch.probes.size();
  return counts;
}

Json judges_table(const JudgedBatch& batch) {
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) {
    Json row = {{"judge", batch.judges[judge]}};
    add_tally(row, batch.tallies[judge]);
    table.push_back(std::move(row));
  }
  return table.empty() ? Json() : table;
}

Json score_figures(const JudgedBatch& batch) {
  const bool by_value = batch.settings.mode == JudgeMode::binary || batch.settings.mode == JudgeMode::choice;
  Cell cell;
  std::uint64_t correct = 0;
  double sum = 0, upstream = 0;
  std::uint64_t upstream_n = 0;
  for (const JudgedItem& item : batch.items) {
    if (!std::isnan(item.upstream)) {
      upstream += item.upstream;
      ++upstream_n;
    }
    if (item.score == Verdict::correct) ++correct;
    if (by_value) {
      cell.add(item.panel.given ? item.panel.value : kUndefined, item.cluster);
    } else if (item.gold.label != kNoLabel || !std::isnan(item.gold.number)) {
      const double right = item.score == Verdict::correct ? 1 : 0;
      if (!item.panel.dropped) cell.add(item.score == Verdict::none ? kUndefined : right, item.cluster);
    }
  }
  if (cell.values.empty() && cell.missing == 0 && upstream_n == 0) return nullptr;
  for (const double value : cell.values) sum += value;
  const std::pair<double, double> range = by_value ? value_range(batch) : std::pair(0.0, 1.0);
  const Figure figure = cell.mean(range);
  const Bounds both = bounds(sum, cell.values.size(), cell.missing, range.first, range.second);
  Json score = {{"n", cell.values.size()},   {"correct", correct},          {"value", number(figure.value)},
                {"low", number(figure.low)}, {"high", number(figure.high)}, {"worst", number(both.worst)},
                {"best", number(both.best)}, {"missing", cell.missing}};
  if (cell.values.empty()) score["why"] = std::string(to_text(Why::empty));
  if (upstream_n > 0) {
    score["upstream"] = upstream / static_cast<double>(upstream_n);
    score["upstream_n"] = upstream_n;
  }
  return score;
}

Json scores_table(const JudgedBatch& batch) {
  if (batch.settings.mode == JudgeMode::pairwise) return nullptr;
  // Criterion, model, category, turn; 0: all, else its number + 1 (turns: as they are).
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
  const auto stars = [](const Key& key) {
    return (std::get<0>(key) == 0) + (std::get<1>(key) == 0) + (std::get<2>(key) == 0) + (std::get<3>(key) == 0);
  };
  const bool shares = batch.settings.mode == JudgeMode::binary || batch.settings.mode == JudgeMode::choice;
  const std::pair<double, double> range = shares ? value_range(batch) : std::pair(kUndefined, kUndefined);
  const bool pool_models = batch.models.size() != 2;  // the first is the unnamed one
  Json table = Json::array();
  for (const std::uint32_t judge : batch.voters()) {
    std::map<Key, Cell> cells;
    const auto add = [&](std::uint32_t criterion, std::uint32_t model, const JudgedItem& item, double value) {
      std::vector<std::uint32_t> models;
      if (model != 0) models.push_back(model + 1);
      if (model == 0 || pool_models) models.push_back(0);
      for (const std::uint32_t m : models) {
        cells[{criterion, m, 0, 0}].add(value, item.cluster);
        if (item.category != 0) cells[{criterion, m, item.category + 1, 0}].add(value, item.cluster);
        if (item.turn != 0) cells[{criterion, m, 0, item.turn}].add(value, item.cluster);
      }
    };
    for (const auto& [item, opinion] : batch.votes(judge)) {
      if (batch.settings.mode == JudgeMode::compare) {
        if (opinion->dropped) continue;
        add(0, item->model_a, *item, opinion->value_a);
        add(0, item->model_b, *item, opinion->value_b);
        continue;
      }
      add(0, item->model_a, *item, opinion->given ? opinion->value : kUndefined);
      std::vector<double> scores(batch.criteria.size(), kUndefined);
      for (const auto& [criterion, value] : opinion->scores) scores[criterion] = value;
      for (std::uint32_t c = 0; c < scores.size(); ++c) add(c + 1, item->model_a, *item, scores[c]);
    }
    std::vector<std::pair<Key, const Cell*>> rows;
    for (const auto& [key, cell] : cells) rows.emplace_back(key, &cell);
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const auto& a, const auto& b) { return stars(a.first) > stars(b.first); });
    const auto name = [](std::uint32_t at, const Names& names, std::uint32_t shift) {
      return at == 0 ? std::string(kAll) : names[at - shift];
    };
    for (const auto& [key, cell] : rows) {
      const auto& [criterion, model, category, turn] = key;
      const Figure figure = shares ? cell->mean(range) : cluster_mean(cell->values, cell->clusters).figure;
      table.push_back({{"judge", batch.voter(judge)},
                       {"criterion", name(criterion, batch.criteria, 1)},
                       {"model", name(model, batch.models, 1)},
                       {"category", name(category, batch.categories, 1)},
                       {"turn", turn == 0 ? Json(kAll) : Json(turn)},
                       {"n", cell->values.size()},
                       {"missing", cell->missing},
                       {"mean", number(figure.value)},
                       {"low", number(figure.low)},
                       {"high", number(figure.high)}});
    }
  }
  return table.empty() ? Json() : table;
}

Json models_used_table(const JudgedBatch& batch) {
  Json table = Json::array();
  for (const ModelUsed& model : batch.used) {
    table.push_back({{"judge", batch.judges[model.judge]},
                     {"model", model.model},
                     {"judgements", model.judgements},
                     {"read", model.read},
                     {"fallback", model.fallback},
                     {"value", model.read == 0 ? Json() : Json(model.value_sum / static_cast<double>(model.read))}});
  }
  return table.empty() ? Json() : table;
}

Json cost_table(const JudgedBatch& batch) {
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) {
    const JudgeTally& tally = batch.tallies[judge];
    if (tally.calls == 0) continue;
    table.push_back({{"judge", batch.judges[judge]},
                     {"calls", tally.calls},
                     {"tokens_in", tally.tokens_in},
                     {"tokens_out", tally.tokens_out},
                     {"cost_usd", tally.cost_usd}});
  }
  return table.empty() ? Json() : table;
}

}  // namespace assay
