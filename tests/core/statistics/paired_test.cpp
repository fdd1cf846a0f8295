#include "core/statistics/paired.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/statistics/distributions.hpp"

using namespace assay;

namespace {
bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}
const std::vector<double> kD = {.3, -.1, .5, .2, 0, .4, -.2, .6};
}  // namespace

TEST_CASE("a named stream gives the spec's numbers") {
  NamedStream stream("1//0/bootstrap/x");
  CHECK(stream.state() == 0xee60f93d3a7e0840ULL);
  CHECK(stream.next() == 0x85bc48fb84b8a62cULL);
  CHECK(stream.next() == 0x97f13fcd93feff89ULL);
  NamedStream draws("1//0/bootstrap/x");
  for (const std::uint64_t want : {0U, 3U, 2U, 7U, 0U, 9U, 3U, 0U, 9U, 5U}) CHECK(draws.below(10) == want);
  NamedStream bits("k");
  for (int i = 0; i < 1000; ++i) REQUIRE(bits.below(2) < 2);
  CHECK(bits.below(1) == 0);
  CHECK_THROWS_AS(bits.below(0), std::logic_error);
}

TEST_CASE("quantiles of Student's t and of the normal distribution") {
  CHECK(near(student_t_quantile(0.975, 1), 12.7062047364));
  CHECK(near(student_t_quantile(0.975, 5), 2.5705818366));
  CHECK(near(student_t_quantile(0.975, 30), 2.0422724563));
  CHECK(near(normal_quantile(0.975), kZ95));
}

TEST_CASE("McNemar's exact test: the values of the spec, both ways round") {
  struct Case {
    std::uint64_t b, c;
    double p;
  };
  for (const Case& each :
       {Case{10, 2, 0.03857421875}, Case{25, 10, 0.0166738478}, Case{0, 6, 0.03125}, Case{5, 5, 1}, Case{0, 0, 1}}) {
    CAPTURE(each.b);
    CHECK(near(mcnemar_exact(each.b, each.c), each.p));
    CHECK(mcnemar_exact(each.c, each.b) == mcnemar_exact(each.b, each.c));
  }
}

TEST_CASE("the sign test counts zeros and what is missing, and leaves them out") {
  const SignTest test = sign_test(kD);
  CHECK(test.plus == 5);
  CHECK(test.minus == 2);
  CHECK(test.zeros == 1);
  CHECK(near(test.p, 0.453125));
  CHECK(sign_test(std::vector<double>{1, std::nan(""), 0}).missing == 1);
  CHECK(sign_test({}).p == 1);
}

TEST_CASE("the permutation test: exact for few, drawn for many, the same for 0/1 as McNemar") {
  const PermutationTest exact = paired_permutation(kD, {}, NamedStream("1//0/bootstrap/x"));
  CHECK(near(exact.p, 14.0 / 128));
  CHECK(exact.method == "permutation, exact");
  CHECK(exact.n == 8);
  const PermutationTest drawn = paired_permutation(kD, {}, NamedStream("1//0/bootstrap/x"), 0);
  CHECK(near(drawn.p, 0.1020897910));
  CHECK(drawn.method == "permutation, 10,000 flips");
  for (std::uint64_t b = 0; b <= 20; ++b) {
    for (std::uint64_t c = 0; b + c <= 20; ++c) {
      if (b + c > 14 && (b * 7 + c) % 5 != 0) continue;  // the long ones now and then
      std::vector<double> differences(b, 1);
      differences.insert(differences.end(), c, -1);
      differences.insert(differences.end(), 3, 0);
      REQUIRE(near(paired_permutation(differences, {}, NamedStream("x")).p, mcnemar_exact(b, c), 1e-12));
    }
  }
  CHECK(near(paired_permutation(std::vector<double>{1, 1, 1, 1, -1, 0, 0}, {}, NamedStream("x")).p, 0.375));
  const PermutationTest stopped =
      paired_permutation(std::vector<double>(30, 0.5), {}, NamedStream("x"), kMostExactUnits, [] { return true; });
  CHECK(std::isnan(stopped.p));
  CHECK(stopped.why == Why::too_few);
  const std::vector<std::uint32_t> together(kD.size(), 1);
  CHECK(paired_permutation(kD, together, NamedStream("x")).p == 1);
  CHECK(paired_permutation({}, {}, NamedStream("x")).why == Why::empty);
  CHECK(std::isnan(paired_permutation({}, {}, NamedStream("x")).p));
  CHECK(paired_permutation(std::vector<double>{0, 0}, {}, NamedStream("x")).p == 1);
  CHECK_THROWS_AS(paired_permutation(kD, std::vector<std::uint32_t>{1}, NamedStream("x")), std::logic_error);
}

TEST_CASE("the paired interval is Student's t of the differences, clustered where clusters are given") {
  const std::vector<double> six = {2.1, 3.4, 1.9, 5.0, 4.2, 3.3};
  const Figure plain = paired_interval(six);
  CHECK(near(plain.value, 3.3166666667));
  CHECK(near(plain.low, 2.0653860998));
  CHECK(near(plain.high, 4.5679472335));
  const std::vector<double> x = {1, 1, 0, 0, 1, 1, 0, 1, 0, 0};
  const std::vector<std::uint32_t> c = {0, 0, 0, 1, 1, 2, 2, 2, 3, 3};
  CHECK(near(paired_interval(x, c).low, 0.0499341274));
  CHECK(near(paired_interval(x, c).high, 0.9500658726));
  CHECK(paired_interval({}).why == Why::empty);
  CHECK(paired_interval(std::vector<double>{1}).why == Why::single);
  CHECK(paired_interval(std::vector<double>{1, 1}).why == Why::constant);
  CHECK(paired_interval(std::vector<double>{1, std::nan(""), 0}).missing == 1);
}

TEST_CASE("Holm's correction, in the order given") {
  const std::vector<double> got = holm(std::vector<double>{.01, .04, .03, .005});
  const std::vector<double> want = {.03, .06, .06, .02};
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(near(got[i], want[i]));
  CHECK(holm({}).empty());
  CHECK(holm(std::vector<double>{.9, .8}) == std::vector<double>{1, 1});
}

TEST_CASE("what n pairs can find, and how many a difference needs") {
  CHECK(near(minimum_detectable(0.5, 1000), 0.0442969517));
  const double sd = std::sqrt(0.8 * 0.2);
  CHECK(near(minimum_detectable_unpaired(sd, 1000, sd, 1000), 0.0501162799));
  CHECK(needed_n(0.5, 0.01) == 19'623);
  // More than can be counted is no 0.
  CHECK(needed_n(0.5, 1e-17) == std::numeric_limits<std::uint64_t>::max());
  CHECK(std::isnan(minimum_detectable(0.5, 0)));
  CHECK(std::isnan(standard_deviation(std::vector<double>{1})));
  CHECK(near(standard_deviation(std::vector<double>{1, 2, 3, std::nan("")}), 1));
}

TEST_CASE("pairs none of which differ still have an interval: half a pair in each cell, as Agresti and Min do") {
  // n = 100, b = c = 0: +-1.959964 sqrt(1)/102
  const Figure none = paired_shares(0, 0, 100);
  CHECK(none.value == 0);
  CHECK(near(none.high, 1.959963984540054 / 102));
  CHECK(near(none.low, -none.high));
  const Figure some = paired_shares(5, 12, 50);  // (12 - 5)/52 +- z sqrt(18 - 49/52)/52
  CHECK(near(some.value, 0.14));
  CHECK(near(some.low, 7.0 / 52 - 1.959963984540054 * std::sqrt(18 - 49.0 / 52) / 52));
  const Figure all = paired_shares(0, 3, 3);
  CHECK(all.value == 1);
  CHECK(all.high == 1);
  CHECK(all.low > -0.5);
  CHECK(all.low < 1);
  CHECK(paired_shares(0, 0, 0).why == Why::empty);
  CHECK_THROWS_AS(paired_shares(2, 2, 3), std::logic_error);
}
