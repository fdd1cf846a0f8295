#pragma once
// Whether A is better than B, from pairs by item: each item counts once, its repeats averaged before. Specs:
// statistics.md 4. Differences are A - B; NaN or infinite ones are missing, left out and counted. Pure functions: any
// thread.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/statistics/named_stream.hpp"

namespace assay {

/// Two-sided exact p of b items that only A has right and c that only B has: min(1, 2 P(Bin(b+c, 1/2) <= min(b, c)));
/// 1 when there is none. McNemar 1947.
double mcnemar_exact(std::uint64_t b, std::uint64_t c);

struct SignTest {
  double p = 1;
  std::uint64_t plus = 0, minus = 0, zeros = 0, missing = 0;  // zeros are left out
};
SignTest sign_test(std::span<const double> differences);

struct PermutationTest {
  double p = kUndefined;
  std::string_view method;  // "permutation, exact" or "permutation, 10,000 flips"
  std::size_t n = 0, missing = 0;
  Why why = Why::ok;  // empty: no difference is there; too_few: stopped
};
inline constexpr std::size_t kFlips = 10'000;
/// Units whose differences are all turned for the exact test.
inline constexpr std::size_t kMostExactUnits = 20;
/// Of the mean difference, under all flips of signs when at most `most_exact` units are not zero, else under kFlips
/// drawn ones: p = (1 + #{|T*| >= |T| - 1e-12}) / (1 + kFlips), one stream.below(2) per unit in order, 1 flips.
/// `clusters` (empty, or one id a difference): those of a cluster flip together. Dror et al. 2018 (ACL, P18-1128).
/// `stop` (may be empty) is asked now and then: true ends the drawing, without a p.
PermutationTest paired_permutation(std::span<const double> differences, std::span<const std::uint32_t> clusters,
                                   NamedStream stream, std::size_t most_exact = kMostExactUnits,
                                   const std::function<bool()>& stop = {});

/// Mean difference with its interval: cluster_mean with Student's t of G-1 degrees of freedom, which without clusters
/// (empty) is the paired t interval. `level` within (0, 1).
Figure paired_interval(std::span<const double> differences, std::span<const std::uint32_t> clusters = {},
                       double level = 0.95);

/// Difference (c - b)/n of two shares from n pairs, b of which only the first has right and c only the second, with an
/// interval that is honest when none or all of them differ: half a pair is added to each of the four cells of the
/// table, then (c' - b')/n' +- z sqrt(b' + c' - (c' - b')^2/n')/n', cut to [-1, 1]; `value` is that of the pairs as
/// they are. b + c <= n; n = 0: `empty`. Agresti and Min 2005 (Statistics in Medicine 24:729).
Figure paired_shares(std::uint64_t b, std::uint64_t c, std::uint64_t n, double level = 0.95);

/// p-values adjusted for their number, in the order given: sorted ascending, the running maximum of
/// min(1, (m-r) p_(r)). Holm 1979. p within [0, 1].
std::vector<double> holm(std::span<const double> p);

/// The difference that n pairs find with probability `power`: (z_{1-alpha/2} + z_power) sd / sqrt n, with the standard
/// deviation of the differences. NaN when n is 0.
double minimum_detectable(double sd, std::uint64_t n, double alpha = 0.05, double power = 0.8);
/// The same for two separate samples.
double minimum_detectable_unpaired(double sd_a, std::uint64_t n_a, double sd_b, std::uint64_t n_b, double alpha = 0.05,
                                   double power = 0.8);
/// Pairs needed to find `effect` > 0, rounded up; the largest number where none would be enough.
std::uint64_t needed_n(double sd, double effect, double alpha = 0.05, double power = 0.8);

/// Standard deviation with n-1; NaN for fewer than two values. Missing ones are left out.
double standard_deviation(std::span<const double> values);

}  // namespace assay
