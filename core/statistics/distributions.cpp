// All of Boost.Math that statistics need: it takes long to compile, so it stands in one file.

#include "core/statistics/distributions.hpp"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <stdexcept>

#include "core/statistics/figure.hpp"

namespace assay {
namespace {

/// As near as doubles tell: the interval's ends are neighbours or nearly so.
constexpr int kRootBits = 52;
constexpr std::uintmax_t kMostRootSteps = 200;

}  // namespace

double normal_cdf(double z) { return boost::math::cdf(boost::math::normal_distribution<double>(), z); }

double normal_quantile(double p) { return boost::math::quantile(boost::math::normal_distribution<double>(), p); }

double z_of(double level) {
  if (!(level > 0 && level < 1)) throw std::logic_error("a level lies within (0, 1)");
  return level == 0.95 ? kZ95 : normal_quantile(0.5 + level / 2);
}

double student_t_quantile(double p, double df) {
  return boost::math::quantile(boost::math::students_t_distribution<double>(df), p);
}

double student_t_p(double t, double df) {
  if (std::isinf(t)) return 0;
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t_distribution<double>(df), std::fabs(t)));
}

double fair_binomial_cdf(std::uint64_t k, std::uint64_t n) {
  if (k >= n) return 1;
  return boost::math::cdf(boost::math::binomial_distribution<double>(static_cast<double>(n), 0.5),
                          static_cast<double>(k));
}

double binomial_cdf(std::uint64_t k, std::uint64_t n, double p) {
  if (k >= n) return 1;
  return boost::math::cdf(boost::math::binomial_distribution<double>(static_cast<double>(n), p),
                          static_cast<double>(k));
}

double binomial_tail(std::uint64_t k, std::uint64_t n, double p) {
  if (k == 0) return 1;
  if (k > n) return 0;
  return boost::math::cdf(boost::math::complement(boost::math::binomial_distribution<double>(static_cast<double>(n), p),
                                                  static_cast<double>(k - 1)));
}

double beta_quantile(double p, double a, double b) {
  return boost::math::quantile(boost::math::beta_distribution<double>(a, b), p);
}

double binomial_pdf(std::uint64_t k, std::uint64_t n, double p) {
  return boost::math::pdf(boost::math::binomial_distribution<double>(static_cast<double>(n), p),
                          static_cast<double>(k));
}

double root_between(const std::function<double(double)>& f, double lo, double hi) {
  std::uintmax_t steps = kMostRootSteps;
  const auto [a, b] =
      boost::math::tools::toms748_solve(f, lo, hi, boost::math::tools::eps_tolerance<double>(kRootBits), steps);
  return a + (b - a) / 2;
}

}  // namespace assay
