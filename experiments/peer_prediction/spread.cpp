#include "experiments/peer_prediction/spread.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/effects.hpp"
#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "experiments/peer_prediction/record.hpp"

namespace assay {

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

double mean_finite(const std::vector<double>& values) {
  return mean_of_finite(values.size(), [&](std::size_t i) { return values[i]; });
}

std::size_t count_finite(const std::vector<double>& values) {
  return static_cast<std::size_t>(
      std::count_if(values.begin(), values.end(), [](double v) { return std::isfinite(v); }));
}

std::pair<Json, Json> around(double value, const Figure& figure) {
  return {finite_or_null(value - (figure.value - figure.low)), finite_or_null(value + (figure.high - figure.value))};
}

Spread paired_spread(const std::vector<double>& differences) {
  return {student_t(differences), standard_deviation(differences), count_finite(differences)};
}

Spread independent_spread(const std::vector<double>& p, const std::vector<double>& q) {
  const WelchDifference difference = tvd_mi_calls(p, q);
  const std::size_t tasks = std::min(difference.n_a, difference.n_b);
  return {difference.figure, difference.standard_error * std::sqrt(static_cast<double>(tasks)), tasks};
}

double mean_row(const std::vector<double>& m, std::size_t n, std::size_t i) {
  return mean_of_finite(n, [&](std::size_t j) { return j == i ? kUndefined : m[i * n + j]; });
}

}  // namespace assay
