#include "core/statistics/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace assay {
namespace {

/// The smallest of 1, 2, 5 times a power of ten that is at least `least` > 0.
double round_up(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= least * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

double next_round(double step) { return round_up(step * 1.5); }

/// Multiples of a step below 1 are quotients of whole numbers: 3 * 0.1 is 0.30000000000000004, 3 / 10 is not.
double multiple(double k, double step) {
  if (step >= 1) return k * step;
  const double inverse = 1 / step;
  return std::fabs(inverse - std::round(inverse)) < 1e-6 * inverse && inverse < 1e15 ? k / std::round(inverse)
                                                                                     : k * step;
}

/// Of values, which are put in another order; q within 0 and 1. What is before `from` is below, what is from `to` on
/// above all between, and at `to`, where it is no end, stands what would stand there in order. `place`: where the
/// quantile is, for narrower searches.
double select_quantile(std::vector<double>& values, std::size_t from, std::size_t to, double q,
                       std::size_t* place = nullptr) {
  const double at = q * static_cast<double>(values.size() - 1);
  const auto k = std::min(std::max(static_cast<std::size_t>(at), from), values.size() - 1);
  const auto iterator = [&](std::size_t i) { return values.begin() + static_cast<std::ptrdiff_t>(i); };
  if (k < to) std::nth_element(iterator(from), iterator(k), iterator(to));
  if (place != nullptr) *place = k;
  const double share = at - static_cast<double>(k);
  if (share <= 0 || k + 1 >= values.size()) return values[k];
  const std::size_t end = k < to ? to : values.size();
  double next = end < values.size() ? values[end] : INFINITY;
  for (std::size_t i = k + 1; i < end; ++i) next = std::min(next, values[i]);
  return values[k] + share * (next - values[k]);
}

}  // namespace

double RoundScale::at(double value) const { return std::clamp((value / 2 - low / 2) / (high / 2 - low / 2), 0.0, 1.0); }

double RoundScale::line(std::size_t i) const { return multiple(std::round(low / step) + static_cast<double>(i), step); }

RoundScale round_scale(double low, double high, std::size_t most) {
  if (!(std::fabs(low) <= kLargestOnScale && std::fabs(high) <= kLargestOnScale) || most == 0)
    throw std::logic_error("round_scale: ends that are no scale");
  if (high < low) std::swap(low, high);
  const double size = std::max(std::fabs(low), std::fabs(high));
  // Below it neighbouring lines would be one number.
  const double least = std::max(size * 64 * std::numeric_limits<double>::epsilon(), 1e-300);
  double span = high - low;
  if (span <= least) span = size > 0 ? std::max(size / 10, least) : 1;
  for (double step = round_up(std::max(span / static_cast<double>(most), least));; step = next_round(step)) {
    const double first = std::floor(low / step + 1e-9), last = std::max(std::ceil(high / step - 1e-9), first + 1);
    if (last - first > static_cast<double>(most)) {
      if (most > 1 || step < 4 * span) continue;
    }
    return {multiple(first, step), multiple(last, step), step, static_cast<std::size_t>(last - first)};
  }
}

Histogram histogram(std::span<const double> values, std::size_t most) {
  Histogram made;
  std::vector<double> kept;
  kept.reserve(values.size());
  bool whole = true;
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!(std::fabs(value) <= kLargestOnScale)) {
      ++made.missing;
      continue;
    }
    kept.push_back(value);
    low = std::min(low, value);
    high = std::max(high, value);
    whole = whole && value == std::floor(value) && std::fabs(value) < 1e9;
  }
  made.n = kept.size();
  if (kept.empty()) return made;
  most = std::max<std::size_t>(most, 2);
  double end = high;  // of the bins that are closed
  if (whole && high - low < static_cast<double>(most)) {
    made.low = low;
    made.width = 1;
    made.whole = true;
    made.counts.assign(static_cast<std::size_t>(high - low) + 1, 0);
  } else {
    const auto n = static_cast<double>(kept.size());
    std::size_t bins = std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(std::log2(n))) + 1, 2, most);
    // For the width of bins some of the values are enough.
    constexpr std::size_t kEnough = 50'000;
    std::vector<double> some;
    const std::size_t each = kept.size() / kEnough + 1;
    some.reserve(kept.size() / each + 1);
    for (std::size_t i = 0; i < kept.size(); i += each) some.push_back(kept[i]);
    const std::size_t all = some.size();
    const double q1 = select_quantile(some, 0, all, 0.25), q3 = select_quantile(some, 0, all, 0.75),
                 p99 = select_quantile(some, 0, all, 0.99);
    const bool tail = kept.size() >= 100 && high - p99 > 2 * (p99 - low) && p99 > low;
    if (tail) end = p99;
    const double width = 2 * (q3 - q1) / std::cbrt(n);
    if (width > 0 && end - low < static_cast<double>(most) * width) {
      bins = std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil((end - low) / width)), bins, most);
    } else if (width > 0) {
      bins = most;
    }
    const RoundScale scale = round_scale(low, end, tail ? std::max<std::size_t>(bins, 3) - 2 : bins);
    made.low = scale.low;
    made.width = whole ? std::max(scale.step, 1.0) : scale.step;
    const double edges = (end - made.low) / made.width;
    auto count = static_cast<std::size_t>(std::floor(edges + 1e-9)) + 1;
    // What is at the last edge of all has no bin of its own.
    if (!tail && count > 1 && std::fabs(edges - std::round(edges)) < 1e-9) --count;
    if (tail) ++count;
    made.counts.assign(std::max<std::size_t>(count, 1), 0);
  }
  for (const double value : kept) {
    const double place = std::floor((value - made.low) / made.width + 1e-9);
    const auto last = made.counts.size() - 1;
    ++made.counts[place <= 0 ? 0 : place >= static_cast<double>(last) ? last : static_cast<std::size_t>(place)];
  }
  if (end < high) made.above = static_cast<std::size_t>(made.counts.back());
  return made;
}

ValueSpread spread_of(std::vector<double> values) {
  ValueSpread spread;
  if (values.empty()) return spread;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  spread.least = *least;
  spread.most = *most;
  // Outwards from the middle: each search is within a part of the one before.
  const std::size_t all = values.size();
  std::size_t middle = 0, quarter = 0;
  spread.median = select_quantile(values, 0, all, 0.5, &middle);
  spread.q1 = select_quantile(values, 0, middle, 0.25, &quarter);
  spread.p5 = select_quantile(values, 0, quarter, 0.05);
  spread.q3 = select_quantile(values, middle, all, 0.75, &quarter);
  spread.p95 = select_quantile(values, quarter, all, 0.95);
  return spread;
}

}  // namespace assay
