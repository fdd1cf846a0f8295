#include "core/statistics/proportion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/statistics/accumulator.hpp"

using namespace assay;

namespace {
bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}
}  // namespace

TEST_CASE("Wilson's interval: the values of the spec, exact at the ends") {
  struct Case {
    std::uint64_t k, n;
    double low, high;
  };
  for (const Case& each : {Case{37, 50, 0.6044684274, 0.8412847251}, Case{0, 10, 0, 0.2775327999},
                           Case{10, 10, 0.7224672001, 1}, Case{1590, 1946, 0.7992641490, 0.8336078183}}) {
    const Figure figure = wilson(each.k, each.n);
    CAPTURE(each.k);
    CHECK(near(figure.low, each.low));
    CHECK(near(figure.high, each.high));
    CHECK(figure.value == static_cast<double>(each.k) / static_cast<double>(each.n));
    CHECK(figure.n == each.n);
  }
  CHECK(near(wilson(37, 50, 0.99).low, 0.5591399216));
  CHECK(near(wilson(37, 50, 0.99).high, 0.8646270744));
  for (std::uint64_t n = 1; n < 2000; n += 7) {
    REQUIRE(wilson(0, n).low == 0);
    REQUIRE(wilson(n, n).high == 1);
    REQUIRE(wilson(0, n).high < 1);
  }
  CHECK(wilson(0, 0).why == Why::empty);
  CHECK(std::isnan(wilson(0, 0).value));
  const Figure large = wilson(500'000'000'000, 1'000'000'000'000);
  CHECK(std::isfinite(large.low));
  CHECK(near(large.high - large.low, 2 * kZ95 * 0.5e-6, 1e-9));
  CHECK_THROWS_AS(wilson(2, 1), std::logic_error);
}

TEST_CASE("the clustered interval: the spec's example, equal clusters as qa writes it, singletons as the plain one") {
  const std::vector<double> x = {1, 1, 0, 0, 1, 1, 0, 1, 0, 0};
  const std::vector<std::uint32_t> c = {0, 0, 0, 1, 1, 2, 2, 2, 3, 3};
  const ClusterFigure example = cluster_mean(x, c, Quantile::z);
  CHECK(near(example.figure.value, 0.5));
  CHECK(near(example.standard_error, 0.1414213562));
  CHECK(example.clusters == 4);
  CHECK(near(cluster_mean(x, c).figure.low, 0.0499341274));
  CHECK(near(cluster_mean(x, c).figure.high, 0.9500658726));

  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    constexpr std::uint32_t kItems = 20, kRepeats = 4;
    std::vector<double> values, means;
    std::vector<std::uint32_t> items;
    for (std::uint32_t item = 0; item < kItems; ++item) {
      double sum = 0;
      for (std::uint32_t repeat = 0; repeat < kRepeats; ++repeat) {
        values.push_back(random() % 2 ? 1.0 : 0.0);
        items.push_back(item);
        sum += values.back();
      }
      means.push_back(sum / kRepeats);
    }
    double mean = 0, squares = 0;
    for (const double m : means) mean += m / kItems;
    for (const double m : means) squares += (m - mean) * (m - mean);
    const double half = kZ95 * std::sqrt(squares / (kItems * (kItems - 1)));
    const Figure figure = proportion(values, items, Quantile::z);
    REQUIRE(near(figure.low, std::max(0.0, mean - half), 1e-12));
    REQUIRE(near(figure.high, std::min(1.0, mean + half), 1e-12));
    std::vector<std::uint32_t> alone(values.size());
    for (std::uint32_t i = 0; i < alone.size(); ++i) alone[i] = i;
    const auto right = static_cast<std::uint64_t>(std::count(values.begin(), values.end(), 1.0));
    REQUIRE(proportion(values, alone).low == wilson(right, values.size()).low);
  }
}

TEST_CASE("the exact interval of a share, and Student's t of a mean") {
  CHECK(near(clopper_pearson(37, 50).low, 0.5965523213));
  CHECK(near(clopper_pearson(37, 50).high, 0.8536994156));
  CHECK(clopper_pearson(0, 10).low == 0);
  CHECK(near(clopper_pearson(0, 10).high, 0.3084971078));
  CHECK(clopper_pearson(10, 10).high == 1);
  CHECK(clopper_pearson(0, 0).why == Why::empty);
  const Figure mean = student_t(std::vector<double>{2.1, 3.4, 1.9, 5.0, 4.2, 3.3});
  CHECK(near(mean.value, 3.3166666667));
  CHECK(near(mean.low, 2.0653860998));
  CHECK(near(mean.high, 4.5679472335));
  CHECK(student_t(std::vector<double>{2}).why == Why::single);
  CHECK(student_t(std::vector<double>{2}).value == 2);
  CHECK(student_t(std::vector<double>{.1, .1, .1}).low == .1);
}

TEST_CASE("cluster_mean is student_t where each value has its own cluster, and that of the means where all are equal") {
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 1000; ++round) {
    const std::size_t groups = 2 + random() % 30, size = 1 + random() % 5;
    std::vector<double> values, means;
    std::vector<std::uint32_t> alone, together;
    for (std::size_t g = 0; g < groups; ++g) {
      const double centre = normal(random);
      double sum = 0;
      for (std::size_t i = 0; i < size; ++i) {
        values.push_back(centre + normal(random));
        alone.push_back(static_cast<std::uint32_t>(alone.size()));
        together.push_back(static_cast<std::uint32_t>(g * 7));
        sum += values.back();
      }
      means.push_back(sum / static_cast<double>(size));
    }
    const Figure plain = student_t(values), single = cluster_mean(values, alone).figure;
    REQUIRE(near(single.low, plain.low, 1e-12));
    REQUIRE(near(single.high, plain.high, 1e-12));
    Accumulator sums;
    for (const double value : values) sums.add(value);
    REQUIRE(near(sums.figure().low, plain.low, 1e-12));
    const Figure clustered = cluster_mean(values, together).figure, of_means = student_t(means);
    REQUIRE(near(clustered.low, of_means.low, 1e-12));
    REQUIRE(near(clustered.high, of_means.high, 1e-12));
    // In another order: the same.
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    std::vector<double> shuffled;
    std::vector<std::uint32_t> shuffled_clusters;
    for (const std::size_t i : order) {
      shuffled.push_back(values[i]);
      shuffled_clusters.push_back(together[i]);
    }
    REQUIRE(near(cluster_mean(shuffled, shuffled_clusters).figure.low, clustered.low, 1e-12));
  }
}

TEST_CASE("accumulators give the same whatever the grouping, large means and all") {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(1e6, 1);
  for (int round = 0; round < 100; ++round) {
    Accumulator whole, merged;
    std::vector<Accumulator> parts(1 + random() % 9);
    std::vector<double> values;
    for (int i = 0; i < 300; ++i) {
      const double value = random() % 10 == 0 ? kUndefined : normal(random);
      values.push_back(value);
      whole.add(value);
      parts[random() % parts.size()].add(value);
    }
    for (const Accumulator& part : parts) merged.merge(part);
    REQUIRE(merged.n == whole.n);
    REQUIRE(merged.missing == whole.missing);
    REQUIRE(near(merged.mean(), whole.mean(), 1e-12));
    REQUIRE(merged.variance() == doctest::Approx(whole.variance()).epsilon(1e-9));  // of values that share six digits
    REQUIRE(student_t(values).low == doctest::Approx(merged.figure().low).epsilon(1e-12));
  }
  CHECK(Accumulator().figure().why == Why::empty);
}

TEST_CASE("bounds beside a score: what the missing could make of it") {
  CHECK(near(bounds(1590, 1946, 54).worst, 0.795));
  CHECK(near(bounds(1590, 1946, 54).best, 0.822));
  CHECK(near(wilson(1590, 1946).value, 0.8170606372));
  CHECK(near(bounds(12, 3, 1, 1, 5).worst, 13.0 / 4));
  CHECK(near(bounds(12, 3, 1, 1, 5).best, 17.0 / 4));
  CHECK(std::isnan(bounds(0, 0, 0).worst));
}

TEST_CASE("empty, single, constant and missing are told, never guessed") {
  using Values = std::vector<double>;
  using Clusters = std::vector<std::uint32_t>;
  CHECK(cluster_mean(Values{}, Clusters{}).figure.why == Why::empty);
  CHECK(cluster_mean(Values{kUndefined}, Clusters{0}).figure.why == Why::empty);
  CHECK(cluster_mean(Values{kUndefined}, Clusters{0}).figure.missing == 1);
  const Figure single = cluster_mean(Values{1, 0}, Clusters{5, 5}).figure;
  CHECK(single.why == Why::single);
  CHECK(single.value == 0.5);
  CHECK(std::isnan(single.low));
  const Figure constant = cluster_mean(Values{1, 1, 1}, Clusters{0, 1, 1}).figure;
  CHECK(constant.why == Why::constant);
  CHECK(constant.low == 1);
  CHECK(constant.high == 1);
  const Figure some = proportion(Values{1, kUndefined, 0, INFINITY}, Clusters{0, 1, 2, 3});
  CHECK(some.n == 2);
  CHECK(some.missing == 2);
  CHECK(some.method == "Wilson");
  CHECK_THROWS_AS(cluster_mean(Values{1}, Clusters{1, 2}), std::logic_error);
  CHECK_THROWS_AS(wilson(1, 2, 1.0), std::logic_error);
  CHECK_THROWS_AS(student_t(Values{1}, 0.0), std::logic_error);
}

TEST_CASE("worst and best case") {
  const Bounds b = bounds(1590, 1946, 54);
  CHECK(near(b.worst, 0.795));
  CHECK(near(b.best, 0.822));
  CHECK(std::isnan(bounds(0, 0, 0).worst));
  CHECK(bounds(0, 0, 3).worst == 0);
  CHECK(bounds(0, 0, 3).best == 1);
}

TEST_CASE("pass@k and all@k") {
  CHECK(near(pass_at_k(10, 3, 1), 0.3));
  CHECK(near(pass_at_k(10, 3, 5), 0.9166666667));
  CHECK(pass_at_k(5, 0, 3) == 0);
  CHECK(pass_at_k(5, 5, 3) == 1);
  CHECK(near(pass_at_k(200, 7, 100), 0.9929911172));
  CHECK(std::isnan(pass_at_k(2, 1, 3)));
  const double n = 1'000'000, k = 100;
  CHECK(near(pass_at_k(1'000'000, 3, 100), 1 - (1 - k / n) * (1 - k / (n - 1)) * (1 - k / (n - 2)), 1e-12));
  CHECK(std::isfinite(pass_at_k(1'000'000, 500'000, 1000)));
  CHECK(near(all_at_k(10, 3, 2), 0.0666666667));
  CHECK(near(all_at_k(8, 6, 4), 0.2142857143));
  CHECK(all_at_k(8, 3, 4) == 0);
  CHECK(std::isnan(all_at_k(2, 1, 3)));
}
