#include "core/engine/engine.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <queue>
#include <random>
#include <thread>

#include "core/text/error.hpp"
#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<FunctionRunner> runner() { return std::make_shared<FunctionRunner>(); }

}  // namespace

TEST_CASE(
    "a call knows where it stands: its run, step and which of the attempt's calls it is, also when a run goes on") {
  struct Located final : Effect {
    Located(std::vector<std::string>& to) : seen(to) {}
    Hash128 request_hash() const override { return xxh3_128(name); }
    const std::string& request_text() const override { return name; }
    const std::string& model() const override { return name; }
    const std::string& lane() const override { return name; }
    EffectAction advance(EffectEvent, const std::shared_ptr<EffectPort>& port, SteadyTime) override {
      const EffectOrigin at = port->origin();
      seen.push_back(std::string(at.id) + " " + std::to_string(at.step) + " " + std::string(port->key()) + " #" +
                     std::to_string(at.call) + " of job " + std::to_string(at.job));
      EffectDone done;
      done.state = CallState::answered;
      return done;
    }
    void abandon() override {}
    std::vector<std::string>& seen;
    std::string name = "located";
  };
  std::vector<std::string> seen;
  bool hold = true;
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run&, Step& step) {
    step.call("a", std::make_unique<Located>(seen));
    if (step.number() == 2 && std::exchange(hold, false)) throw RunHeld{"later", false};
    step.call("b", std::make_unique<Located>(seen));
    return step.number() < 2 ? Next::again : Next::done;
  };
  Bench bench(runner, 1);
  CHECK(bench.execute(1).incomplete == 1);
  CHECK(bench.execute(1).complete == 1);
  CHECK(seen ==
        std::vector<std::string>{"1 1 a #1 of job 1", "1 1 b #2 of job 1", "1 2 a #3 of job 1", "1 2 b #4 of job 2"});
}

TEST_CASE("a job of trivial runs completes every one, with answer and score") {
  auto r = runner();
  r->on_step = [](Run& run, Step&) {
    run.answer = run.data.at("k");
    return Next::done;
  };
  Bench bench(r, 200);
  const JobFacts facts = bench.execute(8);
  CHECK(facts.complete == 200);
  CHECK(facts.correct == 200);
  CHECK(bench.row(17).status == Status::complete);
  CHECK(bench.row(17).verdict == Verdict::correct);
  CHECK(bench.experiment->store().payloads(17).answer == "18");
}

TEST_CASE("scores that are added stand beside the others; verdicts only when asked; answers stay") {
  auto r = runner();
  r->on_step = [](Run& run, Step&) {
    run.answer = run.data.at("k");
    return Next::done;
  };
  r->on_evaluate = [](Run&, Step&) { return Score::correct().metric("kept", 1).metric("both", 1); };
  Bench bench(r, 3);
  bench.execute(2);
  Experiment& experiment = *bench.experiment;
  const Score added = Score::incorrect().metric("both", 2).metric("new", 3);
  CHECK(experiment.add_scores({{0, added}, {2, added}}, false) == 2);
  const auto metric = [&](RunId run, const char* name) { return experiment.table().read().metric(run, name); };
  CHECK(bench.row(0).verdict == Verdict::correct);
  CHECK(metric(0, "kept") == 1);
  CHECK(metric(0, "both") == 2);
  CHECK(metric(0, "new") == 3);
  CHECK(metric(1, "both") == 1);
  CHECK(experiment.add_scores({{0, added}}, true) == 1);
  CHECK(bench.row(0).verdict == Verdict::incorrect);
  CHECK(bench.row(0).status == Status::complete);
  CHECK(experiment.store().payloads(0).answer == "1");
  experiment.store().each_run([&](const StoredRunRow& row) {
    if (row.run == 0) CHECK(row.score.metrics.size() == 3);
    if (row.run == 0) CHECK(row.score.verdict == Verdict::incorrect);
  });
}

TEST_CASE("a setup that leaves everything to step skips no step") {  // shell.md 7, fault 16
  auto r = runner();
  int steps = 0;
  r->on_setup = [](Run&, Step&) {};
  r->on_step = [&](Run&, Step&) { return ++steps < 3 ? Next::again : Next::done; };
  Bench bench(r, 1);
  bench.execute(1);
  CHECK(steps == 3);
  CHECK(bench.row(0).steps == 3);
}

TEST_CASE("a runner that throws fails its run alone, with kind, message and place") {  // faults 3 and 9
  auto r = runner();
  r->on_setup = [](Run& run, Step&) {
    if (run.id == "3") throw std::runtime_error("no setup");
  };
  r->on_step = [](Run& run, Step&) -> Next {
    if (run.id == "5") throw RunFailure("network", "gone");
    if (run.id == "6") throw 42;  // NOLINT: a runner may throw anything
    return Next::done;
  };
  r->on_evaluate = [](Run& run, Step&) {
    if (run.id == "7") throw Json::parse("{}").at("x");
    return run.id == "8" ? Score::none() : Score::correct();
  };
  Bench bench(r, 10);
  const JobFacts facts = bench.execute(4);
  CHECK(facts.complete == 6);
  CHECK(facts.fail == 4);
  CHECK(facts.scored == 5);  // fault 17: a FAIL is neither progress in score nor silently left out
  CHECK(bench.error(2).kind == "exception");
  CHECK(bench.error(2).message == "no setup");
  CHECK(bench.error(2).place == "setup");
  CHECK(bench.error(4).kind == "network");
  CHECK(bench.error(4).place == "step 1");
  CHECK(bench.error(5).kind == "exception");
  CHECK(bench.error(6).place == "evaluate");
  CHECK(bench.row(6).verdict == Verdict::none);
}

TEST_CASE("rerunning the failed ones keeps the earlier attempt readable") {
  auto r = runner();
  std::atomic<bool> broken{true};
  r->on_step = [&](Run& run, Step&) -> Next {
    run.log("tried");
    if (broken && run.id == "2") throw std::runtime_error("first time");
    return Next::done;
  };
  Bench bench(r, 3);
  CHECK(bench.execute(2).fail == 1);
  broken = false;
  JobRequest again;
  again.type = JobType::rerun;
  again.runs = {1};
  const JobId job = bench.experiment->engine().start(again);
  bench.experiment->engine().wait(job);
  CHECK(bench.row(1).status == Status::complete);
  CHECK(bench.row(1).attempts == 2);
  const auto attempts = bench.experiment->store().attempts(1);
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].outcome == Status::fail);
  CHECK(attempts[0].error.message == "first time");
  CHECK(attempts[1].outcome == Status::complete);
  std::vector<std::uint32_t> log_attempts;
  for (const StoredLog& line : bench.experiment->store().logs(1)) {
    if (line.from_runner) log_attempts.push_back(line.attempt);
  }
  CHECK(log_attempts == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("never more than N runs are in flight, and the window slides") {  // fault 6
  World world;
  auto r = runner();
  std::vector<double> delays;
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> draw(std::log(20.0), 0.7);
  for (int i = 0; i < 300; ++i) delays.push_back(std::min(draw(random), 200.0));
  r->on_step = [&](Run& run, Step& step) {
    const std::size_t k = run.data.at("k").get<std::size_t>();
    step.call("", std::make_unique<TimedEffect>(world, run.id, "x",
                                                std::chrono::milliseconds(static_cast<int>(delays[k - 1]))));
    return Next::done;
  };
  Bench bench(r, delays.size());
  const auto began = std::chrono::steady_clock::now();
  const JobFacts facts = bench.execute(20);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  CHECK(facts.complete == delays.size());
  CHECK(world.most_in_flight.load() <= 20);
  CHECK(world.most_in_flight.load() >= 18);
  // List scheduling of the same delays on 20 slots; chunks of 20 would take 2.9 times as long.
  std::priority_queue<double, std::vector<double>, std::greater<>> slots;
  for (int i = 0; i < 20; ++i) slots.push(0);
  double bound = 0;
  for (const double delay : delays) {
    const double end = slots.top() + std::floor(delay) / 1000;
    slots.pop();
    slots.push(end);
    bound = std::max(bound, end);
  }
  CHECK(took < 2 * bound);
}

TEST_CASE("a second job runs beside the first; a run that waits in one is skipped by the other") {  // fault 7
  World world;
  auto r = runner();
  r->on_step = [&](Run& run, Step& step) {
    step.call("", std::make_unique<TimedEffect>(world, run.id, "x", 30ms));
    return Next::done;
  };
  Bench bench(r, 20);
  JobRequest first, second;
  for (RunId run = 0; run < 12; ++run) first.runs.push_back(run);
  for (RunId run = 8; run < 20; ++run) second.runs.push_back(run);
  first.width = second.width = 2;
  Engine& engine = bench.experiment->engine();
  const JobId a = engine.start(first), b = engine.start(second);
  CHECK(engine.facts(b).selected == 8);
  CHECK(engine.facts(b).skipped == 4);
  engine.wait(0);
  CHECK(engine.facts(a).complete == 12);
  CHECK(engine.facts(b).complete == 8);
  CHECK(world.sent.load() == 20);
}

TEST_CASE("a run past its time limit fails, and what it does later changes nothing") {  // faults 1 and 2
  World world;
  auto r = runner();
  std::atomic<bool> release{false};
  std::atomic<int> back{0};
  r->on_step = [&](Run& run, Step& step) {
    if (step.attempt() == 2) {
      run.answer = "second";
    } else if (run.id == "2") {
      step.call("", std::make_unique<TimedEffect>(world, "paid", "x", 1ms));
      while (!release) std::this_thread::sleep_for(5ms);  // never asks whether it should stop
      run.answer = "too late";
      ++back;
    }
    return Next::done;
  };
  Bench bench(r, 4);
  bench.settings.set("timeout.step", "200ms", "test");
  const JobFacts facts = bench.execute(2);
  CHECK(facts.complete == 3);
  CHECK(facts.fail == 1);
  CHECK(bench.error(1).kind == "timeout");
  CHECK(bench.error(1).place == "step 1");
  CHECK(bench.row(1).cost == 7);  // what its call has cost counts all the same
  bench.settings.set("timeout.step", "10s", "test");
  JobRequest request;
  request.type = JobType::rerun;
  request.runs = {1};
  const JobId job = bench.experiment->engine().start(request);
  bench.experiment->engine().wait(job);
  const JobFacts again = bench.experiment->engine().facts(job);
  CHECK(again.complete == 1);
  release = true;
  for (int i = 0; i < 400 && bench.experiment->engine().has_lost_workers(); ++i) std::this_thread::sleep_for(5ms);
  CHECK(back == 1);
  bench.experiment->store().flush();
  CHECK(bench.row(1).status == Status::complete);
  CHECK(bench.experiment->store().payloads(1).answer == "\"second\"");
  bool told = false;
  for (const StoredLog& line : bench.experiment->store().logs(1))
    told |= line.text.find("discarded") != std::string::npos;
  CHECK(told);
}

TEST_CASE("a step that waits for a call is ended at its limit by itself, without losing a thread") {
  World world;
  auto r = runner();
  r->on_step = [&](Run& run, Step& step) {
    step.call("", std::make_unique<TimedEffect>(world, run.id, "x", run.id == "1" ? 60000ms : 1ms));
    return Next::done;
  };
  Bench bench(r, 3);
  bench.settings.set("timeout.step", "150ms", "test");
  const JobFacts facts = bench.execute(3);
  CHECK(facts.fail == 1);
  CHECK(bench.error(0).kind == "timeout");
  CHECK_FALSE(bench.experiment->engine().has_lost_workers());
  CHECK(world.in_flight.load() == 0);
  const auto calls = bench.experiment->store().calls(0);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].state == CallState::failed);
  CHECK(calls[0].doubt == CallDoubt::ambiguous);  // it had been sent: it may have been paid
}

TEST_CASE("a stopped run is INCOMPLETE, goes on later, and is served what was recorded") {  // fault 12
  World world;
  auto r = runner();
  std::atomic<int> begun{0};
  r->on_step = [&](Run& run, Step& step) {
    const std::uint64_t drawn = step.random();
    const WallTime at = step.now();
    run.state.is_null() ? run.state = Json::array() : run.state;
    for (int i = 0; i < 4; ++i) {
      const std::string key = "c" + std::to_string(i);
      if (i == 3) ++begun;
      const CallOutcome outcome = step.call(key, std::make_unique<TimedEffect>(world, run.id + key, "reply " + key,
                                                                               i == 3 && begun == 1 ? 60000ms : 1ms));
      run.say("assistant", outcome.reply);
    }
    run.answer = Json::object({{"drawn", drawn}, {"at_least", at > 0}});
    return Next::done;
  };
  Bench bench(r, 1);
  JobRequest request;
  request.runs = {0};
  Engine& engine = bench.experiment->engine();
  JobId job = engine.start(request);
  while (begun == 0 || world.sent < 4) std::this_thread::sleep_for(1ms);
  CHECK(engine.stop({0}) == 1);
  engine.wait(job);
  CHECK(engine.facts(job).incomplete == 1);
  CHECK(bench.row(0).status == Status::incomplete);
  CHECK_FALSE(bench.row(0).in_flight);
  CHECK(world.sent.load() == 4);
  job = engine.start(request);
  engine.wait(job);
  CHECK(bench.row(0).status == Status::complete);
  CHECK(bench.row(0).attempts == 1);
  CHECK(world.sent.load() == 5);  // three served, the one interrupted in flight sent again
  for (const auto& [request_text, times] : world.sent_by_request) CHECK(times == (request_text == "1c3" ? 2 : 1));
  CHECK(engine.totals().replayed == 3);
  const auto context = bench.experiment->serialized(0).run.context;
  REQUIRE(context.size() == 4);
  CHECK(context[2].content == "reply c2");
  std::size_t doubtful = bench.experiment->store().calls_in_doubt().size();
  CHECK(doubtful == 1);
}

TEST_CASE("a checkpointed step is not executed again") {
  World world;
  auto r = runner();
  std::atomic<int> executed{0};
  std::atomic<bool> first{true};
  r->on_step = [&](Run& run, Step& step) {
    ++executed;
    const bool hang = step.number() == 3 && first.exchange(false);
    step.call("", std::make_unique<TimedEffect>(world, run.id + "/" + std::to_string(step.number()), "r",
                                                hang ? 60000ms : 1ms));
    run.state = step.number();
    return step.number() == 4 ? Next::done : Next::again;
  };
  r->on_evaluate = [](Run& run, Step&) { return Score::of(run.state == 4); };
  Bench bench(r, 1);
  Engine& engine = bench.experiment->engine();
  JobRequest request;
  request.runs = {0};
  JobId job = engine.start(request);
  while (world.sent < 3) std::this_thread::sleep_for(1ms);
  engine.stop_all();
  engine.wait(job);
  CHECK(executed == 3);
  job = engine.start(request);
  engine.wait(job);
  CHECK(executed == 5);  // 3 again, 4
  CHECK(bench.row(0).verdict == Verdict::correct);
  CHECK(bench.row(0).steps == 4);
}

TEST_CASE("calls of one step go out at the same time, and their retries don't wait for each other") {
  World world;
  auto r = runner();
  r->on_step = [&](Run&, Step& step) {
    std::vector<CallHandle> handles;
    for (int i = 0; i < 5; ++i) {
      handles.push_back(step.begin("agent/" + std::to_string(i),
                                   std::make_unique<TimedEffect>(world, std::to_string(i), "r", 40ms, i == 4 ? 2 : 0)));
    }
    for (const CallHandle handle : handles) CHECK(step.get(handle).ok());
    return Next::done;
  };
  Bench bench(r, 1);
  const JobFacts facts = bench.execute(1);
  CHECK(facts.complete == 1);
  CHECK(world.most_in_flight.load() == 5);
  CHECK(world.sent.load() == 7);
  CHECK(facts.calls == 5);
  const auto calls = bench.experiment->store().calls(0);
  REQUIRE(calls.size() == 5);
  CHECK(calls[4].last_try.number == 3);
  CHECK(bench.experiment->store().tries(calls[4].id).size() == 3);
}

TEST_CASE("two calls at one place of a step are refused") {
  World world;
  auto r = runner();
  r->on_step = [&](Run&, Step& step) {
    step.call("a", std::make_unique<TimedEffect>(world, "1", "r", 1ms));
    step.call("a", std::make_unique<TimedEffect>(world, "2", "r", 1ms));
    return Next::done;
  };
  Bench bench(r, 1);
  bench.execute(1);
  CHECK(bench.row(0).status == Status::fail);
  CHECK(bench.error(0).message.find("\"a\"") != std::string::npos);
}

TEST_CASE("pause holds, resume goes on, width changes while it runs, cancel drops what has not begun") {
  World world;
  auto r = runner();
  r->on_step = [&](Run& run, Step& step) {
    step.call("", std::make_unique<TimedEffect>(world, run.id, "x", 50ms));
    return Next::done;
  };
  Bench bench(r, 200);
  Engine& engine = bench.experiment->engine();
  JobRequest request;
  request.runs = bench.all();
  request.width = 2;
  const JobId job = engine.start(request);
  engine.pause(job);
  std::this_thread::sleep_for(60ms);
  const int held = world.sent;
  std::this_thread::sleep_for(60ms);
  CHECK(world.sent.load() == held);
  engine.resume(job);
  engine.set_width(job, 20);
  while (world.most_in_flight < 15 && engine.busy()) std::this_thread::sleep_for(1ms);
  CHECK(world.most_in_flight >= 15);
  engine.cancel(job);
  engine.wait(job);
  const JobFacts facts = engine.facts(job);
  CHECK(facts.state == JobFacts::State::cancelled);
  CHECK(facts.complete + facts.cancelled == 200);
  CHECK(facts.cancelled > 0);
  CHECK(world.most_in_flight.load() <= 20);
  CHECK(bench.execute(20).complete == facts.cancelled);
}

TEST_CASE("drain records what is on its way and sends nothing new") {
  World world;
  auto r = runner();
  r->on_step = [&](Run& run, Step& step) {
    step.call("a", std::make_unique<TimedEffect>(world, run.id + "a", "x", 50ms));
    step.call("b", std::make_unique<TimedEffect>(world, run.id + "b", "x", 50ms));
    return Next::done;
  };
  Bench bench(r, 6);
  Engine& engine = bench.experiment->engine();
  JobRequest request;
  request.runs = bench.all();
  request.width = 3;
  engine.start(request);
  while (world.sent < 3) std::this_thread::sleep_for(1ms);
  engine.drain_all();
  CHECK(engine.wait(0, bench.clock.steady() + 2s));
  CHECK(world.sent.load() == 3);
  CHECK(bench.experiment->store().calls_in_doubt().empty());
  CHECK(bench.row(0).status == Status::incomplete);
  CHECK(bench.row(5).status == Status::ready);
  bench.execute(6);
  CHECK(world.sent.load() == 12);
  for (const auto& [request_text, times] : world.sent_by_request) CHECK(times == 1);
}

TEST_CASE("a drain that meets a retry, or a new call, of a step still records what else is on its way") {
  World world;
  std::atomic<bool> drained{false};
  bool retries = false;
  SUBCASE("a retry") { retries = true; }
  SUBCASE("a new call") {}
  auto r = runner();
  r->on_step = [&](Run& run, Step& step) {
    const CallHandle slow = step.begin("a", std::make_unique<TimedEffect>(world, run.id + "a", "x", 300ms));
    if (!retries) {
      while (!drained) std::this_thread::sleep_for(1ms);
    }
    const CallHandle quick = step.begin("b", std::make_unique<TimedEffect>(world, run.id + "b", "x", 50ms, 1));
    step.get(quick);
    step.get(slow);
    return Next::done;
  };
  Bench bench(r, 1);
  Engine& engine = bench.experiment->engine();
  JobRequest request;
  request.runs = bench.all();
  engine.start(request);
  while (world.sent < (retries ? 2 : 1)) std::this_thread::sleep_for(1ms);
  engine.drain_all();
  drained = true;
  CHECK(engine.wait(0, bench.clock.steady() + 5s));
  const auto calls = bench.experiment->store().calls(0);
  REQUIRE(calls.size() == (retries ? 2 : 1));
  CHECK(calls[0].state == CallState::answered);
  if (retries) {
    CHECK(calls[1].last_try.kind == "server");  // it failed for certain, and nothing was under way
    CHECK(calls[1].possible == 0);
  }
  CHECK(bench.experiment->store().calls_in_doubt().empty());
  bench.execute(1);
  CHECK(bench.row(0).status == Status::complete);
  CHECK(world.sent_by_request.at("1a") == 1);
}

TEST_CASE("what a closed program leaves goes on in the next: attempts, answers, random draws") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("assay_engine_" + std::to_string(getpid()) + ".assay")).string();
  World world;
  std::atomic<bool> hang{true};
  auto r = runner();
  std::vector<std::uint64_t> draws;
  r->on_step = [&](Run& run, Step& step) {
    draws.push_back(step.random());
    step.call("a", std::make_unique<TimedEffect>(world, run.id + "a", "x", 1ms));
    step.call("b", std::make_unique<TimedEffect>(world, run.id + "b", "x", hang ? 60000ms : 1ms));
    return Next::done;
  };
  {
    Bench bench(r, 1, path);
    JobRequest request;
    request.runs = {0};
    bench.experiment->engine().start(request);
    while (world.sent < 2) std::this_thread::sleep_for(1ms);
  }
  hang = false;
  {
    Bench bench(r, 0, path);
    CHECK(bench.row(0).status == Status::incomplete);
    CHECK(bench.execute(1).complete == 1);
    CHECK(bench.row(0).attempts == 1);
  }
  CHECK(world.sent.load() == 3);
  REQUIRE(draws.size() == 2);
  CHECK(draws[0] == draws[1]);
  for (const char* ending : {"", "-wal", "-shm", "-lock", "-reserve"}) std::filesystem::remove(path + ending);
}

TEST_CASE("a job of 0 in flight, and a batch of an unknown kind, are refused before anything starts") {
  Bench bench(runner(), 2);
  JobRequest request;
  request.runs = bench.all();
  request.width = 0;
  CHECK_THROWS_AS(bench.experiment->engine().start(request), Error);
  LoadedBatch foreign;
  foreign.info.name = "foreign";
  foreign.info.params = Json::object();
  NewRun run;
  run.id = "1";
  run.data = Json::object();
  foreign.runs.push_back(run);
  bench.experiment->add(std::move(foreign));
  request.width = 1;
  request.runs = bench.all();
  CHECK_THROWS_AS(bench.experiment->engine().start(request), Error);
  CHECK_FALSE(bench.experiment->engine().busy());
  CHECK(bench.row(0).status == Status::ready);
}

TEST_CASE("runners that block without telling don't keep the width from being used") {
  std::atomic<int> inside{0}, most{0};
  auto r = runner();
  r->on_step = [&](Run&, Step&) {
    const int now = ++inside;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(400ms);
    --inside;
    return Next::done;
  };
  Bench bench(r, 40);
  CHECK(bench.execute(40).complete == 40);
  CHECK(most >= 30);
}
