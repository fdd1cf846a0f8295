#pragma once
// The distributions behind intervals and tests, by Boost.Math. Pure functions: any thread.

#include <cstdint>

namespace assay {

/// The value below which a share p of the standard normal distribution lies; 0 < p < 1.
double normal_quantile(double p);
/// The same of Student's t with df >= 1 degrees of freedom.
double student_t_quantile(double p, double df);
/// P(Bin(n, 1/2) <= k); k <= n.
double fair_binomial_cdf(std::uint64_t k, std::uint64_t n);

}  // namespace assay
