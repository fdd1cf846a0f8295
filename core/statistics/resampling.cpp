#include "core/statistics/resampling.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

constexpr double kMostUndefined = 0.05;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

double sorted_quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return kUndefined;
  const double at = static_cast<double>(sorted.size() - 1) * q;
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

/// Those that are defined, ascending; says what is wrong with the others.
std::vector<double> defined(std::span<const double> replicates, Interval& interval) {
  std::vector<double> values;
  values.reserve(replicates.size());
  for (const double value : replicates) {
    if (std::isfinite(value)) values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  interval.undefined = replicates.size() - values.size();
  interval.method = "percentile bootstrap";
  if (replicates.empty()) {
    interval.why = Why::empty;
  } else if (static_cast<double>(interval.undefined) > kMostUndefined * static_cast<double>(replicates.size())) {
    interval.why = Why::too_few;
  }
  return values;
}

std::vector<double> leaving_out(const std::vector<std::vector<std::size_t>>& units, const Statistic& statistic) {
  std::vector<double> values;
  std::vector<std::size_t> kept;
  for (std::size_t out = 0; out < units.size(); ++out) {
    kept.clear();
    for (std::size_t u = 0; u < units.size(); ++u) {
      if (u != out) kept.insert(kept.end(), units[u].begin(), units[u].end());
    }
    values.push_back(statistic(kept));
  }
  return values;
}

}  // namespace

std::string bootstrap_key(std::uint64_t seed, std::string_view name) {
  return std::to_string(seed) + "//0/bootstrap/" + std::string(name);
}

double quantile(std::vector<double> values, double q) {
  require(q >= 0 && q <= 1, "quantile: a share");
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  std::sort(values.begin(), values.end());
  return sorted_quantile(values, q);
}

std::vector<double> bootstrap(std::size_t n, const Statistic& statistic, NamedStream stream, std::size_t replicates,
                              const StopAsked& stop) {
  std::vector<double> values;
  if (n < 2) return values;
  values.reserve(replicates);
  std::vector<std::size_t> drawn(n);
  for (std::size_t b = 0; b < replicates; ++b) {
    if (stop && stop()) return {};
    for (std::size_t& position : drawn) position = static_cast<std::size_t>(stream.below(n));
    values.push_back(statistic(drawn));
  }
  return values;
}

std::vector<std::vector<std::size_t>> cluster_positions(std::span<const std::uint32_t> clusters) {
  std::vector<std::vector<std::size_t>> positions;
  std::unordered_map<std::uint32_t, std::size_t> at;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const auto [found, fresh] = at.try_emplace(clusters[i], positions.size());
    if (fresh) positions.emplace_back();
    positions[found->second].push_back(i);
  }
  return positions;
}

std::vector<double> bootstrap(std::span<const std::uint32_t> clusters, const Statistic& statistic, NamedStream stream,
                              std::size_t replicates, const StopAsked& stop) {
  const auto units = cluster_positions(clusters);
  std::vector<double> values;
  if (units.size() < 2) return values;
  values.reserve(replicates);
  std::vector<std::size_t> drawn;
  for (std::size_t b = 0; b < replicates; ++b) {
    if (stop && stop()) return {};
    drawn.clear();
    for (std::size_t i = 0; i < units.size(); ++i) {
      const auto& unit = units[static_cast<std::size_t>(stream.below(units.size()))];
      drawn.insert(drawn.end(), unit.begin(), unit.end());
    }
    values.push_back(statistic(drawn));
  }
  return values;
}

std::vector<double> jackknife(std::size_t n, const Statistic& statistic) {
  std::vector<double> values;
  if (n < 2) return values;
  std::vector<std::size_t> kept(n - 1);
  std::iota(kept.begin(), kept.end(), std::size_t{1});
  for (std::size_t out = 0; out < n; ++out) {
    values.push_back(statistic(kept));
    if (out + 1 < n) kept[out] = out;
  }
  return values;
}

std::vector<double> jackknife(std::span<const std::uint32_t> clusters, const Statistic& statistic) {
  const auto units = cluster_positions(clusters);
  return units.size() < 2 ? std::vector<double>{} : leaving_out(units, statistic);
}

Interval percentile_interval(std::span<const double> replicates, double level) {
  require(level > 0 && level < 1, "percentile_interval: a level within (0, 1)");
  Interval interval;
  const std::vector<double> values = defined(replicates, interval);
  if (interval.why != Why::ok) return interval;
  interval.low = sorted_quantile(values, (1 - level) / 2);
  interval.high = sorted_quantile(values, (1 + level) / 2);
  return interval;
}

BcaInterval bca_interval(std::span<const double> replicates, double estimate, std::span<const double> jackknife,
                         double level) {
  require(level > 0 && level < 1, "bca_interval: a level within (0, 1)");
  BcaInterval interval;
  const std::vector<double> values = defined(replicates, interval);
  if (interval.why != Why::ok) return interval;
  const auto below = std::lower_bound(values.begin(), values.end(), estimate) - values.begin();
  const auto at_most = std::upper_bound(values.begin(), values.end(), estimate) - values.begin();
  interval.p0 = static_cast<double>(below + at_most) / (2 * static_cast<double>(values.size()));
  double mean = 0, squares = 0, cubes = 0;
  std::size_t left_out = 0;
  bool varies = false;
  for (const double value : jackknife) {
    if (!std::isfinite(value)) {
      ++left_out;
      continue;
    }
    mean += value;
    varies = varies || value != jackknife.front();
  }
  const auto used = static_cast<double>(jackknife.size() - left_out);
  mean /= used;
  for (const double value : jackknife) {
    if (!std::isfinite(value)) continue;
    const double away = mean - value;
    squares += away * away;
    cubes += away * away * away;
  }
  if (interval.p0 <= 0 || interval.p0 >= 1 || !varies || !(squares > 0)) {
    interval.low = sorted_quantile(values, (1 - level) / 2);
    interval.high = sorted_quantile(values, (1 + level) / 2);
    interval.method = "percentile bootstrap (BCa does not apply)";
    return interval;
  }
  interval.method = "BCa bootstrap";
  interval.bias = normal_quantile(interval.p0);
  interval.acceleration = cubes / (6 * std::pow(squares, 1.5));
  const auto end = [&](double p) {
    const double shifted = interval.bias + normal_quantile(p);
    return sorted_quantile(values, normal_cdf(interval.bias + shifted / (1 - interval.acceleration * shifted)));
  };
  interval.low = end((1 - level) / 2);
  interval.high = end((1 + level) / 2);
  return interval;
}

std::pair<double, double> mean_interval(const std::vector<double>& values, const std::string& name,
                                        const BootstrapSettings& settings) {
  std::vector<double> there;
  std::copy_if(values.begin(), values.end(), std::back_inserter(there), [](double v) { return std::isfinite(v); });
  const auto mean = [&](std::span<const std::size_t> drawn) {
    double sum = 0;
    for (const std::size_t i : drawn) sum += there[i];
    return sum / static_cast<double>(drawn.size());
  };
  const Interval interval = percentile_interval(
      bootstrap(there.size(), mean, NamedStream(bootstrap_key(settings.seed, name)), settings.replicates),
      settings.level);
  return {interval.low, interval.high};
}

}  // namespace assay
