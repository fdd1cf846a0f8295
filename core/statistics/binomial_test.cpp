#include "core/statistics/binomial_test.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

constexpr double kTie = 1 + 1e-7;

}  // namespace

double binomial_test(std::uint64_t k, std::uint64_t n, double chance) {
  if (k > n || !(chance > 0 && chance < 1)) throw std::logic_error("binomial_test: k <= n and a chance within (0, 1)");
  if (n == 0) return 1;
  const double bound = binomial_pdf(k, n, chance) * kTie, expected = static_cast<double>(n) * chance;
  // On either side of its mode the probability falls, so that the outcomes of the other tail are found by halving.
  const auto rare = [&](std::uint64_t i) { return binomial_pdf(i, n, chance) <= bound; };
  const auto at = static_cast<double>(k);
  if (at == expected) return 1;
  if (at < expected) {
    std::uint64_t low = static_cast<std::uint64_t>(std::ceil(expected)), high = n + 1;  // the first rare one
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (rare(middle)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return std::min(1.0, binomial_cdf(k, n, chance) + (low > n ? 0 : binomial_tail(low, n, chance)));
  }
  std::uint64_t low = 0, high = static_cast<std::uint64_t>(std::floor(expected)) + 1;  // how many are rare
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (rare(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::min(1.0, (low == 0 ? 0 : binomial_cdf(low - 1, n, chance)) + binomial_tail(k, n, chance));
}

}  // namespace assay
