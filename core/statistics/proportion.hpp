#pragma once
// Shares of correct runs and means of scores: intervals, worst and best case, repeats. Specs: statistics.md 2 and 6,
// qa.md 9. `level` within (0, 1), all intervals two-sided. Pure functions: any thread.

#include <cstdint>
#include <span>

#include "core/statistics/figure.hpp"

namespace assay {

/// k successes of n; 0 <= k <= n. Centre (p + z^2/2n)/(1 + z^2/n), half width z
/// sqrt(p(1-p)/n + z^2/4n^2)/(1 + z^2/n); exactly 0 at k = 0, exactly 1 at k = n. n = 0: `empty`. Wilson 1927.
/// Held 0.937, 0.945, 0.938 of 20,000 samples of 100 at p .1, .5, .9 (tests/core/statistics, ASSAY_SOAK).
Figure wilson(std::uint64_t k, std::uint64_t n, double level = 0.95);

/// sqrt(p (1-p) / n), the plain standard error of a share, for parity with others' tables only. NaN when n is 0.
double binomial_se(double share, std::uint64_t n);

/// The exact interval, wider: beta quantiles B(a/2; k, n-k+1) and B(1-a/2; k+1, n-k). Clopper and Pearson 1934.
Figure clopper_pearson(std::uint64_t k, std::uint64_t n, double level = 0.95);

/// Mean with interval m +- t_{n-1} s/sqrt n, s with n-1. One value: no interval, `single`; all equal: [x, x],
/// `constant`.
Figure student_t(std::span<const double> values, double level = 0.95);

struct ClusterFigure {
  Figure figure;
  double standard_error = kUndefined;
  std::size_t clusters = 0;
};

/// By which an interval is as wide as it is: Student's t with clusters-1 degrees of freedom, or the normal one.
enum class Quantile { t, z };

/// Mean of values that come in clusters (repeats of an item, items of a question); `clusters[i]` is the cluster of
/// `values[i]`, none: each has its own, which is student_t. NaN: missing. se = sqrt(G/(G-1) sum_c (sum_{i in c}
/// (x_i - m))^2) / n (CR1; Liang & Zeger 1986; Miller 2024, arXiv 2411.00640). With equal cluster sizes: the interval
/// of the cluster means. One cluster: value without interval, `single`; no spread: [m, m], `constant`. Held 0.947 of
/// 5,000 samples of 40 clusters of 5 with correlation 1/2, where student_t held 0.746. Not cut to
/// [0, 1]: see proportion.
ClusterFigure cluster_mean(std::span<const double> values, std::span<const std::uint32_t> clusters,
                           Quantile quantile = Quantile::t, double level = 0.95);

/// Share of right answers among 0/1 values: wilson where no cluster has more than one value (or none is given), else
/// cluster_mean cut to [0, 1]. Quantile::z is for epochs, whose clusters are of one size.
Figure proportion(std::span<const double> values, std::span<const std::uint32_t> clusters,
                  Quantile quantile = Quantile::t, double level = 0.95);

/// The figure if every missing value were `lo`, and if it were `hi` (Manski): worst = (sum + missing lo)/(scored +
/// missing). Missing are all that belong to the denominator by right: unparsed, refused, failed, not run.
struct Bounds {
  double worst = kUndefined, best = kUndefined;
};
Bounds bounds(double sum, std::uint64_t scored, std::uint64_t missing, double lo = 0, double hi = 1);

/// Probability that at least one of k draws without replacement from n attempts, c of them right, is right:
/// 1 - C(n-c, k)/C(n, k), as the product 1 - prod_{i = n-c+1 .. n} (1 - k/i) (Chen et al. 2021, arXiv 2107.03374).
/// NaN when n < k. c <= n, k >= 1.
double pass_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k);
/// That all k of them are right: C(c, k)/C(n, k). NaN when n < k.
double all_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k);

}  // namespace assay
