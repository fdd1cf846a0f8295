#include "core/statistics/majority.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <string>

using namespace assay;

namespace {
using Labels = std::vector<std::optional<std::string>>;
Majority<std::string> vote(const Labels& labels, TieRule rule, NamedStream* stream = nullptr) {
  return majority(std::span<const std::optional<std::string>>(labels), rule, stream);
}
}  // namespace

TEST_CASE("the majority: missing don't vote, ties go by their rule") {
  const auto clear = vote({"B", "A", std::nullopt, "A"}, TieRule::none);
  CHECK(clear.label == "A");
  CHECK_FALSE(clear.tie);
  CHECK(clear.n == 3);
  CHECK(clear.missing == 1);
  REQUIRE(clear.counts.size() == 2);
  CHECK(clear.counts[0].label == "B");
  CHECK(clear.counts[1].votes == 2);
  const Labels even = {"B", "A", "A", "B", "C"};
  CHECK(vote(even, TieRule::first).label == "B");
  CHECK(vote(even, TieRule::first).tie);
  CHECK_FALSE(vote(even, TieRule::none).label);
  NamedStream stream("1//0/majority/x");
  std::set<std::string> drawn;
  for (int i = 0; i < 50; ++i) drawn.insert(*vote(even, TieRule::random, &stream).label);
  CHECK(drawn == std::set<std::string>{"A", "B"});
  CHECK_THROWS_AS(vote(even, TieRule::random), std::logic_error);
  CHECK_FALSE(vote({}, TieRule::first).label);
  CHECK_FALSE(vote({std::nullopt}, TieRule::first).label);
  CHECK(vote({std::nullopt}, TieRule::first).missing == 1);
}
