// All of Boost.Math that statistics need: it takes long to compile, so it stands in one file.

#include "core/statistics/distributions.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace assay {

double normal_quantile(double p) { return boost::math::quantile(boost::math::normal_distribution<double>(), p); }

double student_t_quantile(double p, double df) {
  return boost::math::quantile(boost::math::students_t_distribution<double>(df), p);
}

double fair_binomial_cdf(std::uint64_t k, std::uint64_t n) {
  if (k >= n) return 1;
  return boost::math::cdf(boost::math::binomial_distribution<double>(static_cast<double>(n), 0.5),
                          static_cast<double>(k));
}

}  // namespace assay
