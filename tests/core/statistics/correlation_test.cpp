#include "core/statistics/correlation.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

using namespace assay;

namespace {
bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}
}  // namespace

TEST_CASE("correlations: the values of the spec, without and with ties") {
  const std::vector<double> x = {1.0, 2.5, 3.1, 4.7, 5.0, 6.2}, y = {2.0, 1.9, 3.5, 4.1, 6.3, 6.0};
  CHECK(near(pearson(x, y).value, 0.9074662334));
  CHECK(near(pearson(x, y).p, 0.0124475869));
  CHECK(near(spearman(x, y).value, 0.8857142857));
  CHECK(near(spearman(x, y).p, 0.0188454810));
  CHECK(near(kendall_b(x, y).value, 0.7333333333));
  const std::vector<double> a = {1, 2, 2, 3, 4, 4, 5}, b = {1, 3, 2, 3, 3, 5, 4};
  CHECK(near(pearson(a, b).value, 0.8215838363));
  CHECK(near(spearman(a, b).value, 0.8492077756));
  CHECK(near(kendall_b(a, b).value, 0.7570332986));
}

TEST_CASE("Kendall's tau by sorting is that of all pairs, in any order") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 3 + random() % 40;
    std::vector<double> x, y;
    for (std::size_t i = 0; i < n; ++i) {
      x.push_back(static_cast<double>(random() % 8));
      y.push_back(static_cast<double>(random() % 8));
    }
    double agree = 0, apart_x = 0, apart_y = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double dx = x[i] - x[j], dy = y[i] - y[j];
        agree += dx * dy > 0 ? 1 : dx * dy < 0 ? -1 : 0;
        apart_x += dx != 0 ? 1 : 0;
        apart_y += dy != 0 ? 1 : 0;
      }
    }
    const Correlation tau = kendall_b(x, y);
    if (apart_x == 0 || apart_y == 0) {
      REQUIRE(tau.why == Why::constant);
    } else {
      REQUIRE(near(tau.value, agree / std::sqrt(apart_x * apart_y), 1e-12));
      REQUIRE(near(kendall_b(y, x).value, tau.value, 1e-12));
    }
  }
}

TEST_CASE("what a correlation needs: three pairs, and both sides varying") {
  using Values = std::vector<double>;
  for (const auto correlation : {pearson, spearman, kendall_b}) {
    CHECK(correlation(Values{}, Values{}).why == Why::empty);
    CHECK(correlation(Values{kUndefined}, Values{1}).why == Why::empty);
    CHECK(correlation(Values{1, 2}, Values{1, 2}).why == Why::too_few);
    CHECK(correlation(Values{1, 1, 1}, Values{1, 2, 3}).why == Why::constant);
    CHECK(std::isnan(correlation(Values{1, 2, 3}, Values{2, 2, 2}).value));
    const Correlation some = correlation(Values{1, 2, kUndefined, 3, 4}, Values{1, 2, 3, INFINITY, 5});
    CHECK(some.n == 3);
    CHECK(some.missing == 2);
    CHECK(some.value > 0.9);
    CHECK(correlation(Values{1, 2, 3}, Values{6, 4, 2}).value == doctest::Approx(-1).epsilon(1e-15));
    CHECK_THROWS_AS(correlation(Values{1}, Values{}), std::logic_error);
  }
  CHECK(pearson(Values{1, 2, 3}, Values{1, 2, 3}).p == 0);
  CHECK(mid_ranks(Values{5, 1, 5, 3}) == Values{3.5, 1, 3.5, 2});
}
