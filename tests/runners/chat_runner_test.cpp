#include "runners/chat_runner.hpp"

#include <doctest/doctest.h>

#include "tests/runners/model_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

ChatRequest question(const std::string& text) {
  ChatRequest request;
  request.messages.emplace_back(Role::user, text);
  return request;
}

std::string failure_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const RunFailure& failure) {
    return failure.kind();
  }
  return "none";
}

}  // namespace

TEST_CASE("a run's context goes out as it stands and the reply joins it") {
  ModelRoom room;
  ChatRunner runner(room.client, room.registry.callable("sim/echo"));
  Run run;
  run.say("system", "be short");
  run.say("user", "first");
  run.say("assistant", "yes");
  run.say("user", "second");
  FakeStep step(room.clock, &room.clock);
  CHECK(runner.step(run, step) == Next::done);
  REQUIRE(run.context.size() == 5);
  CHECK(run.context[4].role == "assistant");
  CHECK(run.context[4].content == "second");
  CHECK(step.kept(0).request.find("be short") != std::string::npos);
}

TEST_CASE("an error of a call fails the run with the call's kind") {
  ModelRoom room;
  ChatRunner runner(room.client, room.registry.callable("sim/qa?fail=bad_request:1"));
  Run run;
  run.say("user", "q");
  FakeStep step(room.clock, &room.clock);
  CHECK(failure_of([&] { runner.step(run, step); }) == "bad_request");
  CHECK(run.context.size() == 1);
}

TEST_CASE("an error that is no run's fault holds the run and pauses its job") {
  for (const char* kind : {"auth", "quota", "permission", "not_found"}) {
    CAPTURE(kind);
    ModelRoom room;
    ChatRunner runner(room.client, room.registry.callable(std::string("sim/qa?fail=") + kind + ":1"));
    for (int i = 0; i < 2; ++i) {  // the second meets a target that is held
      Run run;
      run.say("user", "q");
      FakeStep step(room.clock, &room.clock);
      try {
        runner.step(run, step);
        FAIL("the run went on");
      } catch (const RunHeld& held) {
        CHECK(held.pauses_job);
        CHECK(held.message.find(kind) != std::string::npos);
      }
    }
  }
}

TEST_CASE("a reply that was cut is kept and said in the log") {
  ModelRoom room;
  ChatRunner runner(room.client, room.registry.callable("sim/echo?fail=truncated:1"));
  Run run;
  run.say("user", "12345678");
  FakeStep step(room.clock, &room.clock);
  runner.step(run, step);
  REQUIRE(run.context.size() == 2);
  CHECK(run.context[1].content == "1234");
  REQUIRE(!step.logs.empty());
  CHECK(step.logs.back() == "reply truncated");
}

TEST_CASE("questions asked at the same time come back in their order; all are waited for before the first error") {
  ModelRoom room;
  const auto model = room.registry.callable("sim/echo?latency=const:100ms");
  FakeStep step(room.clock, &room.clock);
  const auto start = room.clock.steady();
  const auto replies =
      ask_all(room.client, step, model, {{"a", question("1")}, {"b", question("2")}, {"c", question("3")}});
  REQUIRE(replies.size() == 3);
  CHECK(replies[0].text == "1");
  CHECK(replies[2].text == "3");
  CHECK(room.clock.steady() - start == std::chrono::milliseconds(100));

  FakeStep failing(room.clock, &room.clock);
  const auto broken = room.registry.callable("sim/echo?fail=bad_request:1");
  CHECK(failure_of([&] { ask_all(room.client, failing, broken, {{"a", question("1")}, {"b", question("2")}}); }) ==
        "bad_request");
  CHECK(failing.done(0));
  CHECK(failing.done(1));
}

TEST_CASE("what is no chat is refused, and so is a step without a model") {
  ModelRoom room;
  CHECK(failure_of([] { chat_messages({{"tool", Json("x")}}); }) == "bad_request");
  CHECK(failure_of([] { chat_messages({{"user", Json::array()}}); }) == "bad_request");
  FakeStep step(room.clock, &room.clock);
  CHECK(failure_of([&] { ask(room.client, step, "", nullptr, question("q")); }) == "no_model");
}
