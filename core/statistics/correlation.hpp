#pragma once
// Correlations of pairs. A pair with a side that is not finite is missing, left out and counted. Specs: statistics.md
// 7. O(n log n). Pure functions: any thread.

#include <cstddef>
#include <span>
#include <vector>

#include "core/statistics/figure.hpp"

namespace assay {

struct Correlation {
  double value = kUndefined;
  double p = kUndefined;  ///< two-sided, Student's t with n-2 degrees of freedom of r sqrt((n-2)/(1-r^2)); none for tau
  std::size_t n = 0, missing = 0;
  Why why = Why::ok;  ///< empty, too_few (fewer than 3 pairs), constant (one side does not vary)
};

/// Both sides of one length.
Correlation pearson(std::span<const double> x, std::span<const double> y);
/// Pearson's of the mid-ranks.
Correlation spearman(std::span<const double> x, std::span<const double> y);
/// Kendall's tau-b, with ties, by merge sort (Knight 1966, JASA 61).
Correlation kendall_b(std::span<const double> x, std::span<const double> y);

/// 1-based, ties share the mean of their ranks. Values are finite.
std::vector<double> mid_ranks(std::span<const double> values);

}  // namespace assay
