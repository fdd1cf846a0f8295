#pragma once
// Mean and spread in one pass, and merged from parts in any grouping. Specs: statistics.md 1. One thread a time.

#include <cstddef>

#include "core/statistics/figure.hpp"

namespace assay {

/// Updating and merging after Chan, Golub and LeVeque 1979. What is not finite is missing.
struct Accumulator {
  std::size_t n = 0, missing = 0;
  double sum = 0, sum_sq_dev = 0;

  void add(double value);
  void merge(const Accumulator& other);
  double mean() const { return n == 0 ? kUndefined : sum / static_cast<double>(n); }
  /// With n-1; NaN below two values.
  double variance() const { return n < 2 ? kUndefined : sum_sq_dev / static_cast<double>(n - 1); }
  /// Mean with Student's t interval, as student_t gives it of the values.
  Figure figure(double level = 0.95) const;
};

}  // namespace assay
