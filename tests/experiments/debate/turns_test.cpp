// A debate as it is read by people: names, rounds, answers, and the call behind each reply.

#include "experiments/debate/turns.hpp"

#include <doctest/doctest.h>

#include "experiments/debate/transcript.hpp"
#include "experiments/qa/item.hpp"

namespace assay {
namespace {

CallRecord call(std::uint32_t step, const std::string& key, std::int64_t in) {
  CallRecord record;
  record.attempt = 1;
  record.step = step;
  record.key = key;
  record.state = CallState::answered;
  record.usage.in = in;
  return record;
}

RunView debate(std::vector<ContextMessage> context, Json rounds) {
  Item item;
  item.id = "1";
  item.question = "?";
  item.options = {"one", "two"};
  item.n_options = 2;
  item.answer = "A";
  RunView run;
  run.status = Status::complete;
  run.data = to_data(item, Json::object());
  run.context = std::move(context);
  run.answer = Json{{"rounds", std::move(rounds)}};
  return run;
}

Json round(std::uint32_t number, Json values) {
  return Json{{"round", number},         {"values", std::move(values)}, {"confidence", Json::array()},
              {"aggregate", nullptr},    {"votes", Json::object()},     {"tied", false},
              {"dropped", Json::array()}};
}

TEST_CASE("agents have their names, replies their answer, whether it is right, and their call") {
  BatchInfo batch;
  batch.params = Json{{"protocol", "collaborative"}};
  batch.pinned["agents"] = Json::array({Json{{"name", "Ann"}}});
  const RunView run = debate({debate_message("system", "be kind", 0, 0), debate_message("user", "go", 0, 1),
                              debate_message("assistant", "Answer: A", 0, 1), debate_message("user", "go", 1, 1),
                              debate_message("assistant", "Answer: B", 1, 1), debate_message("assistant", "?", 1, 2)},
                             Json::array({round(1, {"A", "B"}), round(2, {nullptr, nullptr})}));
  const auto turns = debate_turns(batch, run, {call(1, "agent/1", 7), call(2, "agent/1", 9)});
  REQUIRE(turns.size() == 6);
  CHECK(turns[0].part == "before the first round");
  CHECK(turns[0].to == "Ann");
  CHECK(turns[2].speaker == "Ann");
  CHECK(turns[2].part == "round 1");
  CHECK(turns[2].answer == "A");
  CHECK(turns[2].right == true);
  CHECK_FALSE(turns[2].usage.has_value());
  CHECK(turns[4].speaker == "agent 1");
  CHECK(turns[4].right == false);
  CHECK(turns[4].usage.value().in == 7);
  CHECK(turns[5].answer.empty());
  CHECK_FALSE(turns[5].right.has_value());
  CHECK(turns[5].usage.value().in == 9);
}

TEST_CASE("critic, synthesizer and summaries are named; the synthesizer's answer is the round's only one") {
  BatchInfo batch;
  batch.params = Json{{"protocol", "critic_synth"}};
  const RunView run = debate(
      {debate_message("assistant", "weak", kCritic, 2), debate_message("assistant", "Answer: A", kSynthesizer, 3),
       debate_message("assistant", "in short", kSummary, 2, 1)},
      Json::array({round(3, {"A"})}));
  const auto turns =
      debate_turns(batch, run, {call(2, "critic", 1), call(3, "synthesizer", 2), call(2, "summary/1", 3)});
  CHECK(turns[0].speaker == "the critic");
  CHECK(turns[0].answer.empty());
  CHECK(turns[0].usage.value().in == 1);
  CHECK(turns[1].answer == "A");
  CHECK(turns[1].right == true);
  CHECK(turns[1].usage.value().in == 2);
  CHECK(turns[2].usage.value().in == 3);
}

TEST_CASE("a run that somebody has changed is shown as far as it can be read") {
  RunView run = debate({{"assistant", "x", Json{{"agent", Json::array()}, {"round", "two"}}}, {"user", Json{{"a", 1}}}},
                       Json::array({"no round", 7}));
  run.data = "no item";
  const auto turns = debate_turns({}, run, {});
  REQUIRE(turns.size() == 2);
  CHECK(turns[0].text == "x");
  CHECK(turns[1].text == R"({"a":1})");
}

}  // namespace
}  // namespace assay
