#include "core/statistics/paired.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "core/statistics/distributions.hpp"
#include "core/statistics/proportion.hpp"

namespace assay {
namespace {

constexpr double kSlack = 1e-12;
/// Draws between two questions whether to go on: some milliseconds.
constexpr std::size_t kDrawsUnasked = 1'000'000;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

double z_sum(double alpha, double power) {
  require(alpha > 0 && alpha < 1 && power > 0 && power < 1, "alpha and power lie within (0, 1)");
  return normal_quantile(1 - alpha / 2) + normal_quantile(power);
}

/// The sums that flip as one, in order of their first appearance.
std::vector<double> units_of(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                             PermutationTest& test) {
  std::vector<double> units;
  std::unordered_map<std::uint32_t, std::size_t> at;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (!std::isfinite(differences[i])) {
      ++test.missing;
      continue;
    }
    ++test.n;
    if (clusters.empty()) {
      units.push_back(differences[i]);
      continue;
    }
    const auto [found, fresh] = at.try_emplace(clusters[i], units.size());
    if (fresh) units.push_back(0);
    units[found->second] += differences[i];
  }
  return units;
}

double exact_p(const std::vector<double>& units, double observed) {
  std::uint64_t extreme = 0;
  const std::uint64_t all = std::uint64_t{1} << units.size();
  // Gray code: one unit turns from each arrangement to the next.
  std::vector<double> sign(units.size(), 1);
  double sum = std::accumulate(units.begin(), units.end(), 0.0);
  for (std::uint64_t i = 0; i < all; ++i) {
    if (std::fabs(sum) >= std::fabs(observed) - kSlack) ++extreme;
    if (i + 1 == all) break;
    const auto turned = static_cast<std::size_t>(__builtin_ctzll(i + 1));
    sign[turned] = -sign[turned];
    sum += 2 * sign[turned] * units[turned];
  }
  return static_cast<double>(extreme) / static_cast<double>(all);
}

}  // namespace

double mcnemar_exact(std::uint64_t b, std::uint64_t c) {
  return b + c == 0 ? 1 : std::min(1.0, 2 * fair_binomial_cdf(std::min(b, c), b + c));
}

SignTest sign_test(std::span<const double> differences) {
  SignTest test;
  for (const double difference : differences) {
    if (!std::isfinite(difference)) {
      ++test.missing;
    } else {
      ++(difference > 0 ? test.plus : difference < 0 ? test.minus : test.zeros);
    }
  }
  test.p = mcnemar_exact(test.plus, test.minus);
  return test;
}

PermutationTest paired_permutation(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                                   NamedStream stream, std::size_t most_exact, const std::function<bool()>& stop) {
  require(clusters.empty() || clusters.size() == differences.size(), "paired_permutation: a cluster for each value");
  PermutationTest test;
  const std::vector<double> units = units_of(differences, clusters, test);
  if (units.empty()) {
    test.why = Why::empty;
    return test;
  }
  const double observed = std::accumulate(units.begin(), units.end(), 0.0);
  std::vector<double> moving;
  std::copy_if(units.begin(), units.end(), std::back_inserter(moving), [](double unit) { return unit != 0; });
  if (moving.size() <= std::min<std::size_t>(most_exact, 60)) {
    test.method = "permutation, exact";
    test.p = exact_p(moving, observed);
    return test;
  }
  test.method = "permutation, 10,000 flips";
  std::size_t extreme = 0;
  // The mean is compared, not the sum: the slack of the specification is one of means.
  const auto n = static_cast<double>(test.n);
  const std::size_t between = std::max<std::size_t>(1, kDrawsUnasked / units.size());
  for (std::size_t i = 0; i < kFlips; ++i) {
    if (stop && i % between == 0 && stop()) {
      test.why = Why::too_few;
      test.method = "permutation, stopped";
      return test;
    }
    double sum = 0;
    for (const double unit : units) sum += stream.below(2) == 1 ? -unit : unit;
    if (std::fabs(sum / n) >= std::fabs(observed / n) - kSlack) ++extreme;
  }
  test.p = static_cast<double>(1 + extreme) / static_cast<double>(1 + kFlips);
  return test;
}

Figure paired_interval(std::span<const double> differences, std::span<const std::uint32_t> clusters, double level) {
  Figure figure = cluster_mean(differences, clusters, Quantile::t, level).figure;
  if (clusters.empty()) figure.method = "paired t";
  return figure;
}

Figure paired_shares(std::uint64_t b, std::uint64_t c, std::uint64_t n, double level) {
  require(b + c <= n, "paired_shares: more pairs differ than there are");
  const double z = z_of(level);
  Figure figure;
  figure.n = n;
  figure.method = "Agresti-Min";
  if (n == 0) {
    figure.why = Why::empty;
    return figure;
  }
  const auto lost = static_cast<double>(b), gained = static_cast<double>(c), pairs = static_cast<double>(n);
  figure.value = (gained - lost) / pairs;
  const double all = pairs + 2, difference = gained - lost, apart = gained + lost + 1;
  const double half = z * std::sqrt(apart - difference * difference / all) / all;
  figure.low = std::max(-1.0, difference / all - half);
  figure.high = std::min(1.0, difference / all + half);
  return figure;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double highest = 0;
  for (std::size_t r = 0; r < order.size(); ++r) {
    const double value = p[order[r]];
    require(value >= 0 && value <= 1, "holm: p within [0, 1]");
    highest = std::max(highest, std::min(1.0, static_cast<double>(p.size() - r) * value));
    adjusted[order[r]] = highest;
  }
  return adjusted;
}

double minimum_detectable(double sd, std::uint64_t n, double alpha, double power) {
  return n == 0 ? kUndefined : z_sum(alpha, power) * sd / std::sqrt(static_cast<double>(n));
}

double minimum_detectable_unpaired(double sd_a, std::uint64_t n_a, double sd_b, std::uint64_t n_b, double alpha,
                                   double power) {
  if (n_a == 0 || n_b == 0) return kUndefined;
  return z_sum(alpha, power) *
         std::sqrt(sd_a * sd_a / static_cast<double>(n_a) + sd_b * sd_b / static_cast<double>(n_b));
}

std::uint64_t needed_n(double sd, double effect, double alpha, double power) {
  require(effect > 0, "needed_n: an effect above 0");
  const double root = z_sum(alpha, power) * sd / effect, needed = std::ceil(root * root);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return needed < static_cast<double>(kMost) ? static_cast<std::uint64_t>(needed) : kMost;
}

double standard_deviation(std::span<const double> values) {
  double sum = 0;
  std::size_t n = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++n;
  }
  if (n < 2) return kUndefined;
  const double mean = sum / static_cast<double>(n);
  double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  return std::sqrt(squares / static_cast<double>(n - 1));
}

}  // namespace assay
