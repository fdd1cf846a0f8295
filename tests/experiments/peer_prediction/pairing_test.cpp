// Whom q compares with, under each rule, and that it measures what it should.

#include "experiments/peer_prediction/pairing.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/peer_prediction/critics.hpp"
#include "tests/experiments/peer_prediction/peers.hpp"

using namespace assay;
using namespace assay::test;

namespace {

using Places = std::vector<std::size_t>;
bool none(std::size_t) { return false; }

/// Partners of every task for agents (0, 1).
std::vector<Places> partners_of_all(const PartnerDraw& pairing, std::size_t i = 0, std::size_t j = 1) {
  std::vector<Places> all;
  for (std::size_t t = 0; t < pairing.tasks(); ++t) {
    all.push_back(pairing.partners(std::to_string(t + 1), t, i, j, none));
  }
  return all;
}

TEST_CASE("other: one task, never the own one, the same again, another for another pair") {
  const PartnerDraw pairing("other", 1, 10);
  const auto all = partners_of_all(pairing);
  for (std::size_t t = 0; t < all.size(); ++t) {
    REQUIRE(all[t].size() == 1);
    CHECK(all[t][0] != t);
    CHECK(all[t][0] < 10);
  }
  CHECK(all == partners_of_all(PartnerDraw("other", 1, 10)));
  CHECK(all != partners_of_all(pairing, 1, 0));
  CHECK(all != partners_of_all(PartnerDraw("other", 2, 10)));
}

TEST_CASE("other: all other tasks are as likely as each other") {
  const PartnerDraw pairing("other", 1, 5);
  std::vector<double> seen(5);
  constexpr int kDraws = 4000;
  for (int k = 0; k < kDraws; ++k) seen[pairing.partners("task " + std::to_string(k), 2, 0, 1, none)[0]] += 1;
  CHECK(seen[2] == 0);
  for (const std::size_t s : {0, 1, 3, 4}) CHECK(std::abs(seen[s] / kDraws - .25) < 4 * std::sqrt(.25 * .75 / kDraws));
}

TEST_CASE("a task that ended without a response is drawn again; when there is no other there is no partner") {
  for (const char* rule : {"other", "derangement"}) {
    CAPTURE(rule);
    const PartnerDraw pairing(rule, 1, 50);
    const auto first = pairing.partners("7", 6, 0, 1, none);
    const auto second = pairing.partners("7", 6, 0, 1, [&](std::size_t s) { return s == first[0]; });
    REQUIRE(second.size() == 1);
    CHECK(second != first);
    CHECK(second[0] != 6);
    CHECK(pairing.partners("7", 6, 0, 1, [](std::size_t s) { return s != 6 && s != 33; }) == Places{33});
    CHECK(pairing.partners("7", 6, 0, 1, [](std::size_t s) { return s != 6; }).empty());
  }
}

TEST_CASE("derangement: one cycle through all tasks, each is used once") {
  const auto all = partners_of_all(PartnerDraw("derangement", 3, 12));
  std::set<std::size_t> met;
  std::size_t at = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    REQUIRE(all[at].size() == 1);
    at = all[at][0];
    met.insert(at);
  }
  CHECK(at == 0);
  CHECK(met.size() == 12);
}

TEST_CASE("permutation: each task is used once, fixed points are possible") {
  std::size_t fixed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto all = partners_of_all(PartnerDraw("permutation", seed, 6));
    std::set<std::size_t> used;
    for (std::size_t t = 0; t < 6; ++t) {
      REQUIRE(all[t].size() == 1);
      used.insert(all[t][0]);
      if (all[t][0] == t) ++fixed;
    }
    CHECK(used.size() == 6);
  }
  CHECK(fixed > 130);  // one a permutation on average
  CHECK(fixed < 270);
}

TEST_CASE("product: as many pairs as tasks, none twice, the diagonal among them") {
  std::size_t diagonal = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto all = partners_of_all(PartnerDraw("product", seed, 6));
    std::size_t pairs = 0;
    for (std::size_t t = 0; t < 6; ++t) {
      pairs += all[t].size();
      CHECK(std::set(all[t].begin(), all[t].end()).size() == all[t].size());
      diagonal += static_cast<std::size_t>(std::count(all[t].begin(), all[t].end(), t));
    }
    CHECK(pairs == 6);
  }
  CHECK(diagonal > 130);
  CHECK(diagonal < 270);
}

TEST_CASE("all and all_other; one task alone has no partner under any rule") {
  CHECK(PartnerDraw("all", 1, 3).partners("2", 1, 0, 1, none) == Places{0, 1, 2});
  CHECK(PartnerDraw("all_other", 1, 3).partners("2", 1, 0, 1, none) == Places{0, 2});
  for (const char* rule : {"other", "derangement", "all_other", "product", "permutation", "all"}) {
    CHECK(PartnerDraw(rule, 1, 1).partners("1", 0, 0, 1, none).empty());
  }
}

/// M_ij of `tasks` synthetic tasks under the preset critic.
double measured(const PeerSynthetic& synthetic, const char* rule, std::uint64_t seed, std::size_t tasks, std::size_t i,
                std::size_t j) {
  const PresetCritic critic(synthetic);
  const PartnerDraw pairing(rule, seed, tasks);
  std::vector<std::vector<std::size_t>> values;
  for (std::size_t t = 0; t < tasks; ++t) values.push_back(synthetic_values(synthetic, seed, std::to_string(t + 1)));
  double p = 0, q = 0, n_q = 0;
  for (std::size_t t = 0; t < tasks; ++t) {
    p += critic.compare_values(i, j, values[t][i], values[t][j]);
    for (const std::size_t s : pairing.partners(std::to_string(t + 1), t, i, j, none)) {
      q += critic.compare_values(i, j, values[t][i], values[s][j]);
      n_q += 1;
    }
  }
  return p / static_cast<double>(tasks) - q / n_q;
}

TEST_CASE("20,000 tasks measure the truth, paired with another each or in a cycle") {
  for (const PeerSynthetic& synthetic : {shipped_synthetic(), two_pairs()}) {
    const PresetCritic critic(synthetic);
    for (const char* rule : {"other", "derangement"}) {
      for (std::size_t i = 0; i < synthetic.levels.size(); ++i) {
        for (std::size_t j = 0; j < synthetic.levels.size(); ++j) {
          if (i == j) continue;
          CAPTURE(rule);
          CAPTURE(i);
          CAPTURE(j);
          CHECK(std::abs(measured(synthetic, rule, 1, 20'000, i, j) - critic.tvd_mi(i, j)) < .02);  // 4 standard errors
        }
      }
    }
  }
}

TEST_CASE("the modes of others are (1 - 1/T) times too small: over 400 seeds, and right when that is put right") {
  const PeerSynthetic synthetic = shipped_synthetic();
  const PresetCritic critic(synthetic);
  constexpr std::size_t kTasks = 10;
  constexpr int kSeeds = 400;
  for (const char* rule : {"product", "permutation", "other", "derangement"}) {
    const bool biased = std::string(rule) == "product" || std::string(rule) == "permutation";
    double sum = 0, squares = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const double m = measured(synthetic, rule, seed, kTasks, 1, 2);
      sum += m;
      squares += m * m;
    }
    const double mean = sum / kSeeds, sd = std::sqrt((squares / kSeeds - mean * mean) * kSeeds / (kSeeds - 1));
    const double se = sd / std::sqrt(double{kSeeds});
    CAPTURE(rule);
    CAPTURE(mean);
    CAPTURE(se);
    CHECK(std::abs(mean - critic.tvd_mi(1, 2) * (biased ? 1 - 1. / kTasks : 1)) < 3 * se);
  }
}

}  // namespace
