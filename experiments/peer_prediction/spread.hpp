#pragma once
// Estimates over tasks with their spread: what the figures of a batch have in common. Any thread.

#include <cstddef>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/text/json.hpp"

namespace assay {

/// Nearer to one another, two figures are equal: sums in another order differ by as much.
inline constexpr double kEqualFigures = 1e-12;

/// An estimate over tasks with its interval, and the spread of one task behind it.
struct Spread {
  Figure figure;
  double sd = kUndefined;
  std::size_t tasks = 0;
};
/// Of a difference that each task has (NaN: missing); of two samples that have no task in common.
Spread paired_spread(const std::vector<double>& differences);
Spread independent_spread(const std::vector<double>& p, const std::vector<double>& q);

Json finite_or_null(double value);
/// The mean of what is finite, NaN of nothing; how much of it there is.
double mean_finite(const std::vector<double>& values);
std::size_t count_finite(const std::vector<double>& values);
/// The mean of row i of an n x n matrix without its diagonal.
double mean_row(const std::vector<double>& m, std::size_t n, std::size_t i);
/// The interval of `figure` around `value`: they differ where cells are missing.
std::pair<Json, Json> around(double value, const Figure& figure);

}  // namespace assay
