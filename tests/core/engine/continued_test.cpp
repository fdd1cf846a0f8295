// A run that failed goes on with what had been answered.
#include <doctest/doctest.h>

#include "core/engine/replay.hpp"
#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Two steps of three calls; the second step fails until `mended`, after all its answers have come.
struct Debate {
  World world;
  bool mended = false;
  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();

  Debate() {
    runner->on_step = [this](Run& run, Step& step) {
      const std::string at = "step " + std::to_string(step.number()) + " of run " + run.id + ", drawn " +
                             std::to_string(step.random() % 1000);
      std::vector<CallHandle> calls;
      for (const char* key : {"a", "b", "c"}) {
        if (step.number() == 2 && std::string_view(key) == "c" && !mended) continue;
        const std::string request = dump_json(Json{{"ask", at + key}});
        calls.push_back(step.begin(
            key, std::make_unique<TimedEffect>(world, request, "to " + at + key, std::chrono::milliseconds(1))));
      }
      for (const CallHandle call : calls) run.say("assistant", step.get(call).reply);
      if (calls.size() < 3) throw RunFailure("auth", "c has no key");
      run.answer = at;
      return step.number() < 2 ? Next::again : Next::done;
    };
  }
};

}  // namespace

TEST_CASE("run_n of a run that failed asks only for what is missing; the attempt can be replayed by itself") {
  Debate debate;
  Bench bench(debate.runner, 3);
  REQUIRE(bench.execute(3).fail == 3);
  CHECK(debate.world.sent == 3 * 5);
  REQUIRE(bench.execute(3).fail == 3);  // once more in vain: nothing is asked
  CHECK(debate.world.sent == 3 * 5);
  debate.mended = true;
  REQUIRE(bench.execute(3).complete == 3);
  CHECK(debate.world.sent == 3 * 6);
  for (const auto& [request, times] : debate.world.sent_by_request) CHECK(times == 1);
  CHECK(bench.row(0).attempts == 3);
  CHECK(bench.row(0).cost == 7 * 6);  // of all attempts: what was answered before is not paid again
  Store& store = bench.experiment->store();
  std::size_t served = 0;
  for (const CallRecord& call : store.calls(0, 3)) {
    if (!call.from_cache) continue;
    ++served;
    CHECK(call.cost == 0);
    CHECK_FALSE(call.usage.in);  // counted where it was paid for
  }
  CHECK(served == 5);
  Replayer replays(store, bench.experiment->table(), bench.clock, [&](const BatchInfo&) { return bench.runner; });
  const ReplayResult result = replays.replay(0);
  CHECK(result.same());
  CHECK(result.calls == 6);
}

TEST_CASE("rerun asks everything anew") {
  Debate debate;
  Bench bench(debate.runner, 1);
  REQUIRE(bench.execute(1).fail == 1);
  debate.mended = true;
  REQUIRE(bench.execute(1, JobType::rerun).complete == 1);
  CHECK(debate.world.sent == 5 + 6);
}

TEST_CASE(
    "what two failed attempts had answered between them is asked once; a failure that a run went on without stays "
    "one") {
  World world;
  std::atomic<int> attempt{0};
  const auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run& run, Step& step) {
    const std::string at = std::to_string(step.number());
    const auto ask = [&](const char* key) {
      return step.call(key, std::make_unique<TimedEffect>(world, "{\"ask\":\"" + at + key + "\"}", "yes",
                                                          std::chrono::milliseconds(1)));
    };
    if (step.number() == 1) ++attempt;
    ask("a");
    if (attempt == 2) throw RunFailure("timeout", "too slow");  // before anything of the second step
    if (step.number() == 2 && attempt == 1) throw RunFailure("auth", "no key");
    ask("b");
    run.answer = at;
    return step.number() < 2 ? Next::again : Next::done;
  };
  Bench bench(runner, 1);
  REQUIRE(bench.execute(1).fail == 1);
  REQUIRE(bench.execute(1).fail == 1);
  REQUIRE(bench.execute(1).complete == 1);
  for (const auto& [request, times] : world.sent_by_request) {
    CAPTURE(request);
    CHECK(times == 1);
  }
  CHECK(world.sent == 4);
}
