#include "core/statistics/accumulator.hpp"

#include <cmath>

#include "core/statistics/distributions.hpp"

namespace assay {

void Accumulator::add(double value) {
  if (!std::isfinite(value)) {
    ++missing;
    return;
  }
  merge({1, 0, value, 0});
}

void Accumulator::merge(const Accumulator& other) {
  missing += other.missing;
  if (other.n == 0) return;
  if (n == 0) {
    n = other.n;
    sum = other.sum;
    sum_sq_dev = other.sum_sq_dev;
    return;
  }
  const auto mine = static_cast<double>(n), theirs = static_cast<double>(other.n);
  const double apart = other.sum / theirs - sum / mine;
  sum_sq_dev += other.sum_sq_dev + apart * apart * mine * theirs / (mine + theirs);
  sum += other.sum;
  n += other.n;
}

Figure Accumulator::figure(double level) const {
  const double z = z_of(level);
  Figure figure;
  figure.n = n;
  figure.missing = missing;
  figure.method = "Student's t";
  figure.value = mean();
  if (n < 2) {
    figure.why = n == 0 ? Why::empty : Why::single;
  } else if (sum_sq_dev == 0) {
    figure.why = Why::constant;
    figure.low = figure.high = figure.value;
  } else {
    const auto count = static_cast<double>(n);
    // From here on the two quantiles are one to ten digits, and the normal one is a thousand times as fast.
    const double t = count > 1e10 ? z : student_t_quantile(0.5 + level / 2, count - 1);
    const double half = t * std::sqrt(variance() / count);
    figure.low = figure.value - half;
    figure.high = figure.value + half;
  }
  return figure;
}

}  // namespace assay
