#pragma once
// Shares of correct runs: intervals, worst and best case, repeats. Specs: statistics.md 2 and 6, qa.md 9.
// Pure functions: any thread.

#include <cstdint>
#include <span>

#include "core/statistics/figure.hpp"

namespace assay {

/// k successes of n; 0 <= k <= n. Centre (p + z^2/2n)/(1 + z^2/n), half width z
/// sqrt(p(1-p)/n + z^2/4n^2)/(1 + z^2/n); exactly 0 at k = 0, exactly 1 at k = n. n = 0: `empty`. Wilson 1927.
Figure wilson(std::uint64_t k, std::uint64_t n, double z = kZ95);

struct ClusterFigure {
  Figure figure;
  double standard_error = kUndefined;
  std::size_t clusters = 0;
};

/// Mean of values that come in clusters (repeats of an item); `clusters[i]` is the cluster of `values[i]`. NaN:
/// missing. se = sqrt(G/(G-1) sum_c (sum_{i in c} (x_i - m))^2) / n; interval m +- z se (CR1; Liang & Zeger 1986;
/// Miller 2024, arXiv 2411.00640). With equal cluster sizes: z sqrt(sum (m_c - m)^2 / (G (G-1))) of the cluster means.
/// One cluster: value without interval, `single`; no spread: [m, m], `constant`. Not cut to [0, 1]: see proportion.
ClusterFigure cluster_mean(std::span<const double> values, std::span<const std::uint32_t> clusters, double z = kZ95);

/// Share of right answers among 0/1 values: wilson where no cluster has more than one value, else cluster_mean cut to
/// [0, 1].
Figure proportion(std::span<const double> values, std::span<const std::uint32_t> clusters, double z = kZ95);

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
