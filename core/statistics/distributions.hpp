#pragma once
// The distributions behind intervals and tests, by Boost.Math. Pure functions: any thread.

#include <cstdint>
#include <functional>

namespace assay {

/// P(Z <= z) of the standard normal distribution.
double normal_cdf(double z);
/// The value below which a share p of it lies; 0 < p < 1.
double normal_quantile(double p);
/// The same of Student's t with df > 0 degrees of freedom.
double student_t_quantile(double p, double df);
/// P(|T| >= |t|) of Student's t.
double student_t_p(double t, double df);
/// P(Bin(n, 1/2) <= k); k <= n.
double fair_binomial_cdf(std::uint64_t k, std::uint64_t n);
/// The value below which a share p of the beta distribution lies; a, b > 0.
double beta_quantile(double p, double a, double b);
/// P(Bin(n, p) <= k), and P(Bin(n, p) >= k).
double binomial_cdf(std::uint64_t k, std::uint64_t n, double p);
double binomial_tail(std::uint64_t k, std::uint64_t n, double p);
/// P(Bin(n, p) = k); k <= n. With p = k/n it never underflows.
double binomial_pdf(std::uint64_t k, std::uint64_t n, double p);
/// A root of f between lo and hi, at whose ends f differs in sign (TOMS 748, Alefeld, Potra and Shi 1995).
double root_between(const std::function<double(double)>& f, double lo, double hi);

}  // namespace assay
