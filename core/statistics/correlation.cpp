#include "core/statistics/correlation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

constexpr std::size_t kFewestPairs = 3;
/// So near to 1 is 1: the rest is what roots lose.
constexpr double kRounding = 1e-15;

struct Pairs {
  std::vector<double> x, y;
};

bool constant(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
}

Pairs pairs_of(std::span<const double> x, std::span<const double> y, Correlation& correlation) {
  if (x.size() != y.size()) throw std::logic_error("a correlation: both sides of one length");
  Pairs pairs;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    pairs.x.push_back(x[i]);
    pairs.y.push_back(y[i]);
  }
  correlation.n = pairs.x.size();
  correlation.missing = x.size() - correlation.n;
  if (correlation.n == 0) {
    correlation.why = Why::empty;
  } else if (correlation.n < kFewestPairs) {
    correlation.why = Why::too_few;
  } else if (constant(pairs.x) || constant(pairs.y)) {
    correlation.why = Why::constant;
  }
  return pairs;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void correlate(const Pairs& pairs, Correlation& correlation) {
  const double mean_x = mean_of(pairs.x), mean_y = mean_of(pairs.y);
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < pairs.x.size(); ++i) {
    const double dx = pairs.x[i] - mean_x, dy = pairs.y[i] - mean_y;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const double scale = std::sqrt(xx) * std::sqrt(yy);
  if (!(scale > 0) || !std::isfinite(scale)) {  // too near to each other, or too far apart, to tell
    correlation.why = Why::constant;
    return;
  }
  double r = std::clamp(xy / scale, -1.0, 1.0);
  if (1 - std::fabs(r) < kRounding) r = std::copysign(1, r);
  correlation.value = r;
  const auto df = static_cast<double>(correlation.n - 2);
  correlation.p = r * r == 1 ? 0 : student_t_p(r * std::sqrt(df / ((1 - r) * (1 + r))), df);
}

/// Pairs that stand in a group of equals: sum of k(k-1)/2 over the runs of `same`.
template <class Same>
double tied_pairs(std::size_t n, const Same& same) {
  double pairs = 0;
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    end = begin + 1;
    while (end < n && same(begin, end)) ++end;
    const auto k = static_cast<double>(end - begin);
    pairs += k * (k - 1) / 2;
  }
  return pairs;
}

/// Sorts and counts the pairs that stood the wrong way round.
double merge_count(std::vector<double>& values, std::vector<double>& spare, std::size_t begin, std::size_t end) {
  if (end - begin < 2) return 0;
  const std::size_t middle = begin + (end - begin) / 2;
  double count = merge_count(values, spare, begin, middle) + merge_count(values, spare, middle, end);
  std::size_t left = begin, right = middle, to = begin;
  while (left < middle && right < end) {
    if (values[right] < values[left]) {
      count += static_cast<double>(middle - left);
      spare[to++] = values[right++];
    } else {
      spare[to++] = values[left++];
    }
  }
  while (left < middle) spare[to++] = values[left++];
  while (right < end) spare[to++] = values[right++];
  const auto at = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  std::copy(spare.begin() + at(begin), spare.begin() + at(end), values.begin() + at(begin));
  return count;
}

}  // namespace

std::vector<double> mid_ranks(std::span<const double> values) {
  // Values beside their places: a million of them are sorted in half the time that places alone take.
  std::vector<std::pair<double, std::size_t>> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = {values[i], i};
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    end = begin + 1;
    while (end < order.size() && order[end].first == order[begin].first) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i].second] = static_cast<double>(begin + end + 1) / 2;
  }
  return ranks;
}

Correlation pearson(std::span<const double> x, std::span<const double> y) {
  Correlation correlation;
  const Pairs pairs = pairs_of(x, y, correlation);
  if (correlation.why == Why::ok) correlate(pairs, correlation);
  return correlation;
}

Correlation spearman(std::span<const double> x, std::span<const double> y) {
  Correlation correlation;
  const Pairs pairs = pairs_of(x, y, correlation);
  if (correlation.why == Why::ok) correlate({mid_ranks(pairs.x), mid_ranks(pairs.y)}, correlation);
  return correlation;
}

Correlation kendall_b(std::span<const double> x, std::span<const double> y) {
  Correlation correlation;
  const Pairs pairs = pairs_of(x, y, correlation);
  if (correlation.why != Why::ok) return correlation;
  const std::size_t n = pairs.x.size();
  std::vector<std::pair<double, double>> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = {pairs.x[i], pairs.y[i]};
  std::sort(order.begin(), order.end());
  const double tied_x = tied_pairs(n, [&](std::size_t i, std::size_t j) { return order[i].first == order[j].first; });
  const double tied_both = tied_pairs(n, [&](std::size_t i, std::size_t j) { return order[i] == order[j]; });
  std::vector<double> y_by_x(n), spare(n);
  for (std::size_t i = 0; i < n; ++i) y_by_x[i] = order[i].second;
  const double swaps = merge_count(y_by_x, spare, 0, n);
  const double tied_y = tied_pairs(n, [&](std::size_t i, std::size_t j) { return y_by_x[i] == y_by_x[j]; });
  const double all = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  const double concordance = all - tied_x - tied_y + tied_both - 2 * swaps;
  correlation.value = std::clamp(concordance / std::sqrt(all - tied_x) / std::sqrt(all - tied_y), -1.0, 1.0);
  return correlation;
}

}  // namespace assay
