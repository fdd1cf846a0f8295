// What a run waits for, asked while it does.
#include <doctest/doctest.h>

#include <thread>

#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

/// Asks until the answer holds, at most two seconds.
template <typename Holds>
WhyRun ask_until(Engine& engine, RunId run, Holds holds) {
  WhyRun why;
  for (int i = 0; i < 400; ++i) {
    why = engine.why(run);
    if (holds(why)) break;
    std::this_thread::sleep_for(5ms);
  }
  return why;
}

/// A TimedEffect that says what it waits for.
class TellingEffect final : public Effect {
 public:
  TellingEffect(World& world, std::string request, std::chrono::milliseconds delay)
      : inner_(world, std::move(request), "r", delay) {}
  Hash128 request_hash() const override { return inner_.request_hash(); }
  const std::string& request_text() const override { return inner_.request_text(); }
  const std::string& model() const override { return inner_.model(); }
  const std::string& lane() const override { return inner_.lane(); }
  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime now) override {
    until_ = now + 10s;
    return inner_.advance(std::move(event), port, now);
  }
  EffectWaiting waiting(SteadyTime) const override { return {"the first byte of " + inner_.request_text(), until_}; }
  void abandon() override { inner_.abandon(); }

 private:
  TimedEffect inner_;
  SteadyTime until_{};
};

}  // namespace

TEST_CASE("a run in flight names the first of its calls that is not answered; the others stand beside it") {
  World world;
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run&, Step& step) {
    const CallHandle first = step.begin("agent/1", std::make_unique<TellingEffect>(world, "one", 50ms));
    const CallHandle second = step.begin("agent/2", std::make_unique<TellingEffect>(world, "two", 60s));
    const CallHandle third = step.begin("agent/3", std::make_unique<TellingEffect>(world, "three", 60s));
    step.get(first);
    step.get(second);
    step.get(third);
    return Next::done;
  };
  Bench bench(runner, 1);
  Engine& engine = bench.experiment->engine();
  const JobId job = engine.start({JobType::execute, bench.all(), 1, {}, false});
  const WhyRun why = ask_until(engine, 0, [](const WhyRun& w) { return w.what == "the first byte of two"; });
  CHECK(why.state == WhyRun::State::in_flight);
  CHECK(why.job == job);
  CHECK(why.attempt == 1);
  CHECK(why.step == 1);
  CHECK(why.what == "the first byte of two");
  REQUIRE(why.left.has_value());
  CHECK(why.left->count() > 5000);
  CHECK(why.left->count() <= 10000);
  REQUIRE(why.calls.size() == 2);
  CHECK(why.calls[0].key == "agent/2");
  CHECK(why.calls[0].tries == 1);
  CHECK(why.calls[1].key == "agent/3");
  engine.stop_all();
  engine.wait(0);
  CHECK(engine.why(0).state == WhyRun::State::idle);
}

TEST_CASE("a run that waits in its job names the slot, or the pause of the job") {
  World world;
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run& run, Step& step) {
    step.call("", std::make_unique<TimedEffect>(world, run.id, "r", 60s));
    return Next::done;
  };
  Bench bench(runner, 5);
  Engine& engine = bench.experiment->engine();
  const JobId job = engine.start({JobType::execute, bench.all(), 2, {}, false});
  ask_until(engine, 1, [](const WhyRun& w) { return w.state == WhyRun::State::in_flight; });
  const WhyRun third = engine.why(2), last = engine.why(4);
  CHECK(third.state == WhyRun::State::in_job);
  CHECK(third.what == "a slot of job #1: 2 of 2 in flight, 0 runs before it");
  CHECK(last.what == "a slot of job #1: 2 of 2 in flight, 2 runs before it");
  engine.pause(job, "the account is empty");
  CHECK(engine.why(4).what == "`resume #1`: job #1 is paused: the account is empty");
  engine.stop_all();
  engine.wait(0);
}

TEST_CASE("a runner that computes or sleeps is told apart from one that waits for a call") {
  std::atomic<bool> go{false};
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run& run, Step& step) {
    if (run.id == "1") {
      step.sleep(20s);
    } else {
      while (!go.load() && !step.stop_requested()) std::this_thread::sleep_for(1ms);
    }
    return Next::done;
  };
  Bench bench(runner, 2);
  Engine& engine = bench.experiment->engine();
  engine.start({JobType::execute, bench.all(), 2, {}, false});
  const WhyRun asleep = ask_until(engine, 0, [](const WhyRun& w) { return w.what == "a sleep of its runner"; });
  CHECK(asleep.what == "a sleep of its runner");
  REQUIRE(asleep.left.has_value());
  CHECK(asleep.left->count() > 15000);
  const WhyRun busy = ask_until(engine, 1, [](const WhyRun& w) { return w.state == WhyRun::State::in_flight; });
  CHECK(busy.what == "its runner, which computes");
  CHECK(busy.calls.empty());
  go = true;
  engine.stop_all();
  engine.wait(0);
}
