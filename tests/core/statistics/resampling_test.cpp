#include "core/statistics/resampling.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/statistics/correlation.hpp"

using namespace assay;

namespace {

bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}

Statistic mean_of(const std::vector<double>& values) {
  return [&values](std::span<const std::size_t> drawn) {
    double sum = 0;
    for (const std::size_t i : drawn) sum += values[i];
    return sum / static_cast<double>(drawn.size());
  };
}

const std::vector<double> kX = {1, 1, 0, 0, 1, 1, 0, 1, 0, 0};
const std::vector<std::uint32_t> kC = {0, 0, 0, 1, 1, 2, 2, 2, 3, 3};
const std::vector<double> kLsat = {576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594};
const std::vector<double> kGpa = {3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43,
                                  3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96};

double law_school(std::span<const std::size_t> drawn) {
  std::vector<double> x, y;
  for (const std::size_t i : drawn) {
    x.push_back(kLsat[i]);
    y.push_back(kGpa[i]);
  }
  return pearson(x, y).value;
}

}  // namespace

TEST_CASE("resampling: the values of the spec") {
  const NamedStream stream("1//0/bootstrap/x");
  CHECK(bootstrap_key(1, "x") == "1//0/bootstrap/x");
  const Interval items = percentile_interval(bootstrap(kX.size(), mean_of(kX), stream));
  CHECK(near(items.low, 0.2));
  CHECK(near(items.high, 0.8));
  const Interval clusters = percentile_interval(bootstrap(kC, mean_of(kX), stream));
  CHECK(near(clusters.low, 0.2222222222));
  CHECK(near(clusters.high, 0.6666666667));
  const std::vector<double> six = {2.1, 3.4, 1.9, 5.0, 4.2, 3.3};
  const Interval mean = percentile_interval(bootstrap(six.size(), mean_of(six), stream));
  CHECK(near(mean.low, 2.41625));
  CHECK(near(mean.high, 4.25));
  CHECK(mean_interval(six, "x", {}) == std::pair(mean.low, mean.high));
}

TEST_CASE("Efron's law school: percentile and BCa") {
  std::vector<double> lsat(kLsat), gpa(kGpa);
  const double estimate = pearson(lsat, gpa).value;
  CHECK(near(estimate, 0.7763744913));
  const auto replicates = bootstrap(kLsat.size(), law_school, NamedStream("1//0/bootstrap/x"));
  const Interval percentile = percentile_interval(replicates);
  CHECK(near(percentile.low, 0.4472024010));
  CHECK(near(percentile.high, 0.9651596157));
  const BcaInterval bca = bca_interval(replicates, estimate, jackknife(kLsat.size(), law_school));
  CHECK(near(bca.acceleration, -0.0756715649));
  CHECK(near(bca.p0, 0.478));
  CHECK(near(bca.bias, -0.0551738021));
  CHECK(near(bca.low, 0.3173445426));
  CHECK(near(bca.high, 0.9466096814));
  CHECK(bca.method == "BCa bootstrap");
  std::vector<std::uint32_t> alone;
  for (std::uint32_t i = 0; i < kLsat.size(); ++i) alone.push_back(i);
  CHECK(jackknife(alone, law_school) == jackknife(kLsat.size(), law_school));
  CHECK(bootstrap(alone, law_school, NamedStream("1//0/bootstrap/x")) == replicates);
}

TEST_CASE("BCa falls back to percentile where it does not apply, and says so") {
  const std::vector<double> replicates = {1, 2, 3, 4, 5};
  for (const auto& [estimate, jack] : {std::pair(0.0, std::vector<double>{1, 2}), {9.0, {1, 2}}, {3.0, {2, 2, 2}}}) {
    const BcaInterval interval = bca_interval(replicates, estimate, jack);
    CHECK(interval.method == "percentile bootstrap (BCa does not apply)");
    CHECK(interval.low == percentile_interval(replicates).low);
    CHECK(interval.high == percentile_interval(replicates).high);
  }
}

TEST_CASE("undefined replicates are left out and counted; more than 5 % of them: no interval") {
  std::vector<double> replicates(100, 1.0);
  for (int i = 0; i < 5; ++i) replicates[static_cast<std::size_t>(i) * 7] = kUndefined;
  CHECK(percentile_interval(replicates).undefined == 5);
  CHECK(percentile_interval(replicates).why == Why::ok);
  CHECK(percentile_interval(replicates).low == 1);
  replicates[99] = kUndefined;
  CHECK(percentile_interval(replicates).why == Why::too_few);
  CHECK(std::isnan(percentile_interval(replicates).low));
  CHECK(bca_interval(replicates, 1, {}).why == Why::too_few);
  CHECK(percentile_interval({}).why == Why::empty);
}

TEST_CASE("fewer than two units give no replicates, and neither does a bootstrap that is stopped") {
  CHECK(bootstrap(1, mean_of(kX), NamedStream("k")).empty());
  CHECK(bootstrap(std::vector<std::uint32_t>{4, 4, 4}, mean_of(kX), NamedStream("k")).empty());
  CHECK(jackknife(1, mean_of(kX)).empty());
  int asked = 0;
  CHECK(bootstrap(kX.size(), mean_of(kX), NamedStream("k"), 1000, [&] { return ++asked == 10; }).empty());
  CHECK(asked == 10);
}

TEST_CASE("quantiles lie between order statistics at (n-1)q") {
  CHECK(quantile({3, 1, 2}, 0.5) == 2);
  CHECK(quantile({1, 2}, 0.025) == doctest::Approx(1.025));
  CHECK(quantile({4, 1, kUndefined, INFINITY, 2, 3}, 0.5) == 2.5);
  CHECK(std::isnan(quantile({}, 0.5)));
  CHECK_THROWS_AS(quantile({1}, 1.5), std::logic_error);
}
