#pragma once
// Symmetric positive definite systems, as Newton's method on a concave likelihood needs them. Pure functions: any
// thread.

#include <cstddef>
#include <vector>

namespace assay {

/// The lower Cholesky factor of a matrix of n rows and columns, row after row, in place; only its lower half is read.
/// False: it is not positive definite.
bool cholesky(std::vector<double>& matrix, std::size_t n);
/// x of A x = b, in place of b, from A's factor.
void cholesky_solve(const std::vector<double>& factor, std::size_t n, std::vector<double>& b);
/// The diagonal of the inverse of A, from its factor.
std::vector<double> inverse_diagonal(const std::vector<double>& factor, std::size_t n);

}  // namespace assay
