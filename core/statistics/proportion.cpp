#include "core/statistics/proportion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Of what is finite, in two passes; counts both kinds.
double mean_of(std::span<const double> values, Figure& figure) {
  double sum = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum += value;
      ++figure.n;
    } else {
      ++figure.missing;
    }
  }
  if (figure.n == 0) return kUndefined;
  const auto n = static_cast<double>(figure.n);
  const double mean = sum / n;
  double rest = 0;
  for (const double value : values) {
    if (std::isfinite(value)) rest += value - mean;
  }
  return mean + rest / n;
}

}  // namespace

std::string_view to_text(Why why) {
  constexpr std::array<std::string_view, 7> texts = {"ok",        "empty",   "single",        "constant",
                                                     "separated", "too_few", "not_applicable"};
  return texts.at(static_cast<std::size_t>(why));
}

Figure wilson(std::uint64_t k, std::uint64_t n, double level) {
  require(k <= n, "wilson: more successes than trials");
  const double z = z_of(level);
  Figure figure;
  figure.n = n;
  figure.method = "Wilson";
  if (n == 0) {
    figure.why = Why::empty;
    return figure;
  }
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(k) / count;
  const double scale = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / scale;
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / scale;
  figure.value = p;
  figure.low = k == 0 ? 0 : std::max(0.0, centre - half);
  figure.high = k == n ? 1 : std::min(1.0, centre + half);
  return figure;
}

double binomial_se(double share, std::uint64_t n) {
  return n == 0 ? kUndefined : std::sqrt(share * (1 - share) / static_cast<double>(n));
}

Figure clopper_pearson(std::uint64_t k, std::uint64_t n, double level) {
  require(k <= n, "clopper_pearson: more successes than trials");
  require(level > 0 && level < 1, "clopper_pearson: a level within (0, 1)");
  Figure figure;
  figure.n = n;
  figure.method = "Clopper-Pearson";
  if (n == 0) {
    figure.why = Why::empty;
    return figure;
  }
  const auto count = static_cast<double>(n), right = static_cast<double>(k);
  figure.value = right / count;
  figure.low = k == 0 ? 0 : beta_quantile((1 - level) / 2, right, count - right + 1);
  figure.high = k == n ? 1 : beta_quantile((1 + level) / 2, right + 1, count - right);
  return figure;
}

Figure student_t(std::span<const double> values, double level) {
  return cluster_mean(values, {}, Quantile::t, level).figure;
}

ClusterFigure cluster_mean(std::span<const double> values, std::span<const std::uint32_t> clusters, Quantile quantile,
                           double level) {
  require(clusters.empty() || values.size() == clusters.size(), "cluster_mean: a cluster for each value");
  const double z = z_of(level);
  ClusterFigure result;
  Figure& figure = result.figure;
  figure.method = clusters.empty() ? "Student's t" : quantile == Quantile::t ? "clustered t" : "clustered";
  const double mean = mean_of(values, figure);
  if (figure.n == 0) {
    figure.why = Why::empty;
    return result;
  }
  figure.value = mean;
  std::vector<double> sums;  // of the deviations, by cluster
  std::unordered_map<std::uint32_t, std::size_t> at;
  bool constant = true;
  double first = kUndefined;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    if (std::isnan(first)) first = values[i];
    constant = constant && values[i] == first;
    if (clusters.empty()) {
      sums.push_back(values[i] - mean);
      continue;
    }
    const auto [found, fresh] = at.try_emplace(clusters[i], sums.size());
    if (fresh) sums.push_back(0);
    sums[found->second] += values[i] - mean;
  }
  result.clusters = sums.size();
  if (sums.size() == 1) {
    figure.why = Why::single;
    return result;
  }
  if (constant) {
    figure.value = figure.low = figure.high = first;
    result.standard_error = 0;
    figure.why = Why::constant;
    return result;
  }
  // Sorted, so that the sum does not depend on the order of the values.
  for (double& each : sums) each *= each;
  std::sort(sums.begin(), sums.end());
  double total = 0;
  for (const double square : sums) total += square;
  const auto groups = static_cast<double>(sums.size());
  result.standard_error = std::sqrt(groups / (groups - 1) * total) / static_cast<double>(figure.n);
  const double width =
      result.standard_error * (quantile == Quantile::z ? z : student_t_quantile(0.5 + level / 2, groups - 1));
  figure.low = mean - width;
  figure.high = mean + width;
  return result;
}

Figure proportion(std::span<const double> values, std::span<const std::uint32_t> clusters, Quantile quantile,
                  double level) {
  const ClusterFigure clustered = cluster_mean(values, clusters, quantile, level);
  Figure figure = clustered.figure;
  if (clustered.clusters == figure.n) {  // every value has a cluster of its own
    std::uint64_t right = 0;
    for (const double value : values) {
      require(!std::isfinite(value) || value == 0 || value == 1, "proportion: values are 0 or 1");
      right += value == 1 ? 1 : 0;
    }
    const std::size_t missing = figure.missing;
    figure = wilson(right, figure.n, level);
    figure.missing = missing;
    return figure;
  }
  figure.low = std::isnan(figure.low) ? figure.low : std::clamp(figure.low, 0.0, 1.0);
  figure.high = std::isnan(figure.high) ? figure.high : std::clamp(figure.high, 0.0, 1.0);
  return figure;
}

Bounds bounds(double sum, std::uint64_t scored, std::uint64_t missing, double lo, double hi) {
  require(lo < hi, "bounds: lo < hi");
  const auto all = static_cast<double>(scored) + static_cast<double>(missing);
  if (all == 0) return {};
  return {(sum + static_cast<double>(missing) * lo) / all, (sum + static_cast<double>(missing) * hi) / all};
}

double pass_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  require(c <= n && k >= 1, "pass_at_k: c <= n, k >= 1");
  if (n < k) return kUndefined;
  if (c == 0) return 0;
  if (n - c < k) return 1;
  // 1 - prod (1 - k/i) without the cancellation that a small probability would suffer.
  double log_none = 0;
  for (std::uint64_t i = n - c + 1; i <= n; ++i)
    log_none += std::log1p(-static_cast<double>(k) / static_cast<double>(i));
  return -std::expm1(log_none);
}

double all_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  require(c <= n && k >= 1, "all_at_k: c <= n, k >= 1");
  if (n < k) return kUndefined;
  if (c < k) return 0;
  double product = 1;
  for (std::uint64_t i = 0; i < k && product > 0; ++i)
    product *= static_cast<double>(c - i) / static_cast<double>(n - i);
  return product;
}

}  // namespace assay
