#pragma once
// How values lie: round numbers along an axis, counts between them, quartiles. What is not finite is left out and
// counted. Pure functions: any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/statistics/figure.hpp"

namespace assay {

/// Lines at low, low + step .. high, all of them multiples of `step`, which is 1, 2 or 5 times a power of ten.
struct RoundScale {
  double low = 0, high = 1, step = 0.2;
  std::size_t steps = 5;
  /// 0 at the low end, 1 at the high one; beyond them: the nearer end.
  double at(double value) const;
  /// The line number `i`, 0 .. steps.
  double line(std::size_t i) const;
};
/// The finest scale with at most `most` steps (at least 1) that holds both ends. One point gets a step around it. Ends
/// are finite and within +-kLargestOnScale; throws std::logic_error otherwise.
RoundScale round_scale(double low, double high, std::size_t most);
inline constexpr double kLargestOnScale = 1e300;

/// Equal bins with round edges: bin i holds low + i width <= x < low + (i + 1) width, the last one its upper edge too.
struct Histogram {
  double low = 0, width = 1;
  std::vector<std::uint64_t> counts;
  bool whole = false;  ///< a bin is one whole number
  std::size_t n = 0;   ///< counted in bins
  std::size_t above =
      0;  ///< of them in the last bin, which holds all that is beyond its lower edge; 0: it is as others
  std::size_t missing = 0;  ///< not finite, or beyond kLargestOnScale
};
/// At most `most` bins (at least 2); about as many as Freedman and Diaconis 1981 say (width 2 IQR / n^(1/3)), fewer for
/// few values. Whole numbers over fewer than `most`: one bin each. Where the upper end is so far off that bins for the
/// bulk (up to the 99 % quantile) would be lost, the last bin is open.
Histogram histogram(std::span<const double> values, std::size_t most);

/// Quantiles by linear interpolation at (n-1)q (Hyndman and Fan, type 7); all NaN of nothing.
struct ValueSpread {
  double least = kUndefined, p5 = kUndefined, q1 = kUndefined, median = kUndefined, q3 = kUndefined, p95 = kUndefined,
         most = kUndefined;
};
/// O(n). Values are finite.
ValueSpread spread_of(std::vector<double> values);

}  // namespace assay
