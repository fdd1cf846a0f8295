#include "core/model/run_turn.hpp"

#include <doctest/doctest.h>

namespace assay {
namespace {

CallRecord answered(std::uint32_t attempt, std::int64_t in, std::int64_t out) {
  CallRecord call;
  call.attempt = attempt;
  call.state = CallState::answered;
  call.model = "sim/x";
  call.usage.in = in;
  call.usage.out = out;
  call.cost = 5;
  return call;
}

TEST_CASE("messages become turns: who speaks, to whom, in which part") {
  const auto turns = turns_of_context({{"system", "be brief"},
                                       {"user", "go", Json{{"agent", 1}, {"round", 2}}},
                                       {"assistant", "B", Json{{"agent", 1}, {"round", 2}}},
                                       {"assistant", Json{{"x", 1}}, Json{{"name", "Ann"}, {"turn", 3}}},
                                       {"user", nullptr, Json{{"judge", "openai/x"}, {"round", Json::array()}}}});
  REQUIRE(turns.size() == 5);
  CHECK(turns[0].speaker.empty());
  CHECK(turns[0].text == "be brief");
  CHECK(turns[1].to == "agent 1");
  CHECK(turns[1].speaker.empty());
  CHECK(turns[1].part == "round 2");
  CHECK(turns[2].speaker == "agent 1");
  CHECK(turns[3].speaker == "Ann");
  CHECK(turns[3].part == "turn 3");
  CHECK(turns[3].text == R"({"x":1})");
  CHECK(turns[4].to == "openai/x");
  CHECK(turns[4].part.empty());
  CHECK(turns[4].text.empty());
}

TEST_CASE("calls of the newest attempt go onto replies where there are as many of them") {
  auto turns = turns_of_context({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}});
  std::vector<CallRecord> calls{answered(1, 9, 9), answered(2, 10, 1), answered(2, 20, 2)};
  calls.push_back(answered(2, 30, 3));
  calls.back().state = CallState::failed;
  add_calls(turns, calls);
  REQUIRE(turns[3].usage.has_value());
  CHECK(turns[1].usage->in == 10);
  CHECK(turns[3].usage->out == 2);
  CHECK(turns[3].usage->cost == 5);
  CHECK(turns[3].model == "sim/x");
  CHECK_FALSE(turns[0].usage.has_value());

  auto others = turns_of_context({{"assistant", "b"}});
  add_calls(others, calls);
  CHECK_FALSE(others[0].usage.has_value());
}

}  // namespace
}  // namespace assay
