#pragma once
// How large a difference is and how well a score separates. Specs: statistics.md 9. What is not finite is missing, left
// out and counted. Pure functions: any thread.

#include <cstddef>
#include <span>

#include "core/statistics/figure.hpp"

namespace assay {

/// Cohen's d of paired differences: mean / sd (n-1). single: one difference; constant: they are all equal.
Figure cohen_d(std::span<const double> differences);

struct GroupEffect {
  Figure d;  ///< difference of the means a - b over the pooled sd; n: both groups
  double hedges_factor = kUndefined, hedges_g = kUndefined;  ///< 1 - 3/(4 df - 1), df = n_a + n_b - 2; d times it
};
/// Of two groups (Cohen 1988; Hedges 1981). too_few: fewer than three values, or an empty group (`empty`).
GroupEffect cohen_d_groups(std::span<const double> a, std::span<const double> b);

/// Probability that a positive exceeds a negative, ties 1/2, by mid-ranks (Mann and Whitney 1947). n: values of both.
/// empty: a side has none.
Figure auc(std::span<const double> positives, std::span<const double> negatives);

/// 1/2 sum |P(x,y) - P(x)P(y)| of a table of `columns` columns, row after row, normalised first: probabilities or
/// counts (plug-in). empty: the total is 0. Negative or not finite entries are wrong use.
Figure tvd_mi_joint(std::span<const double> table, std::size_t columns);

/// mean of p - mean of q with Welch's interval: variances s^2/n, degrees of freedom of Welch and Satterthwaite (Welch
/// 1947). n and missing: of both. A side of one value: `single`, no interval; no spread on either: `constant`.
struct WelchDifference {
  Figure figure;
  double standard_error = kUndefined, df = kUndefined;
  double p = kUndefined;  ///< two-sided
  std::size_t n_a = 0, n_b = 0, missing_a = 0, missing_b = 0;
};
WelchDifference welch(std::span<const double> a, std::span<const double> b, double level = 0.95);

/// TVD-MI from critics' answers on true pairs (p) and on shuffled ones (q): mean p - mean q. `independent`: with
/// Welch's interval, else without (p and q of one task are not independent: take student_t over tasks).
WelchDifference tvd_mi_calls(std::span<const double> p, std::span<const double> q, bool independent = true,
                             double level = 0.95);

}  // namespace assay
