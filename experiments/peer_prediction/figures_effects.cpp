// Good faith against bad, and how many tasks it would take to tell agents apart.

#include <algorithm>
#include <cmath>

#include "core/statistics/distributions.hpp"
#include "core/statistics/effects.hpp"
#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "core/statistics/resampling.hpp"
#include "experiments/peer_prediction/figures.hpp"
#include "experiments/peer_prediction/spread.hpp"

namespace assay {
namespace {

constexpr double kHalfWidth = 0.05;
std::vector<double> minus(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> difference(a.size());
  for (std::size_t t = 0; t < a.size(); ++t) difference[t] = a[t] - b[t];
  return difference;
}

/// Tasks until Student's interval of a mean is as narrow; 0: it can't be told, as of what is constant.
std::uint64_t tasks_for_half_width(double sd) {
  if (!std::isfinite(sd)) return 0;
  if (sd < kEqualFigures) return 0;
  // The normal quantile's number is too small by a few.
  double wanted = std::max(2.0, std::ceil((kZ95 * sd / kHalfWidth) * (kZ95 * sd / kHalfWidth)));
  while (student_t_quantile(0.975, wanted - 1) * sd / std::sqrt(wanted) > kHalfWidth) ++wanted;
  return static_cast<std::uint64_t>(wanted);
}

}  // namespace

Json PeerTally::effect(const Mechanism& mechanism, const std::vector<std::size_t>& good,
                       const std::vector<std::size_t>& bad) const {
  const auto values_of = [&](const std::vector<std::size_t>& agents, std::size_t t) {
    std::vector<double> values;
    for (const std::size_t agent : agents) {
      if (const double value = mechanism.agents[agent][t]; std::isfinite(value)) values.push_back(value);
    }
    return values;
  };
  std::vector<double> differences, goods, bads, aucs, all_good, all_bad;
  for (std::size_t t = 0; t < tasks_; ++t) {
    const std::vector<double> g = values_of(good, t), b = values_of(bad, t);
    if (g.empty() || b.empty()) continue;
    goods.push_back(mean_finite(g));
    bads.push_back(mean_finite(b));
    differences.push_back(goods.back() - bads.back());
    aucs.push_back(auc(g, b).value);
    all_good.insert(all_good.end(), g.begin(), g.end());
    all_bad.insert(all_bad.end(), b.begin(), b.end());
  }
  const std::string key = bootstrap_key(settings_.bootstrap_seed, std::string("effect/") + mechanism.name);
  const Figure d = cohen_d(differences), difference = student_t(differences);
  std::vector<double> drawn;
  const auto d_of = [&](std::span<const std::size_t> positions) {
    drawn.clear();
    for (const std::size_t t : positions) drawn.push_back(differences[t]);
    return cohen_d(drawn).value;
  };
  const Interval interval = percentile_interval(bootstrap(differences.size(), d_of, NamedStream(key)));
  const PermutationTest test = paired_permutation(differences, {}, NamedStream(key));
  Json row = Json::object({{"mechanism", mechanism.name}, {"n", differences.size()}});
  row["d"] = finite_or_null(d.value);
  row["d_low"] = finite_or_null(interval.low);
  row["d_high"] = finite_or_null(interval.high);
  row["p_value"] = finite_or_null(test.p);
  row["difference"] = finite_or_null(difference.value);
  row["difference_low"] = finite_or_null(difference.low);
  row["difference_high"] = finite_or_null(difference.high);
  row["good_mean"] = finite_or_null(mean_finite(goods));
  row["problem_mean"] = finite_or_null(mean_finite(bads));
  row["auc_item"] = finite_or_null(mean_finite(aucs));
  row["auc_pooled"] = finite_or_null(auc(all_good, all_bad).value);
  // A lost call of p (or of a judge) may hide up to 1 in its cell, one of q up to -1; whose cell it is isn't known.
  const double all = static_cast<double>(n() * (n() - 1));
  const double whole_up = static_cast<double>(mechanism.items_lost) * all;
  const double whole_down = mechanism.both_ways ? whole_up : 0;
  const auto within = [&](std::uint64_t lost, double whole) {
    return settings_.lost == "zero" ? static_cast<double>(lost) : std::max(0.0, static_cast<double>(lost) - whole);
  };
  const double up = within(mechanism.calls_lost_up, whole_up), down = within(mechanism.calls_lost_down, whole_down);
  const bool bounded = (up > 0 || down > 0) && !differences.empty() && std::isfinite(difference.value);
  const double unit = 1 / static_cast<double>((n() - 1) * std::max<std::size_t>(1, differences.size()));
  const double per_good = unit / static_cast<double>(good.size()), per_bad = unit / static_cast<double>(bad.size());
  row["lost_low"] = bounded ? Json(difference.value - up * per_bad - down * per_good) : Json();
  row["lost_high"] = bounded ? Json(difference.value + up * per_good + down * per_bad) : Json();
  return row;
}

Json PeerTally::effects() const {
  std::vector<std::size_t> good, bad;
  for (std::size_t i = 0; i < n(); ++i) {
    if (settings_.agents[i].group == "good_faith") good.push_back(i);
    if (settings_.agents[i].group == "problematic") bad.push_back(i);
  }
  Json rows = Json::array();
  if (good.empty() || bad.empty()) return rows;
  for (const Mechanism& mechanism : mechanisms_) {
    if (mechanism.there || mechanism.items_lost > 0) rows.push_back(effect(mechanism, good, bad));
  }
  return rows;
}

Json PeerTally::needed_tasks(const std::vector<double>& m) const {
  const bool separate = independent() && p_counts_.answered > 0 && count_finite(rows_p_.front()) > 0;
  double widest = kUndefined;
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < n(); ++i) {
    const Spread spread = separate ? independent_spread(rows_p_[i], rows_q_[i]) : paired_spread(rows_[i]);
    if (std::isfinite(spread.sd)) widest = std::isfinite(widest) ? std::max(widest, spread.sd) : spread.sd;
    if (const double score = mean_row(m, n(), i); std::isfinite(score)) order.emplace_back(-score, i);
  }
  std::sort(order.begin(), order.end());
  Json pairs = Json::array();
  Json closest = nullptr;
  double nearest = kUndefined;
  for (std::size_t k = 0; k + 1 < order.size(); ++k) {
    const std::size_t a = order[k].second, b = order[k + 1].second;
    const Spread spread = separate ? independent_spread(minus(rows_p_[a], rows_p_[b]), minus(rows_q_[a], rows_q_[b]))
                                   : paired_spread(minus(rows_[a], rows_[b]));
    const double difference = order[k + 1].first - order[k].first;
    const auto [low, high] = around(difference, spread.figure);
    const bool equal = std::abs(difference) < kEqualFigures;
    const bool told = !equal && low.is_number() && (low.get<double>() > 0 || high.get<double>() < 0);
    const bool countable = !equal && spread.sd >= kEqualFigures;
    Json pair = Json::object({{"agents", {settings_.agents[a].name, settings_.agents[b].name}},
                              {"difference", difference},
                              {"low", low},
                              {"high", high},
                              {"told_apart", told},
                              {"tasks", countable ? Json(needed_n(spread.sd, difference)) : Json()}});
    if (!std::isfinite(nearest) || difference < nearest) {
      nearest = difference;
      closest = pair;
    }
    pairs.push_back(std::move(pair));
  }
  const std::uint64_t wide = tasks_for_half_width(widest);
  return Json::object({{"half_width", kHalfWidth},
                       {"for_half_width", wide == 0 ? Json() : Json(wide)},
                       {"constant", std::isfinite(widest) && widest < kEqualFigures},
                       {"closest", std::move(closest)},
                       {"neighbours", std::move(pairs)}});
}

}  // namespace assay
