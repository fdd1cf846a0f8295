#include "core/statistics/sequences.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/statistics/figure.hpp"

using namespace assay;

namespace {
bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }
}  // namespace

TEST_CASE("the sequence of a share: the values of the spec") {
  struct Case {
    std::uint64_t s, n;
    double low, high;
  };
  for (const Case& each :
       {Case{7, 10, 0.26674053, 0.96335971}, Case{37, 50, 0.52491621, 0.89642469}, Case{0, 20, 0, 0.26067135},
        Case{1590, 1946, 0.78326924, 0.84789827}, Case{5000, 10000, 0.48080397, 0.51919603}}) {
    CAPTURE(each.n);
    const Figure figure = confidence_sequence_binary(each.s, each.n);
    CHECK(near(figure.low, each.low, 1e-7));
    CHECK(near(figure.high, each.high, 1e-7));
    const Figure mirrored = confidence_sequence_binary(each.n - each.s, each.n);
    CHECK(near(mirrored.high, 1 - each.low, 1e-7));
  }
  CHECK(confidence_sequence_binary(0, 20).low == 0);
  CHECK(confidence_sequence_binary(20, 20).high == 1);
  const Figure none = confidence_sequence_binary(0, 0);
  CHECK(none.why == Why::empty);
  CHECK(none.low == 0);
  CHECK(none.high == 1);
  CHECK(std::isnan(none.value));
  const Figure large = confidence_sequence_binary(300'000'000'000, 1'000'000'000'000);
  CHECK(large.low < 0.3);
  CHECK(large.high > 0.3);
  CHECK(large.high - large.low < 1e-5);
  for (std::uint64_t n = 1; n < 400; n += 3) {
    for (std::uint64_t s = 0; s <= n; s += 1 + n / 7) {
      const Figure figure = confidence_sequence_binary(s, n);
      REQUIRE(figure.low <= figure.value);
      REQUIRE(figure.high >= figure.value);
      REQUIRE(figure.high - figure.low > 0);
    }
  }
  CHECK_THROWS_AS(confidence_sequence_binary(2, 1), std::logic_error);
}

TEST_CASE("what is missing counts as wrong and as right: the hull of both") {
  const Figure hull = confidence_sequence_binary(7, 10, 3);
  CHECK(hull.low == confidence_sequence_binary(7, 13).low);
  CHECK(hull.high == confidence_sequence_binary(10, 13).high);
  CHECK(hull.value == 0.7);
  CHECK(hull.missing == 3);
  BoundedSequence some, low, high;
  for (int i = 0; i < 60; ++i) {
    const double x = (i * 37 % 101) / 100.0;
    some.add(i % 10 == 3 ? kUndefined : x);
    low.add(i % 10 == 3 ? 0 : x);
    high.add(i % 10 == 3 ? 1 : x);
  }
  CHECK(some.figure().low == std::min(low.figure().low, high.figure().low));
  CHECK(some.figure().high == std::max(low.figure().high, high.figure().high));
  CHECK(some.figure().missing == 6);
  CHECK(some.figure().n == 54);
}

TEST_CASE("the sequence of a bounded mean: the values of the spec, on any scale") {
  std::vector<double> values, scaled;
  for (int i = 1; i <= 200; ++i) {
    values.push_back((37 * i % 101) / 100.0);
    scaled.push_back(1 + 4 * values.back());
    if (i != 20 && i != 200) continue;
    const Figure figure = confidence_sequence_bounded(values);
    CHECK(near(figure.low, i == 20 ? 0.0970228397 : 0.4299789904, 1e-9));
    CHECK(near(figure.high, i == 20 ? 0.9059771602 : 0.5733795337, 1e-9));
    CHECK(near(confidence_sequence_bounded(scaled, 1, 5).low, 1 + 4 * figure.low, 1e-9));
  }
  const Figure none = confidence_sequence_bounded({}, -1, 2);
  CHECK(none.why == Why::empty);
  CHECK(none.low == -1);
  CHECK(none.high == 2);
  CHECK_THROWS_AS(confidence_sequence_bounded({}, 1, 1), std::logic_error);
}

// With ASSAY_SOAK the 2,000 simulations of the spec; 100 otherwise, whose bound is as much wider.
TEST_CASE("looked at a thousand times, a sequence misses the truth in at most 5 % of experiments") {
  const bool soak = std::getenv("ASSAY_SOAK") != nullptr;
  const int simulations = soak ? 2000 : 100;
  std::mt19937_64 random(17);
  for (const double p : {.5, .8, .95}) {
    std::bernoulli_distribution draw(p);
    int missed = 0, missed_bounded = 0;
    for (int i = 0; i < simulations; ++i) {
      BoundedSequence bounded;
      std::uint64_t s = 0;
      bool out = false, out_bounded = false;
      for (std::uint64_t n = 1; n <= 1000; ++n) {
        const bool right = draw(random);
        s += right ? 1 : 0;
        bounded.add(right ? 1 : 0);
        const Figure of_bounded = bounded.figure();
        out_bounded = out_bounded || of_bounded.low > p || of_bounded.high < p;
        if (out) continue;
        // The truth is inside exactly when the martingale is below 1/alpha there; the interval need not be found.
        const double log_mixture = std::lgamma(1.0 + static_cast<double>(s)) +
                                   std::lgamma(1.0 + static_cast<double>(n - s)) -
                                   std::lgamma(2.0 + static_cast<double>(n));
        out = log_mixture - static_cast<double>(s) * std::log(p) - static_cast<double>(n - s) * std::log1p(-p) >=
              std::log(1 / 0.05);
        if (n % 250 == 0) {
          const Figure figure = confidence_sequence_binary(s, n);
          REQUIRE(out == (figure.low > p || figure.high < p));
        }
      }
      missed += out ? 1 : 0;
      missed_bounded += out_bounded ? 1 : 0;
    }
    MESSAGE("p " << p << ": ever missed " << missed << " (share), " << missed_bounded << " (mean) of " << simulations);
    CHECK(missed <= (soak ? 0.05 : 0.12) * simulations);
    CHECK(missed_bounded <= (soak ? 0.05 : 0.12) * simulations);
  }
}
