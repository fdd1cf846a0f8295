#include "core/statistics/binomial_test.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/statistics/distributions.hpp"

using namespace assay;

namespace {

/// By the definition: every outcome that is no more likely.
double by_definition(std::uint64_t k, std::uint64_t n, double chance) {
  double p = 0;
  for (std::uint64_t i = 0; i <= n; ++i) {
    if (binomial_pdf(i, n, chance) <= binomial_pdf(k, n, chance) * (1 + 1e-7)) p += binomial_pdf(i, n, chance);
  }
  return std::min(1.0, p);
}

}  // namespace

TEST_CASE("the exact binomial test gives the values of R's binom.test") {
  // binom.test(682, 925, p = 0.75)$p.value, binom.test(7, 20, 0.25), binom.test(0, 10, 0.5)
  CHECK(std::fabs(binomial_test(682, 925, 0.75) - 0.3824915595748) < 1e-9);
  CHECK(std::fabs(binomial_test(0, 10, 0.5) - 0.001953125) < 1e-12);
  CHECK(binomial_test(5, 10, 0.5) == 1);
  CHECK(binomial_test(0, 0, 0.5) == 1);
}

TEST_CASE("it sums what is no more likely, on both sides") {
  for (const double chance : {0.01, 0.25, 1.0 / 3, 0.5, 0.9}) {
    for (const std::uint64_t n : {1U, 2U, 7U, 20U, 61U}) {
      for (std::uint64_t k = 0; k <= n; ++k) {
        CAPTURE(chance);
        CAPTURE(n);
        CAPTURE(k);
        CHECK(std::fabs(binomial_test(k, n, chance) - by_definition(k, n, chance)) < 1e-10);
      }
    }
  }
}

TEST_CASE("a million trials take no longer than ten") {
  CHECK(binomial_test(250'000, 1'000'000, 0.25) == 1);
  CHECK(binomial_test(251'500, 1'000'000, 0.25) < 0.001);
  CHECK(binomial_test(251'500, 1'000'000, 0.25) > 0);
}

TEST_CASE("a chance outside of (0, 1), or more successes than trials, is a bug") {
  CHECK_THROWS_AS(binomial_test(1, 2, 0), std::logic_error);
  CHECK_THROWS_AS(binomial_test(1, 2, 1), std::logic_error);
  CHECK_THROWS_AS(binomial_test(3, 2, 0.5), std::logic_error);
}
