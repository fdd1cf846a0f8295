#include "core/statistics/linear_solve.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {
namespace {

/// Below this share of the largest diagonal entry, what is left of one is rounding.
constexpr double kNothing = 1e-14;

}  // namespace

bool cholesky(std::vector<double>& matrix, std::size_t n) {
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, matrix[i * n + i]);
  for (std::size_t i = 0; i < n; ++i) {
    double* row = &matrix[i * n];
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = &matrix[j * n];
      const double rest = row[j] - std::inner_product(row, row + j, other, 0.0);
      if (j < i) {
        row[j] = rest / other[j];
      } else if (!(rest > kNothing * largest) || !std::isfinite(rest)) {
        return false;
      } else {
        row[i] = std::sqrt(rest);
      }
    }
  }
  return true;
}

void cholesky_solve(const std::vector<double>& factor, std::size_t n, std::vector<double>& b) {
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = &factor[i * n];
    b[i] = (b[i] - std::inner_product(row, row + i, b.begin(), 0.0)) / row[i];
  }
  for (std::size_t i = n; i-- > 0;) {
    b[i] /= factor[i * n + i];
    for (std::size_t j = 0; j < i; ++j) b[j] -= factor[i * n + j] * b[i];
  }
}

std::vector<double> inverse_diagonal(const std::vector<double>& factor, std::size_t n) {
  // A^-1 = L^-T L^-1: entry i of its diagonal is the sum of squares of column i of L^-1.
  std::vector<double> diagonal(n, 0), column(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = i; k < n; ++k) {
      const double* row = &factor[k * n];
      const double sum = std::inner_product(row + i, row + k, column.begin() + static_cast<std::ptrdiff_t>(i), 0.0);
      column[k] = ((k == i ? 1 : 0) - sum) / row[k];
      diagonal[i] += column[k] * column[k];
    }
  }
  return diagonal;
}

}  // namespace assay
