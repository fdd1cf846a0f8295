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

/// Of values, which are put in another order; q within 0 and 1. `from`: all before it are below.
double select_quantile(std::vector<double>& values, std::size_t from, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto k = static_cast<std::size_t>(place);
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(from);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(k);
  if (k >= from) std::nth_element(begin, at, values.end());
  const double share = place - static_cast<double>(k);
  if (share == 0 || k + 1 >= values.size()) return *at;
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
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
    std::vector<double> order = kept;
    const double q1 = select_quantile(order, 0, 0.25);
    const double q3 = select_quantile(order, static_cast<std::size_t>(0.25 * (n - 1)), 0.75);
    const double p99 = select_quantile(order, static_cast<std::size_t>(0.75 * (n - 1)), 0.99);
    const bool tail = kept.size() >= 100 && high - p99 > 2 * (p99 - low) && p99 > low;
    if (tail) end = p99;
    const double width = 2 * (q3 - q1) / std::cbrt(n);
    if (width > 0 && end - low < static_cast<double>(most) * width) {
      bins = std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil((end - low) / width)), bins, most);
    } else if (width > 0) {
      bins = most;
    }
    const RoundScale scale = round_scale(low, end, std::max<std::size_t>(bins, 3) - (tail ? 2 : 1));
    made.low = scale.low;
    made.width = whole ? std::max(scale.step, 1.0) : scale.step;
    auto count = static_cast<std::size_t>(std::floor((end - made.low) / made.width + 1e-9)) + 1;  // edges belong above
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

Spread spread_of(std::vector<double> values) {
  Spread spread;
  if (values.empty()) return spread;
  const auto n = static_cast<double>(values.size() - 1);
  const auto place = [n](double q) { return static_cast<std::size_t>(q * n); };
  spread.least = *std::min_element(values.begin(), values.end());
  spread.most = *std::max_element(values.begin(), values.end());
  spread.p5 = select_quantile(values, 0, 0.05);
  spread.q1 = select_quantile(values, place(0.05), 0.25);
  spread.median = select_quantile(values, place(0.25), 0.5);
  spread.q3 = select_quantile(values, place(0.5), 0.75);
  spread.p95 = select_quantile(values, place(0.75), 0.95);
  return spread;
}

}  // namespace assay
