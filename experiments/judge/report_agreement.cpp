#include <algorithm>
#include <cmath>

#include "core/statistics/agreement.hpp"
#include "core/statistics/correlation.hpp"
#include "core/statistics/majority.hpp"
#include "core/statistics/proportion.hpp"
#include "core/statistics/resampling.hpp"
#include "experiments/judge/report_tables.hpp"

namespace assay {
namespace {

/// Agreement knows no inconsistent verdict: it is a tie there (judge.md 7.1).
std::uint32_t as_tie(std::uint32_t label) { return label == kLabelInconsistent ? kLabelTie : label; }

double code(std::uint32_t label) { return label == kNoLabel ? kUndefined : static_cast<double>(as_tie(label)); }

/// What it says as a number: of labels their code, so that equal verdicts are equal numbers.
double said(const JudgedBatch& batch, const Opinion& opinion) {
  if (!opinion.given) return kUndefined;
  return batch.has_numbers() ? opinion.value : code(opinion.label);
}
double said(const JudgedBatch& batch, const Said& said) { return batch.has_numbers() ? said.number : code(said.label); }

/// Ratings that are resampled in one report at most: above it (many judges on many items) kappa has no interval, so
/// that a report takes seconds.
constexpr std::size_t kMostResampled = 20'000;

/// Percentile bootstrap over clusters of items of a figure of these positions, as low and high of `row`.
void add_interval(const JudgedBatch& batch, Json& row, const std::string& prefix, const std::string& name,
                  std::span<const std::uint32_t> clusters, const Statistic& statistic) {
  const NamedStream stream(bootstrap_key(batch.settings.bootstrap_seed, name));
  const Interval interval = percentile_interval(bootstrap(clusters, statistic, stream));
  const bool known = interval.why == Why::ok;
  row[prefix + "_low"] = known ? number(interval.low) : Json();
  row[prefix + "_high"] = known ? number(interval.high) : Json();
}

struct Rater {
  std::string name;
  std::vector<double> values;  // one an item; NaN: nothing
};

/// Most frequent of the people's verdicts: a tie of votes is a tie where there is one, else nothing; numbers: mean.
double human_majority(const JudgedBatch& batch, const JudgedItem& item) {
  std::vector<std::optional<double>> votes;
  double sum = 0;
  for (const auto& [rater, verdict] : item.human) {
    const double value = said(batch, verdict);
    if (std::isnan(value)) continue;
    votes.emplace_back(value);
    sum += value;
  }
  if (votes.empty()) return kUndefined;
  if (batch.has_numbers()) return sum / static_cast<double>(votes.size());
  const auto most = majority<double>(votes, TieRule::none);
  if (most.label) return *most.label;
  return has_two_answers(batch.settings.mode) ? static_cast<double>(kLabelTie) : kUndefined;
}

std::vector<Rater> raters_of(const JudgedBatch& batch) {
  const std::size_t n = batch.items.size();
  std::vector<Rater> raters;
  const auto add = [&](std::string name) {
    raters.push_back({std::move(name), std::vector<double>(n, kUndefined)});
    return raters.size() - 1;
  };
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) add(batch.judges[judge]);
  for (std::size_t i = 0; i < n; ++i) {
    for (const auto& [judge, opinion] : batch.items[i].judges) raters[judge].values[i] = said(batch, opinion);
  }
  if (batch.has_panel()) {
    const std::size_t panel = add("panel");
    for (std::size_t i = 0; i < n; ++i) raters[panel].values[i] = said(batch, batch.items[i].panel);
  }
  if (batch.raters.size() == 0) return raters;
  const std::size_t first = raters.size();
  for (std::uint32_t person = 0; person < batch.raters.size(); ++person) add("human:" + batch.raters[person]);
  const std::size_t together = add("human");
  for (std::size_t i = 0; i < n; ++i) {
    for (const auto& [person, verdict] : batch.items[i].human) raters[first + person].values[i] = said(batch, verdict);
    raters[together].values[i] = human_majority(batch, batch.items[i]);
  }
  return raters;
}

Json agreement_row(const JudgedBatch& batch, const Rater& a, const Rater& b, bool resampled) {
  const auto decided = [](double value) { return value == kLabelA || value == kLabelB; };
  std::uint64_t n = 0, equal = 0, n_decided = 0, equal_decided = 0;
  std::vector<double> both_a, both_b;
  std::vector<std::uint32_t> clusters;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    if (std::isnan(x) || std::isnan(y)) continue;
    ++n;
    both_a.push_back(x);
    both_b.push_back(y);
    clusters.push_back(batch.items[i].cluster);
    if (x == y) ++equal;
    if (!decided(x) || !decided(y)) continue;
    ++n_decided;
    if (x == y) ++equal_decided;
  }
  if (n == 0) return nullptr;
  const auto share = [](std::uint64_t k, std::uint64_t of) {
    return of == 0 ? Json() : Json(static_cast<double>(k) / static_cast<double>(of));
  };
  const Figure kappa = cohen_kappa(both_a, both_b, KappaWeights::unweighted);
  Json row = {{"a", a.name}, {"b", b.name}, {"n", n}, {"agreement", share(equal, n)}, {"kappa", number(kappa.value)}};
  if (has_two_answers(batch.settings.mode)) {
    row["n_no_tie"] = n_decided;
    row["agreement_no_tie"] = share(equal_decided, n_decided);
  }
  if (batch.has_numbers()) {
    row["pearson"] = number(pearson(both_a, both_b).value);
    row["spearman"] = number(spearman(both_a, both_b).value);
    row["kendall"] = number(kendall_b(both_a, both_b).value);
  }
  if (std::isnan(kappa.value)) row["why"] = std::string(to_text(kappa.why));
  if (!resampled) return row;
  std::vector<double> x, y;
  add_interval(batch, row, "kappa", "agreement/" + a.name + "/" + b.name, clusters,
               [&](std::span<const std::size_t> positions) {
                 x.clear();
                 y.clear();
                 for (const std::size_t at : positions) {
                   x.push_back(both_a[at]);
                   y.push_back(both_b[at]);
                 }
                 return cohen_kappa(x, y, KappaWeights::unweighted).value;
               });
  return row;
}

struct GoldCell {
  std::uint64_t items = 0, unscored = 0, right = 0, tie = 0, unparsed = 0;
  std::uint64_t right_ab = 0, right_ba = 0, both = 0, consistent = 0;
  bool ab = false, ba = false;
  std::vector<double> scored, verdicts, golds, first_order, second_order;
  std::vector<std::uint32_t> clusters;

  void add(const JudgedBatch& batch, const JudgedItem& item, const Opinion& opinion) {
    ++items;
    unparsed += opinion.unread;
    const double gold = said(batch, item.gold), verdict = said(batch, opinion);
    if (std::isnan(verdict)) {
      ++unscored;
    } else {
      // Against gold an inconsistent verdict is no tie that could be right.
      const bool hit = verdict == gold && opinion.label != kLabelInconsistent;
      if (hit) ++right;
      if (as_tie(opinion.label) == kLabelTie) ++tie;
      scored.push_back(hit ? 1 : 0);
      verdicts.push_back(verdict);
      golds.push_back(gold);
      clusters.push_back(item.cluster);
    }
    ab = ab || opinion.asked_ab;
    ba = ba || opinion.asked_ba;
    const bool hit_ab = opinion.ab != kNoLabel && code(opinion.ab) == gold;
    const bool hit_ba = opinion.ba != kNoLabel && code(opinion.ba) == gold;
    if (hit_ab) ++right_ab;
    if (hit_ba) ++right_ba;
    if (hit_ab && hit_ba) ++both;
    if (opinion.asked_ab && opinion.asked_ba && opinion.ab == opinion.ba) ++consistent;
    first_order.push_back(code(opinion.ab));
    second_order.push_back(code(opinion.ba));
  }

  Json row(const std::string& judge, const std::string& category) const {
    const Figure accuracy = proportion(scored, clusters);
    const bool orders = ab && ba;
    const auto when = [](bool applies, std::uint64_t count) { return applies ? Json(count) : Json(); };
    return {{"judge", judge},
            {"category", category},
            {"items", items},
            {"unscored", unscored},
            {"right", right},
            {"tie", tie},
            {"accuracy", number(accuracy.value)},
            {"low", number(accuracy.low)},
            {"high", number(accuracy.high)},
            {"right_ab", when(ab, right_ab)},
            {"right_ba", when(ba, right_ba)},
            {"both_right", when(orders, both)},
            {"consistent", when(orders, consistent)},
            {"unparsed", unparsed},
            {"kappa_orders",
             orders ? number(cohen_kappa(first_order, second_order, KappaWeights::unweighted).value) : Json()},
            {"kappa_gold", number(cohen_kappa(verdicts, golds, KappaWeights::unweighted).value)}};
  }
};

}  // namespace

Json agreement_table(const JudgedBatch& batch) {
  const std::vector<Rater> raters = raters_of(batch);
  const bool resampled = raters.size() * raters.size() / 2 * batch.items.size() <= kMostResampled;
  Json table = Json::array(), turned = Json::array();
  for (std::size_t i = 0; i < raters.size(); ++i) {
    for (std::size_t j = i + 1; j < raters.size(); ++j) {
      Json row = agreement_row(batch, raters[i], raters[j], resampled);
      if (row.is_null()) continue;
      turned.push_back(row);
      std::swap(turned.back()["a"], turned.back()["b"]);
      table.push_back(std::move(row));
    }
  }
  for (Json& row : turned) table.push_back(std::move(row));
  return table.empty() ? Json() : table;
}

Json panel_figures(const JudgedBatch& batch) {
  if (!batch.has_panel()) return nullptr;
  std::vector<std::vector<double>> units;
  std::uint64_t complete = 0;
  std::map<std::uint32_t, std::uint64_t> verdicts;
  std::vector<double> values;
  std::vector<std::uint32_t> clusters;
  for (const JudgedItem& item : batch.items) {
    std::vector<double> unit(batch.judges.size(), kUndefined);
    for (const auto& [judge, opinion] : item.judges) unit[judge] = said(batch, opinion);
    if (std::none_of(unit.begin(), unit.end(), [](double value) { return std::isnan(value); })) ++complete;
    units.push_back(std::move(unit));
    if (!item.panel.given) continue;
    ++verdicts[as_tie(item.panel.label)];
    values.push_back(item.panel.value);
    clusters.push_back(item.cluster);
  }
  const Ratings ratings = one_group(std::move(units));
  const Figure fleiss = fleiss_kappa(ratings);
  const AlphaMetric metric = batch.has_numbers() ? AlphaMetric::interval : AlphaMetric::nominal;
  const Figure alpha = krippendorff_alpha(ratings, metric);
  Json panel = {{"judges", batch.judges.size()},
                {"items", complete},
                {"fleiss_kappa", number(fleiss.value)},
                {"alpha", number(alpha.value)},
                {"alpha_metric", batch.has_numbers() ? "interval" : "nominal"},
                {"n", values.size()}};
  if (batch.has_numbers()) {
    panel["mean"] = number(cluster_mean(values, clusters).figure.value);
  } else {
    Json& majority = panel["majority"] = Json::object();
    if (has_two_answers(batch.settings.mode)) majority = {{"A", 0}, {"B", 0}, {"tie", 0}};
    for (const auto& [label, count] : verdicts) majority[batch.labels[label]] = count;
  }
  if (std::isnan(alpha.value)) panel["why"] = std::string(to_text(alpha.why));
  if (batch.judges.size() * batch.items.size() > kMostResampled) return panel;
  std::vector<std::uint32_t> all;
  for (const JudgedItem& item : batch.items) all.push_back(item.cluster);
  add_interval(batch, panel, "alpha", "panel", all, [&](std::span<const std::size_t> positions) {
    std::vector<std::vector<double>> drawn;
    drawn.reserve(positions.size());
    for (const std::size_t at : positions) drawn.push_back(ratings.units[at]);
    return krippendorff_alpha(one_group(std::move(drawn)), metric).value;
  });
  return panel;
}

Json gold_table(const JudgedBatch& batch) {
  Json pooled = Json::array(), table = Json::array();
  for (const std::uint32_t judge : batch.voters()) {
    GoldCell all;
    std::map<std::uint32_t, GoldCell> categories;
    for (const auto& [item, opinion] : batch.votes(judge)) {
      if (std::isnan(said(batch, item->gold)) || opinion->dropped) continue;
      all.add(batch, *item, *opinion);
      if (item->category != 0) categories[item->category].add(batch, *item, *opinion);
    }
    if (all.items == 0) continue;
    pooled.push_back(all.row(batch.voter(judge), kAll));
    for (const auto& [category, cell] : categories)
      table.push_back(cell.row(batch.voter(judge), batch.categories[category]));
  }
  for (Json& row : table) pooled.push_back(std::move(row));
  return pooled.empty() ? Json() : pooled;
}

}  // namespace assay
