// Replays: recorded runs executed again from their calls alone.
#include "core/engine/replay.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;

namespace {

/// Two steps of two calls each; the answers, the time and the random numbers seen go into the context.
struct Recorded {
  World world;
  std::string prompt = "ask";
  int asked_more = 0;
  bool catch_failures = false;
  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();

  std::unique_ptr<Effect> effect(const std::string& text) {
    return std::make_unique<TimedEffect>(world, dump_json(Json{{"body", {{"prompt", text}}}}), "to " + text,
                                         milliseconds(1));
  }
  Recorded() {
    runner->on_setup = [](Run& run, Step&) { run.say("user", dump_json(run.data)); };
    runner->on_step = [this](Run& run, Step& step) {
      const std::string name = prompt + " " + std::to_string(step.number());
      const CallHandle first = step.begin("a", effect(name + " a")), second = step.begin("b", effect(name + " b"));
      std::string said = step.get(first).reply + ", " + step.get(second).reply;
      step.sleep(milliseconds(2));
      for (int i = 0; i < asked_more; ++i) {
        const CallOutcome more = step.call("more", effect(name + " more"));
        if (!more.ok() && !catch_failures) throw RunFailure(more.record.last_try.kind, more.record.last_try.message);
      }
      run.say("assistant", said + " " + std::to_string(step.random() % 1000));
      run.answer = Json{{"said", said}, {"at", step.now()}};
      return step.number() < 2 ? Next::again : Next::done;
    };
    runner->on_evaluate = [](Run&, Step&) { return Score::correct().metric("length", 3); };
  }
};

Replayer replayer(Bench& bench) {
  return Replayer(bench.experiment->store(), bench.experiment->table(), bench.clock,
                  [&bench](const BatchInfo&) { return bench.runner; });
}

}  // namespace

TEST_CASE("a replay serves what is recorded, sends nothing, changes nothing, and comes out the same") {
  Recorded recorded;
  Bench bench(recorded.runner, 20);
  REQUIRE(bench.execute(4).complete == 20);
  REQUIRE(recorded.world.sent == 80);
  const std::uint64_t changes = bench.experiment->store().health().changes;
  Replayer replays = replayer(bench);
  for (const RunId run : bench.all()) {
    const ReplayResult result = replays.replay(run);
    for (const ReplayDifference& one : result.differences)
      FAIL(one.what << ": " << one.recorded << " / " << one.replayed);
    CHECK(result.same());
    CHECK(result.calls == 4);
    CHECK(result.steps == 2);
    CHECK(result.status == Status::complete);
  }
  CHECK(recorded.world.sent == 80);
  CHECK(bench.experiment->store().health().changes == changes);
  CHECK(bench.row(0).attempts == 1);
}

TEST_CASE("a request that differs is named with place and pointer; so is a call that is not recorded") {
  Recorded recorded;
  Bench bench(recorded.runner, 1);
  REQUIRE(bench.execute(1).complete == 1);
  SUBCASE("an edited prompt") {
    recorded.prompt = "Ask";
    const ReplayResult result = replayer(bench).replay(0);
    REQUIRE(result.missing.size() == 4);  // this runner does not mind
    CHECK(result.missing[0] ==
          "the request at step 1, \"a\" differs from the recorded one at /body/prompt (\"ask 1 a\" has become "
          "\"Ask 1 a\")");
    CHECK_FALSE(result.same());
  }
  SUBCASE("one call more") {
    recorded.asked_more = 1;
    const ReplayResult result = replayer(bench).replay(0);
    REQUIRE(result.missing.size() == 1);
    CHECK(result.missing[0] == "no call is recorded at step 1, \"more\"");
    CHECK(result.status == Status::fail);
  }
  SUBCASE("one call more whose failure the runner swallows is no equal outcome either") {
    recorded.asked_more = 1;
    recorded.catch_failures = true;
    const ReplayResult result = replayer(bench).replay(0);
    CHECK(result.missing.size() == 2);
    CHECK_FALSE(result.same());
  }
  CHECK(recorded.world.sent == 4);
  CHECK(bench.row(0).status == Status::complete);
}

TEST_CASE("another outcome on the same calls is told apart: answer, context, score") {
  Recorded recorded;
  Bench bench(recorded.runner, 1);
  REQUIRE(bench.execute(1).complete == 1);
  recorded.runner->on_evaluate = [](Run& run, Step&) {
    run.answer["said"] = "else";
    return Score::incorrect().metric("length", 4);
  };
  const ReplayResult result = replayer(bench).replay(0);
  CHECK(result.missing.empty());
  std::vector<std::string> names;
  for (const ReplayDifference& one : result.differences) names.push_back(one.what);
  CHECK(names == std::vector<std::string>{"score", "metric/length", "answer/said"});
}

TEST_CASE("a run that failed by a call fails again in the same way") {
  Recorded recorded;
  recorded.runner->on_step = [](Run&, Step& step) -> Next {
    struct Refused final : Effect {
      std::string text = "{}", name = "fake";
      Hash128 request_hash() const override { return xxh3_128(text); }
      const std::string& request_text() const override { return text; }
      const std::string& model() const override { return name; }
      const std::string& lane() const override { return name; }
      EffectAction advance(EffectEvent, const std::shared_ptr<EffectPort>&, SteadyTime) override {
        EffectDone done;
        done.last_try.kind = "bad_request";
        done.last_try.message = "no";
        return done;
      }
      void abandon() override {}
    };
    const CallOutcome outcome = step.call("x", std::make_unique<Refused>());
    if (!outcome.ok()) throw RunFailure(outcome.record.last_try.kind, outcome.record.last_try.message);
    return Next::done;
  };
  Bench bench(recorded.runner, 1);
  REQUIRE(bench.execute(1).fail == 1);
  const ReplayResult result = replayer(bench).replay(0);
  CHECK(result.same());
  CHECK(result.status == Status::fail);
}

TEST_CASE("a replay of some steps is compared with what was recorded after the last of them") {
  Recorded recorded;
  Bench bench(recorded.runner, 1);
  REQUIRE(bench.execute(1).complete == 1);
  Replayer replays = replayer(bench);
  CHECK(replays.replay(0, {}, 0).calls == 0);
  const ReplayResult first = replays.replay(0, {}, 1);
  CHECK(first.same());
  CHECK(first.calls == 2);
  CHECK(first.steps == 1);
  CHECK(replays.replay(0, {}, 2).same());
  CHECK_THROWS_AS(replays.replay(0, {}, 3), Error);
  recorded.runner->on_step = [inner = recorded.runner->on_step](Run& run, Step& step) {
    run.state = "changed";
    return inner(run, step);
  };
  const ReplayResult changed = replays.replay(0, {}, 1);
  REQUIRE(changed.differences.size() == 1);
  CHECK(changed.differences[0].what == "/state");
}

TEST_CASE("what has not been executed can't be replayed, and earlier attempts can") {
  Recorded recorded;
  Bench bench(recorded.runner, 2);
  Replayer replays = replayer(bench);
  CHECK_THROWS_AS(replays.replay(0), Error);
  REQUIRE(bench.execute(2).complete == 2);
  REQUIRE(bench.execute(2, JobType::rerun).complete == 2);
  CHECK(replays.replay(0).attempt == 2);
  CHECK(replays.replay(0).same());
  CHECK(replays.replay(0, 1).same());
  CHECK_THROWS_AS(replays.replay(0, 3), Error);
}

TEST_CASE("a resumed step names what differs from its record, and the call goes out under the next number") {
  Recorded recorded;
  std::atomic<bool> hold{true};
  recorded.runner->on_step = [&](Run& run, Step& step) {
    run.say("assistant", step.call("a", recorded.effect(recorded.prompt)).reply);
    while (hold && !step.stop_requested()) std::this_thread::sleep_for(milliseconds(1));
    if (hold) throw RunStopped{};
    return Next::done;
  };
  Bench bench(recorded.runner, 1);
  JobRequest request;
  request.runs = bench.all();
  const JobId job = bench.experiment->engine().start(request);
  while (bench.experiment->store().call_counts().answered == 0) std::this_thread::sleep_for(milliseconds(1));
  bench.experiment->engine().stop(bench.all());
  bench.experiment->engine().wait(job);
  REQUIRE(bench.row(0).status == Status::incomplete);
  hold = false;
  recorded.prompt = "another";
  REQUIRE(bench.execute(1).complete == 1);
  const std::vector<CallRecord> calls = bench.experiment->store().calls(0);
  REQUIRE(calls.size() == 2);
  CHECK(calls[1].number == 2);
  bool told = false;
  for (const StoredLog& line : bench.experiment->store().logs(0)) {
    told = told || line.text.find(
                       "differs from the recorded one at /body/prompt (\\\"ask\\\" has become "
                       "\\\"another\\\"): it goes out anew as number 2") != std::string::npos;
  }
  CHECK(told);
  CHECK(replayer(bench).replay(0).same());
}
