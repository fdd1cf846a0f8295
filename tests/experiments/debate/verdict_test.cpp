// Replies to one answer: votes, ties, weights, what a rule would have stopped at.

#include "experiments/debate/verdict.hpp"

#include <doctest/doctest.h>

namespace assay {
namespace {

Item choice_item() {
  Item item;
  item.id = "q";
  item.question = "Which?";
  item.options = {"one", "two", "three", "four"};
  item.n_options = 4;
  item.answer = "B";
  return item;
}

/// replies[round][agent]; "" : none.
std::vector<ContextMessage> context_of(const std::vector<std::vector<std::string>>& replies) {
  std::vector<ContextMessage> context;
  for (std::uint32_t round = 1; round <= replies.size(); ++round) {
    for (std::size_t agent = 0; agent < replies[round - 1].size(); ++agent) {
      if (replies[round - 1][agent].empty()) continue;
      context.push_back(debate_message("user", "go", agent, round));
      context.push_back(debate_message("assistant", replies[round - 1][agent], agent, round));
    }
  }
  return context;
}

const auto kNoDraw = [] {
  FAIL("no draw is needed");
  return std::uint64_t{0};
};

RoundReading read(const Json& params, const std::vector<std::vector<std::string>>& replies, std::uint32_t round,
                  std::vector<double> weights = {}) {
  const auto context = context_of(replies);
  return DebateReader(params, std::move(weights))
      .read(choice_item(), Transcript(context), replies.front().size(), round, kNoDraw);
}

TEST_CASE("majority: null values don't vote, a tie goes to the first holder, or to nobody, or by draw") {
  const std::vector<std::vector<std::string>> replies{{"Answer: A", "Answer: B", "who knows", "Answer: B"},
                                                      {"Answer: C", "Answer: B", "", "hm"}};
  CHECK(read(Json::object(), replies, 1).aggregate == "B");
  const RoundReading tied = read(Json::object(), replies, 2);
  CHECK(tied.aggregate == "C");
  CHECK(tied.tied);
  CHECK(tied.dropped == std::vector<std::size_t>{2});
  CHECK_FALSE(tied.values[3]);
  CHECK_FALSE(read({{"tie", "none"}}, replies, 2).aggregate);
  CHECK_FALSE(read({{"aggregate", "majority_min:3"}}, replies, 1).aggregate);
  CHECK(read({{"aggregate", "majority_min:2"}}, replies, 1).aggregate == "B");
  CHECK(read({{"aggregate", "agent:0"}}, replies, 1).aggregate == "A");
  const auto context = context_of(replies);
  const DebateReader drawn(Json{{"tie", "random"}}, {});
  CHECK(drawn.read(choice_item(), Transcript(context), 4, 2, [] { return std::uint64_t{1}; }).aggregate == "B");
}

TEST_CASE(
    "weighted votes: confidence as stated or as shown over the rounds, on either scale, times the agent's weight") {
  const std::vector<std::vector<std::string>> replies{
      {"Answer: A\nConfidence: 95%", "Answer: B, confidence is **40 %**", "Answer: B"}};
  const Json stated{{"aggregate", "weighted"}, {"confidence", "stated"}};
  RoundReading round = read(stated, replies, 1);
  CHECK(round.confidence == std::vector<double>{0.95, 0.4, 0.5});
  CHECK(round.aggregate == "A");  // .95 against .90
  Json scaled = stated;
  scaled["confidence_scale"] = "reconcile";
  round = read(scaled, replies, 1);
  CHECK(round.confidence == std::vector<double>{0.8, 0.1, 0.1});
  round = read(stated, replies, 1, {0.5, 1, 1});
  CHECK(round.aggregate == "B");
  const std::vector<std::vector<std::string>> three{
      {"Answer: A", "Answer: B"}, {"Answer: B", "Answer: B"}, {"Answer: A", "Answer: B"}};
  round = read({{"aggregate", "weighted"}, {"confidence", "self"}}, three, 3);
  CHECK(round.confidence[0] == doctest::Approx(2.0 / 3));
  CHECK(round.confidence[1] == 1);
  CHECK(round.aggregate == "B");
}

TEST_CASE("ReConcile's scale has the published steps") {
  for (const auto& [confidence, weight] :
       {std::pair{0.0, .1}, {0.6, .1}, {0.7, .3}, {0.8, .5}, {0.89, .5}, {0.9, .8}, {0.99, .8}, {1.0, 1.0}}) {
    CHECK(reconcile_scale(confidence) == weight);
  }
}

TEST_CASE("the last stated confidence counts, at most 1; none is one half") {
  CHECK(stated_confidence("confidence 20%, then Confidence: 250 %") == 1);
  CHECK(stated_confidence("Confidence is 85.5%") == 0.85);
  CHECK(stated_confidence("sure") == 0.5);
}

TEST_CASE("a rule stops at the first round that meets it, from min_rounds on") {
  const auto context = context_of({{"Answer: A", "Answer: A", "Answer: B"},
                                   {"Answer: A", "Answer: A", "Answer: A"},
                                   {"Answer: A", "Answer: A", "Answer: A"}});
  const DebateReader reader(Json::object(), {});
  const auto rounds = reader.read_all(choice_item(), Transcript(context), 3, kNoDraw);
  REQUIRE(rounds.size() == 3);
  CHECK(reader.stops_after("unanimous", 1, rounds) == 2U);
  CHECK(reader.stops_after("unanimous", 3, rounds) == 3U);
  CHECK(reader.stops_after("votes:2", 1, rounds) == 1U);
  CHECK(reader.stops_after("stable:3", 1, rounds) == 3U);
  CHECK_FALSE(reader.stops_after("stable:4", 1, rounds));
}

}  // namespace
}  // namespace assay
