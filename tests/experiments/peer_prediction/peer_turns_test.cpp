// A task as it is read by people: what was given, who answered, what critics and judges said.

#include <doctest/doctest.h>

#include "experiments/peer_prediction/record.hpp"

namespace assay {
namespace {

TEST_CASE("a task shows its text, each agent's response or why there is none, and the critics' replies") {
  RunView run;
  run.data = Json{{"context", "the task"}, {"reference", "gold"}};
  run.answer = Json::parse(R"({"responses": ["one", null, null], "response_errors": [null, "timeout: too late", null],
      "comparisons": [{"agent_pair": [1, 2], "distribution": "p", "result": 0.5, "raw": "half"},
                      {"agent_pair": [1, 3], "distribution": "q", "result": null}],
      "judgements": [{"agent_pair": [2, 1], "context": "with", "result": 7, "raw": "7/10"}]})");
  const auto turns = peer_turns(run);
  REQUIRE(turns.size() == 6);
  CHECK(turns[0].text == "the task");
  CHECK(turns[1].answer == "reference");
  CHECK(turns[2].speaker == "agent 1");
  CHECK(turns[2].text == "one");
  CHECK(turns[3].speaker == "agent 2");
  CHECK(turns[3].answer == "no response");
  CHECK(turns[3].text == "timeout: too late");
  CHECK(turns[4].speaker == "critic");
  CHECK(turns[4].part == "agents 1 and 2, p");
  CHECK(turns[4].answer == "0.5");
  CHECK(turns[5].speaker == "judge");
  CHECK(turns[5].part == "agents 2 and 1, with");
}

TEST_CASE("a task of odd shape shows what can be read") {
  RunView run;
  run.data = Json::array({1});
  run.answer = Json{{"responses", "none"}, {"comparisons", Json::array({7})}};
  CHECK(peer_turns(run).empty());
}

}  // namespace
}  // namespace assay
