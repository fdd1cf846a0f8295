#include "experiments/discussion/report_cells.hpp"

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <set>

#include "core/statistics/agreement.hpp"
#include "core/statistics/paired.hpp"

namespace assay {
namespace {

std::int64_t grid_of(const BatchInfo& info) {
  if (!info.params.is_object() || !info.params.contains("grid") || !info.params["grid"].is_object()) return 0;
  const Json load = info.params["grid"].value("load", Json());
  return load.is_number_integer() ? load.get<std::int64_t>() : 0;
}

struct Cell {
  std::string name;
  BatchInfo info;
  DiscussionRows made;
};

std::vector<Cell> cells_of(const BatchView& batch, const DiscussionRows& own) {
  std::vector<Cell> cells;
  const std::int64_t grid = grid_of(batch.info());
  if (grid == 0) return cells;
  const ExperimentView* experiment = batch.experiment();
  const std::vector<BatchInfo> batches = experiment ? experiment->batches() : std::vector<BatchInfo>{batch.info()};
  for (const BatchInfo& info : batches) {
    if (info.kind != batch.info().kind || grid_of(info) != grid) continue;
    const bool itself = info.id == batch.info().id;
    const std::string name = cell_name(info);
    cells.push_back(
        {name.empty() ? info.name : name, info, itself ? own : discussion_rows(*experiment->view(info.id))});
  }
  return cells;
}

std::map<std::string, const DiscussionRow*> complete_by_id(const std::vector<DiscussionRow>& rows) {
  std::map<std::string, const DiscussionRow*> found;
  for (const DiscussionRow& row : rows) {
    if (row.status == Status::complete) found.emplace(row.run_id, &row);
  }
  return found;
}

using RowPair = std::pair<const DiscussionRow*, const DiscussionRow*>;  // a discussion, and what it is compared with

struct PairedMetric {
  double before = kUndefined, after = kUndefined;
  Figure difference;
  double p = kUndefined;
};

PairedMetric compare(const std::vector<RowPair>& pairs, const RowMetric& metric) {
  PairedMetric made;
  std::vector<double> differences;
  double before = 0, after = 0;
  for (const auto& [one, other] : pairs) {
    const double a = metric.of(*one), b = metric.of(*other);
    if (std::isnan(a) || std::isnan(b)) continue;
    differences.push_back(a - b);
    before += b;
    after += a;
  }
  if (differences.empty()) return made;
  const auto n = static_cast<double>(differences.size());
  made.before = before / n;
  made.after = after / n;
  made.difference = paired_interval(differences);
  made.p = paired_permutation(differences, {}, NamedStream("1//0/permutation/" + std::string(metric.name))).p;
  return made;
}

Json difference_json(const PairedMetric& made) {
  return {{"n", made.difference.n},
          {"mean", number_or_null(made.difference.value)},
          {"ci95", interval_or_null({made.difference.low, made.difference.high})},
          {"p", number_or_null(made.p)}};
}

/// p-values adjusted for how many there are.
void adjust(const std::vector<Json*>& comparisons) {
  std::vector<double> p;
  std::vector<Json*> tested;
  for (Json* comparison : comparisons) {
    (*comparison)["p_holm"] = nullptr;
    if (!(*comparison)["p"].is_number()) continue;
    p.push_back((*comparison)["p"].get<double>());
    tested.push_back(comparison);
  }
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < tested.size(); ++i) (*tested[i])["p_holm"] = adjusted[i];
}

}  // namespace

std::string cell_name(const BatchInfo& info) {
  std::string name;
  if (grid_of(info) == 0 || !info.params["grid"].contains("cell")) return name;
  for (const auto& [key, value] : info.params["grid"]["cell"].items()) {
    name += (name.empty() ? "" : ", ") + key + "=" + (value.is_string() ? value.get<std::string>() : dump_json(value));
  }
  return name;
}

void add_grid(Json& figures, const BatchView& batch, const DiscussionRows& own) {
  const std::vector<Cell> cells = cells_of(batch, own);
  if (cells.empty()) return;
  Json list = Json::array();
  const auto first = complete_by_id(cells.front().made.rows);
  for (const Cell& cell : cells) {
    std::vector<const DiscussionRow*> rows;
    for (const DiscussionRow& row : cell.made.rows) rows.push_back(&row);
    figures["variants"][cell.name] = discussion_blocks(rows, cell.made.prices);
    const auto complete = complete_by_id(cell.made.rows);
    Json metrics = Json::object(), differences = Json::object();
    std::vector<RowPair> pairs;
    for (const auto& [id, row] : complete) {
      if (const auto other = first.find(id); other != first.end()) pairs.emplace_back(row, other->second);
    }
    for (const RowMetric& metric : row_metrics()) {
      std::vector<double> values;
      for (const DiscussionRow& row : cell.made.rows) {
        if (row.status != Status::complete) continue;
        if (const double value = metric.of(row); !std::isnan(value)) values.push_back(value);
      }
      double sum = 0;
      for (const double value : values) sum += value;
      const std::string name(metric.name);
      metrics[name] = {{"n", values.size()},
                       {"mean", values.empty() ? Json() : Json(sum / static_cast<double>(values.size()))},
                       {"ci95", interval_or_null(mean_interval(values, name, {}))}};
      if (&cell != &cells.front()) differences[name] = difference_json(compare(pairs, metric));
    }
    list.push_back({{"cell", cell.name},
                    {"batch", cell.info.name},
                    {"runs", cell.made.rows.size()},
                    {"complete", complete.size()},
                    {"metrics", std::move(metrics)},
                    {"differences", std::move(differences)}});
  }
  std::vector<Json*> comparisons;
  for (Json& cell : list) {
    for (auto& [name, difference] : cell["differences"].items()) comparisons.push_back(&difference);
  }
  adjust(comparisons);
  figures["grid"] = {{"cells", std::move(list)}};
}

void add_forks(Json& figures, const BatchView& batch, const DiscussionRows& own) {
  const ExperimentView* experiment = batch.experiment();
  std::map<std::string, std::vector<const DiscussionRow*>> children;  // by the address they come from
  std::set<std::uint64_t> steps;
  std::size_t forks = 0;
  for (const DiscussionRow& row : own.rows) {
    if (!row.forked_from.is_object() || !row.forked_from.contains("run")) continue;
    ++forks;
    children[row.forked_from.value("run", std::string())].push_back(&row);
    steps.insert(row.forked_from.value("step", std::uint64_t{0}));
  }
  if (forks == 0 || !experiment) return;
  std::vector<RowPair> pairs;
  Json parents = Json::array();
  std::list<DiscussionRows> kept;  // what the pairs point into
  for (const BatchInfo& info : experiment->batches()) {
    const bool named = info.id != batch.info().id && info.kind == batch.info().kind &&
                       std::any_of(children.begin(), children.end(),
                                   [&](const auto& child) { return child.first.starts_with(info.name + ":"); });
    if (!named) continue;
    kept.push_back(discussion_rows(*experiment->view(info.id)));
    parents.push_back(info.name);
    for (const DiscussionRow& parent : kept.back().rows) {
      if (parent.status != Status::complete) continue;
      const auto found = children.find(info.name + ":" + parent.run_id);
      if (found == children.end()) continue;
      for (const DiscussionRow* child : found->second) {
        if (child->status == Status::complete) pairs.emplace_back(child, &parent);
      }
    }
  }
  Json metrics = Json::object();
  for (const RowMetric& metric : row_metrics()) {
    if (metric.name == "usd") continue;  // the shared turns cost a fork nothing
    const PairedMetric made = compare(pairs, metric);
    const Json difference = difference_json(made);
    metrics[std::string(metric.name)] = {{"n", difference["n"]},
                                         {"parent", number_or_null(made.before)},
                                         {"fork", number_or_null(made.after)},
                                         {"difference", difference["mean"]},
                                         {"ci95", difference["ci95"]},
                                         {"p", difference["p"]}};
  }
  std::vector<Json*> comparisons;
  for (auto& [name, metric] : metrics.items()) comparisons.push_back(&metric);
  adjust(comparisons);
  figures["forks"] = {{"parents", std::move(parents)},
                      {"steps", steps},
                      {"pairs", pairs.size()},
                      {"unpaired", forks - pairs.size()},
                      {"metrics", std::move(metrics)}};
}

}  // namespace assay
