#include "core/statistics/histogram.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "core/statistics/resampling.hpp"

namespace assay {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

TEST_CASE("an axis has lines at 1, 2 or 5 times a power of ten, and holds both ends") {
  struct Case {
    double low, high;
    std::size_t most;
    double first, last, step;
  };
  for (const Case& one : {Case{0, 1, 5, 0, 1, 0.2}, Case{0.13, 0.87, 5, 0, 1, 0.2}, Case{3, 97, 10, 0, 100, 10},
                          Case{-4, 4, 5, -4, 4, 2}, Case{0, 1234, 6, 0, 1500, 500}, Case{5, 5, 5, 5, 5.5, 0.1},
                          Case{1e-7, 9e-7, 5, 0, 1e-6, 2e-7}, Case{1e200, 9e200, 5, 0, 1e201, 2e200}}) {
    CAPTURE(one.low);
    CAPTURE(one.high);
    const RoundScale scale = round_scale(one.low, one.high, one.most);
    CHECK(scale.low == doctest::Approx(one.first));
    CHECK(scale.step == doctest::Approx(one.step));
    CHECK(scale.steps <= one.most);
    CHECK(scale.low <= one.low);
    CHECK(scale.high >= one.high * (1 - 1e-12));
    CHECK(scale.line(scale.steps) == doctest::Approx(scale.high));
  }
  CHECK(round_scale(0, 1, 5).line(3) == 0.6);  // and not 0.6000000000000001
  CHECK(round_scale(-1, 1, 1).steps == 2);     // no one step holds 0 within
  CHECK_THROWS_AS(round_scale(0, INFINITY, 5), std::logic_error);
  CHECK_THROWS_AS(round_scale(kNaN, 1, 5), std::logic_error);
}

TEST_CASE("a scale goes from 0 to 1, and to its nearer end beyond") {
  const RoundScale scale{-100, 100, 50, 4};
  CHECK(scale.at(-100) == 0);
  CHECK(scale.at(0) == 0.5);
  CHECK(scale.at(500) == 1);
  CHECK(RoundScale{-1e300, 1e300, 1e300, 2}.at(0) == 0.5);
}

TEST_CASE("every value is in one bin, whatever the values") {
  std::vector<double> many;
  for (int i = 0; i < 1000; ++i) many.push_back(std::sin(i) * 50);
  const std::vector<std::vector<double>> all = {
      {1},         {1, 2}, {7, 7, 7},        {-3, -2, -1.5, 0},        {1e300, -1e300}, {0.1, 0.2, 0.3},
      {1e-300, 0}, many,   {1e16, 1e16 + 2}, {0, 0, 0, 1e9, 3, 4, 12}, {5e-324, 1e-310}};
  for (const auto& values : all) {
    CAPTURE(values.front());
    const Histogram made = histogram(values, 20);
    CHECK(made.n == values.size());
    CHECK(sum(made.counts) == values.size());
    CHECK(made.counts.size() <= 21);
    CHECK(made.missing == 0);
    CHECK(made.width > 0);
  }
}

TEST_CASE("bins are half open: an edge belongs to the bin above it") {
  const std::vector<double> values = {0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5};
  const Histogram made = histogram(values, 4);
  REQUIRE(made.width == 1);
  CHECK(made.counts == std::vector<std::uint64_t>{2, 2, 2, 2});
  const std::vector<double> ratios = {0, 0.1, 0.3, 0.5, 0.6, 0.9, 1, 1};
  const Histogram closed = histogram(ratios, 5);  // but for the last edge of all: 1 is no bin of its own
  REQUIRE(closed.width == doctest::Approx(0.5));
  CHECK(closed.counts == std::vector<std::uint64_t>{3, 5});
}

TEST_CASE("few whole numbers have a bin each") {
  const Histogram made = histogram(std::vector<double>{3, 1, 1, 6}, 20);
  CHECK(made.whole);
  CHECK(made.low == 1);
  CHECK(made.counts == std::vector<std::uint64_t>{2, 0, 1, 0, 0, 1});
}

TEST_CASE("what is not finite, or too large to draw, is counted as missing") {
  const Histogram made = histogram(std::vector<double>{kNaN, INFINITY, -INFINITY, 1e301, 1, 2}, 20);
  CHECK(made.missing == 4);
  CHECK(made.n == 2);
  CHECK(histogram({}, 20).counts.empty());
}

TEST_CASE("a far tail goes into one open bin, so that the bulk keeps its form") {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(1 + 0.001 * i);
  values.push_back(900);
  const Histogram made = histogram(values, 20);
  CHECK(made.above == 1);
  CHECK(made.counts.back() == 1);
  CHECK(made.counts.size() > 5);
  CHECK(sum(made.counts) == 1001);
  values.pop_back();
  CHECK(histogram(values, 20).above == 0);
}

TEST_CASE("quartiles are those of numpy's percentile") {
  const ValueSpread spread = spread_of({9, 1, 4, 16, 25, 36, 49, 64, 81, 100, 121});
  CHECK(spread.least == 1);
  CHECK(spread.p5 == doctest::Approx(2.5));
  CHECK(spread.q1 == doctest::Approx(12.5));
  CHECK(spread.median == 36);
  CHECK(spread.q3 == doctest::Approx(72.5));
  CHECK(spread.p95 == doctest::Approx(110.5));
  CHECK(spread.most == 121);
  const ValueSpread one = spread_of({2});
  CHECK(one.p5 == 2);
  CHECK(one.q3 == 2);
  CHECK(std::isnan(spread_of({}).median));
  CHECK(spread_of({1, 2}).median == 1.5);
  CHECK(spread_of({2, 1}).q1 == 1.25);
  CHECK(spread_of({3, 1, 2}).q3 == 2.5);
  for (std::size_t n = 1; n < 60; ++n) {
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(static_cast<double>(i * 37 % 61));
    const ValueSpread made = spread_of(values);
    CHECK(made.p5 == doctest::Approx(quantile(values, 0.05)));
    CHECK(made.q1 == doctest::Approx(quantile(values, 0.25)));
    CHECK(made.median == doctest::Approx(quantile(values, 0.5)));
    CHECK(made.q3 == doctest::Approx(quantile(values, 0.75)));
    CHECK(made.p95 == doctest::Approx(quantile(values, 0.95)));
  }
}

}  // namespace
}  // namespace assay
