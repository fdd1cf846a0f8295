// How often an interval holds the truth, simulated. ASSAY_SOAK=1 (tests/run soak) runs as many simulations as the
// bounds of statistics.md 11, point 6 and 7, are meant for; else few, and bounds that are as much wider.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "core/statistics/ranking.hpp"
#include "core/statistics/resampling.hpp"

using namespace assay;

namespace {

bool soak() { return std::getenv("ASSAY_SOAK") != nullptr; }
/// Four standard errors of a share of .95 among so few simulations.
double slack(int simulations) { return soak() ? 0 : 4 * std::sqrt(0.95 * 0.05 / simulations); }

struct Share {
  int held = 0, of = 0;
  void add(double low, double high, double truth) {
    ++of;
    held += low <= truth && truth <= high ? 1 : 0;
  }
  double value() const { return static_cast<double>(held) / of; }
};

}  // namespace

TEST_CASE("Wilson's interval holds the share in 93 to 97 % of samples") {
  const int simulations = soak() ? 20'000 : 500;
  std::mt19937_64 random(1);
  for (const double p : {.1, .5, .9}) {
    std::binomial_distribution<int> draw(100, p);
    Share share;
    for (int i = 0; i < simulations; ++i) {
      const Figure figure = wilson(static_cast<std::uint64_t>(draw(random)), 100);
      share.add(figure.low, figure.high, p);
    }
    MESSAGE("p " << p << ": " << share.value());
    CHECK(share.value() > 0.93 - slack(simulations));
    CHECK(share.value() < 0.97 + slack(simulations));
  }
}

TEST_CASE("the clustered interval holds the mean where one that ignores clusters does not") {
  const int simulations = soak() ? 5'000 : 400;
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  Share clustered, plain;
  for (int i = 0; i < simulations; ++i) {
    std::vector<double> values;
    std::vector<std::uint32_t> clusters;
    for (std::uint32_t c = 0; c < 40; ++c) {
      const double shared = normal(random);
      for (int k = 0; k < 5; ++k) {  // intra-class correlation 1/2
        values.push_back(shared + normal(random));
        clusters.push_back(c);
      }
    }
    const Figure with = cluster_mean(values, clusters).figure, without = student_t(values);
    clustered.add(with.low, with.high, 0);
    plain.add(without.low, without.high, 0);
  }
  MESSAGE("clustered " << clustered.value() << ", unclustered " << plain.value());
  CHECK(clustered.value() > 0.93 - slack(simulations));
  CHECK(clustered.value() < 0.97 + slack(simulations));
  CHECK(plain.value() < 0.80 + slack(simulations));
}

TEST_CASE("BCa of a skewed mean is no further from its level than the percentile interval") {
  const int simulations = soak() ? 4'000 : 60;
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> draw(0, 1);
  const double truth = std::exp(0.5);
  Share percentile, bca;
  for (int i = 0; i < simulations; ++i) {
    std::vector<double> values(30);
    double sum = 0;
    for (double& value : values) sum += value = draw(random);
    const Statistic mean = [&](std::span<const std::size_t> drawn) {
      double total = 0;
      for (const std::size_t k : drawn) total += values[k];
      return total / static_cast<double>(drawn.size());
    };
    const auto replicates = bootstrap(30, mean, NamedStream("coverage/" + std::to_string(i)));
    const Interval plain = percentile_interval(replicates);
    const BcaInterval corrected = bca_interval(replicates, sum / 30, jackknife(30, mean));
    percentile.add(plain.low, plain.high, truth);
    bca.add(corrected.low, corrected.high, truth);
  }
  MESSAGE("percentile " << percentile.value() << ", BCa " << bca.value());
  CHECK(std::fabs(bca.value() - 0.95) <= std::fabs(percentile.value() - 0.95) + 0.005 + slack(simulations));
}

TEST_CASE("bootstrap intervals of ratings hold the truth in 93 to 97 % of leagues") {
  const int leagues = soak() ? 1'000 : 4;
  const std::size_t replicates = soak() ? 1'000 : 200;
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  Share share;
  for (int league = 0; league < leagues; ++league) {
    std::vector<double> truth(10);
    for (double& each : truth) each = normal(random);
    std::vector<Game> games;
    for (int i = 0; i < 2000; ++i) {
      const auto a = static_cast<std::uint32_t>(random() % 10);
      const auto b = static_cast<std::uint32_t>((a + 1 + random() % 9) % 10);
      std::bernoulli_distribution wins(1 / (1 + std::exp(truth[b] - truth[a])));
      games.push_back({a, b, wins(random) ? 1.0 : 0.0});
    }
    double mean = 0;
    for (const double each : truth) mean += each / 10;
    const RatingIntervals intervals =
        bootstrap_ratings(10, games, {}, {}, NamedStream("league/" + std::to_string(league)), replicates);
    for (std::size_t i = 0; i < 10; ++i) {
      share.add(intervals.ratings[i].low, intervals.ratings[i].high, 1000 + 400 * (truth[i] - mean) / std::log(10.0));
    }
  }
  MESSAGE("ratings " << share.value() << " of " << share.of);
  CHECK(share.value() > (soak() ? 0.93 : 0.8));
  if (soak()) CHECK(share.value() < 0.97);
}

TEST_CASE("the permutation test of 0/1 differences is McNemar's for every b + c up to 20") {
  for (std::uint64_t b = 0; b <= 20; ++b) {
    for (std::uint64_t c = 0; b + c <= 20; ++c) {
      if (!soak() && b + c > 13 && (b * 7 + c) % 5 != 0) continue;
      std::vector<double> differences(b, 1);
      differences.insert(differences.end(), c, -1);
      differences.insert(differences.end(), 2, 0);
      REQUIRE(std::fabs(paired_permutation(differences, {}, NamedStream("x")).p - mcnemar_exact(b, c)) < 1e-12);
    }
  }
}
