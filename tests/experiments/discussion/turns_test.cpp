// Turn policies: how often somebody speaks again, who is left out, what a ban does.

#include "experiments/discussion/turns.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "core/text/error.hpp"

using namespace assay;

namespace {

constexpr std::size_t kUsers = 7;

DiscussionDesign design_of(std::size_t users, std::uint64_t index = 0) {
  DiscussionDesign design;
  design.seed = 11;
  design.index = index;
  for (std::size_t i = 0; i < users; ++i) design.users.push_back({"u" + std::to_string(i), Json(), {}, false});
  return design;
}

struct Rates {
  double two_before = 0, previous = 0;
  std::array<double, kUsers> first{};
};

Rates rates_of(const DiscussionSettings& settings) {
  constexpr int kDiscussions = 2000, kTurns = 14;
  Rates rates;
  double triples = 0, pairs = 0;
  for (int d = 0; d < kDiscussions; ++d) {
    TurnOrder order(settings, design_of(kUsers, static_cast<std::uint64_t>(d)));
    std::vector<std::size_t> said;
    for (int t = 0; t < kTurns; ++t) said.push_back(*order.next());
    rates.first[said[0]] += 1.0 / kDiscussions;
    for (std::size_t t = 1; t < said.size(); ++t) {
      pairs += 1;
      rates.previous += said[t] == said[t - 1] ? 1 : 0;
      if (t < 2) continue;
      triples += 1;
      rates.two_before += said[t] == said[t - 2] ? 1 : 0;
    }
  }
  rates.previous /= pairs;
  rates.two_before /= triples;
  return rates;
}

TEST_CASE("over 2,000 discussions the speaker before last comes back as often as the policy says") {
  struct Row {
    std::string policy;
    double p, want;
  };
  const Row rows[] = {{"respond", 0.4, 0.5},
                      {"random_weighted", 0.4, 0.5},
                      {"random_weighted_legacy", 0.4, 1 / 6.0},
                      {"random", 0.4, 1 / 6.0},
                      {"respond", 1, 1},
                      {"respond", 0, 1 / 6.0},
                      {"round_robin", 0.4, 0},
                      {"round_robin_random_start", 0.4, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.policy);
    DiscussionSettings settings;
    settings.turn_policy = row.policy;
    settings.p_respond = row.p;
    const Rates rates = rates_of(settings);
    CHECK(std::abs(rates.two_before - row.want) <= 0.01);
    CHECK(rates.previous == 0);
    CHECK(expected_two_before(row.policy, row.p, kUsers) == doctest::Approx(row.want));
  }
  DiscussionSettings settings;
  settings.turn_policy = "random_with_replacement";
  CHECK(std::abs(rates_of(settings).previous - 1 / 7.0) <= 0.01);
}

TEST_CASE("the first speaker of round_robin_random_start is drawn evenly, with SynDisco's bias on request") {
  DiscussionSettings settings;
  settings.turn_policy = "round_robin_random_start";
  for (const double share : rates_of(settings).first) CHECK(std::abs(share - 1 / 7.0) <= 0.03);
  settings.biased_start = true;
  CHECK(std::abs(rates_of(settings).first[0] - 0.25) <= 0.03);
}

TEST_CASE("a shuffled cycle gives everybody one turn before anybody has a second") {
  DiscussionSettings settings;
  settings.turn_policy = "shuffle_cycle";
  TurnOrder order(settings, design_of(5));
  for (int cycle = 0; cycle < 4; ++cycle) {
    std::array<int, 5> turns{};
    for (int t = 0; t < 5; ++t) ++turns[*order.next()];
    for (const int n : turns) CHECK(n == 1);
  }
}

TEST_CASE("weights decide among those who did not just speak; a weight of 0 never speaks") {
  DiscussionSettings settings;
  settings.turn_policy = "weighted";
  settings.weights = Json{{"u0", 3.0}, {"u1", 0.0}};
  TurnOrder order(settings, design_of(4));
  std::array<int, 4> turns{};
  std::size_t last = 9;
  for (int t = 0; t < 4000; ++t) {
    const std::size_t now = *order.next();
    CHECK(now != last);
    last = now;
    ++turns[now];
  }
  CHECK(turns[1] == 0);
  CHECK(turns[0] > turns[2] + 400);
  CHECK(std::abs(turns[2] - turns[3]) < 200);
}

TEST_CASE("fixed speakers come in their order and from the start again; a name that is nobody's is refused") {
  DiscussionSettings settings;
  settings.turn_policy = "fixed";
  settings.speakers = {"u1", "u0", "u1"};
  TurnOrder order(settings, design_of(2));
  std::string seen;
  for (int t = 0; t < 6; ++t) seen += std::to_string(*order.next());
  CHECK(seen == "101101");
  settings.speakers = {"nobody"};
  CHECK_THROWS_AS(TurnOrder(settings, design_of(2)), Error);
}

TEST_CASE("who is banned never speaks again, whatever the policy; when all are, nobody does") {
  for (const std::string& policy : turn_policies()) {
    CAPTURE(policy);
    DiscussionSettings settings;
    settings.turn_policy = policy;
    settings.speakers = {"u0", "u1", "u2"};
    TurnOrder order(settings, design_of(3));
    order.next();
    order.ban(1);
    for (int t = 0; t < 30; ++t) CHECK(*order.next() != 1);
    order.ban(0);
    for (int t = 0; t < 3; ++t) CHECK(*order.next() == 2);
    order.ban(2);
    CHECK(order.everybody_banned());
    CHECK_FALSE(order.next());
  }
}

TEST_CASE("one user alone always speaks") {
  for (const std::string& policy : turn_policies()) {
    CAPTURE(policy);
    DiscussionSettings settings;
    settings.turn_policy = policy;
    settings.speakers = {"u0"};
    TurnOrder order(settings, design_of(1));
    CHECK_FALSE(order.needs_selector());
    for (int t = 0; t < 4; ++t) CHECK(*order.next() == 0);
  }
}

TEST_CASE("a selector's reply names the longest participant in it who did not just speak") {
  DiscussionSettings settings;
  settings.turn_policy = "llm";
  DiscussionDesign design;
  for (const char* name : {"Ann", "Anna", "Bo"}) design.users.push_back({name, Json(), {}, false});
  TurnOrder order(settings, design);
  REQUIRE(order.needs_selector());
  CHECK(order.named_in("I choose Anna.") == 1);
  CHECK(order.named_in("ANN should") == 0);
  CHECK(order.named_in("bo or Ann") == 0);  // as written comes before any case
  CHECK_FALSE(order.named_in("neither"));
  order.choose(1);
  CHECK(order.named_in("Anna") == 0);  // Anna just spoke; Ann stands in her name
  for (int i = 0; i < 20; ++i) CHECK(order.fallback() != 1);
}

TEST_CASE("a fork goes on with the stream where it is, or with new draws") {
  DiscussionSettings settings;
  settings.turn_policy = "random";
  const DiscussionDesign design = design_of(6);
  const auto after_five = [&](std::optional<std::uint64_t> reseed, const char* policy) {
    DiscussionSettings changed = settings;
    changed.turn_policy = policy;
    TurnOrder order(settings, design);
    for (int t = 0; t < 5; ++t) order.next();
    order.go_on_with(changed, reseed);
    std::vector<std::size_t> rest;
    for (int t = 0; t < 9; ++t) rest.push_back(*order.next());
    return rest;
  };
  TurnOrder whole(settings, design);
  for (int t = 0; t < 5; ++t) whole.next();
  std::vector<std::size_t> rest;
  for (int t = 0; t < 9; ++t) rest.push_back(*whole.next());
  CHECK(after_five({}, "random") == rest);
  CHECK(after_five(3, "random") != rest);
  CHECK(after_five(3, "random") == after_five(3, "random"));
  CHECK(after_five({}, "round_robin")[1] == (after_five({}, "round_robin")[0] + 1) % 6);
}

TEST_CASE("policies are known in any case and with hyphens") {
  CHECK(turn_policy_name("Random-Weighted") == "random_weighted");
  CHECK(turn_policy_name("ROUND_ROBIN") == "round_robin");
  CHECK_FALSE(turn_policy_name("robin"));
}

}  // namespace
