// Targets cool down and are held: alone, and through the client.
#include <doctest/doctest.h>

#include "runners/llm/target.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

TEST_CASE("five failures in a row cool a target, longer each time, and one probe at a time goes out after that") {
  FakeClock clock;
  Targets targets;
  const Cooldown rule{5, 5s, 12s};
  for (int i = 0; i < 4; ++i) CHECK_FALSE(targets.failed("lane", rule, clock.steady()));
  CHECK(targets.ask("lane", clock.steady()).go);
  CHECK(targets.failed("lane", rule, clock.steady()) == 5s);
  CHECK_FALSE(targets.failed("lane", rule, clock.steady()));  // was on its way when the cooling began
  CHECK_FALSE(targets.ask("lane", clock.steady()).go);
  CHECK(targets.ask("other", clock.steady()).go);
  CHECK(*targets.ask("lane", clock.steady()).look_again <= clock.steady() + 1s);
  for (const auto next : {10s, 12s, 12s}) {
    clock.advance(15s);
    CHECK(targets.ask("lane", clock.steady()).go);        // the probe
    CHECK_FALSE(targets.ask("lane", clock.steady()).go);  // the others wait for it
    CHECK(targets.failed("lane", rule, clock.steady()) == next);
  }
  clock.advance(13s);
  CHECK(targets.ask("lane", clock.steady()).go);
  targets.give_back("lane");  // its run was stopped: another may probe
  CHECK(targets.ask("lane", clock.steady()).go);
  CHECK(targets.states(clock.steady()).size() == 1);
  targets.succeeded("lane");
  for (int i = 0; i < 3; ++i) CHECK(targets.ask("lane", clock.steady()).go);
  CHECK(targets.states(clock.steady()).empty());
}

TEST_CASE("a success in between begins the count anew") {
  FakeClock clock;
  Targets targets;
  for (int i = 0; i < 20; ++i) {
    for (int k = 0; k < 4; ++k) CHECK_FALSE(targets.failed("lane", {}, clock.steady()));
    targets.succeeded("lane");
  }
}

TEST_CASE("a held target takes nothing until a person says so, whatever else is heard of it") {
  FakeClock clock;
  Targets targets;
  targets.hold("lane", {ErrorKind::quota, "no credit"});
  targets.succeeded("lane");  // an answer that was on its way
  clock.advance(24h);
  const Targets::Permit permit = targets.ask("lane", clock.steady());
  CHECK_FALSE(permit.go);
  REQUIRE(permit.held);
  CHECK(permit.held->message == "no credit");
  CHECK(targets.release_all() == 1);
  CHECK(targets.ask("lane", clock.steady()).go);
}
