// Runs that show each other values and wait for them (peer_prediction.md 3): nothing blocks, nothing is lost.

#include <doctest/doctest.h>

#include <set>

#include "core/engine/estimate.hpp"
#include "core/engine/fork.hpp"
#include "core/engine/replay.hpp"
#include "core/text/error.hpp"
#include "tests/core/engine/fakes.hpp"
#include "tests/core/text/temporary_folder.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

/// Publishes its id in step 1; in step 2 waits for all the others, and answers with what is there.
struct Pairing {
  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();
  std::atomic<int> looked{0}, waited{0};
  std::function<void(Run&, Step&)> before_publishing;
  std::atomic<bool> name_nothing{false};

  Pairing() {
    runner->on_step = [this](Run& run, Step& step) {
      if (step.number() == 1) {
        if (before_publishing) before_publishing(run, step);
        step.publish("x", run.id + "/" + std::to_string(step.attempt()));
        return Next::again;
      }
      return look(run, step);
    };
  }
  Next look(Run& run, Step& step) {
    ++looked;
    const auto peers = step.others("x");
    run.answer = "a waiting step keeps nothing";
    bool lacking = false;
    for (std::size_t i = 0; i < peers->size(); ++i) {
      if (!peers->may_come(i)) continue;
      lacking = true;
      if (!name_nothing) step.needs("x", i);
    }
    if (lacking) {
      ++waited;
      return Next::wait;
    }
    Json seen = Json::array();
    for (std::size_t i = 0; i < peers->size(); ++i) {
      if (const auto value = peers->value(i)) seen.push_back(*value);
    }
    run.answer = seen;
    return Next::done;
  }
};

Json answer_of(Bench& bench, RunId run) { return bench.experiment->serialized(run).run.answer; }

/// Waits until `done`, ten seconds at most.
template <typename Done>
bool eventually(Done done) {
  for (int i = 0; i < 2000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

JobId begin(Bench& bench, const std::vector<RunId>& runs, std::size_t width, JobType type = JobType::execute) {
  JobRequest request;
  request.type = type;
  request.runs = runs;
  request.width = width;
  return bench.experiment->engine().start(request);
}

}  // namespace

TEST_CASE("runs that wait for all others of their batch end at any width, each seeing all, called twice at most") {
  for (const std::size_t width : {1U, 3U, 40U}) {
    CAPTURE(width);
    Pairing pairing;
    Bench bench(pairing.runner, 20);
    const JobFacts facts = bench.execute(width);
    CHECK(facts.complete == 20);
    CHECK(facts.waiting_peers == 0);
    CHECK(pairing.looked.load() <= 40);
    for (const RunId run : bench.all()) {
      CHECK(answer_of(bench, run).size() == 20);
      CHECK(bench.row(run).attempts == 1);
      CHECK_FALSE(bench.row(run).waits);
    }
  }
}

TEST_CASE("a run that fails before it publishes is waited for no longer") {
  Pairing pairing;
  pairing.before_publishing = [](Run& run, Step&) {
    if (run.id == "3") throw RunFailure("test", "on purpose");
  };
  Bench bench(pairing.runner, 6);
  const JobFacts facts = bench.execute(1);
  CHECK(facts.complete == 5);
  CHECK(facts.fail == 1);
  CHECK(answer_of(bench, 5) == Json::array({"1/1", "2/1", "4/1", "5/1", "6/1"}));

  pairing.before_publishing = {};  // a run that is executed later sees what is there by then
  CHECK(bench.execute(1).complete == 1);
  CHECK(answer_of(bench, 2).size() == 6);
}

TEST_CASE("of a selection, runs wait for each other, and not for the rest") {
  Pairing pairing;
  Bench bench(pairing.runner, 10);
  const JobId job = begin(bench, {1, 4, 7}, 1);
  bench.experiment->engine().wait(job);
  CHECK(bench.experiment->engine().facts(job).complete == 3);
  CHECK(answer_of(bench, 1) == Json::array({"2/1", "5/1", "8/1"}));
  CHECK(bench.row(0).status == Status::ready);
}

TEST_CASE("what the last step of a run publishes is there for the others, and evaluate publishes nothing") {
  const auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [](Run& run, Step& step) {
    if (run.id == "1") {
      step.publish("x", "first");
      step.publish("x", "last");
      return Next::done;
    }
    const auto peers = step.others("x");
    CHECK(peers->id(0) == "1");
    CHECK(peers->self() == 1);
    if (peers->may_come(0)) {
      step.needs("x", 0);
      return Next::wait;
    }
    run.answer = *peers->value(0);
    return Next::done;
  };
  runner->on_evaluate = [](Run&, Step& step) {
    CHECK_THROWS_AS(step.publish("x", 1), std::logic_error);
    CHECK_THROWS_AS(step.others("x"), std::logic_error);
    return Score::correct();
  };
  Bench bench(runner, 2);
  begin(bench, {1}, 1);
  begin(bench, {0}, 1);
  bench.experiment->engine().wait(0);
  CHECK(answer_of(bench, 1) == "last");
}

TEST_CASE("a waiting run holds neither slot nor thread, and is told of") {
  Pairing pairing;
  std::atomic<bool> open{false};
  pairing.before_publishing = [&](Run& run, Step&) {
    if (run.id == "3") eventually([&] { return open.load(); });
  };
  Bench bench(pairing.runner, 3);
  Engine& engine = bench.experiment->engine();
  const JobId job = begin(bench, bench.all(), 1);
  REQUIRE(eventually([&] { return engine.facts(job).waiting_peers == 2; }));
  CHECK(engine.facts(job).in_flight == 1);
  CHECK(engine.totals().waiting_peers == 2);
  CHECK(bench.row(0).status == Status::incomplete);
  CHECK(bench.row(0).waits);
  CHECK_FALSE(bench.row(0).in_flight);
  CHECK(bench.row(0).steps == 1);
  CHECK(engine.why(0).what == "peers: b:3 has yet to publish \"x\"");
  CHECK_THROWS_AS(bench.experiment->drop({0}), Error);
  open = true;
  engine.wait(job);
  CHECK(engine.facts(job).complete == 3);
}

TEST_CASE("pause, stop, cancel and shutdown of runs that wait: they stay INCOMPLETE and go on later") {
  for (const std::string how : {"pause", "stop", "cancel", "stop_all", "drain_all"}) {
    CAPTURE(how);
    Pairing pairing;
    std::atomic<bool> open{false};
    pairing.before_publishing = [&](Run& run, Step&) {
      if (run.id == "3") eventually([&] { return open.load(); });
    };
    Bench bench(pairing.runner, 4);
    Engine& engine = bench.experiment->engine();
    const JobId job = begin(bench, bench.all(), 1);
    REQUIRE(eventually([&] { return engine.facts(job).waiting_peers == 2; }));
    if (how == "pause") engine.pause(job);
    if (how == "stop") CHECK(engine.stop({0, 1}) == 2);
    if (how == "cancel") engine.cancel(job);
    if (how == "stop_all") engine.stop_all();
    if (how == "drain_all") engine.drain_all();
    open = true;
    if (how == "pause") {
      REQUIRE(eventually([&] { return engine.facts(job).in_flight == 0; }));
      std::this_thread::sleep_for(20ms);
      CHECK(engine.facts(job).complete == 0);
      engine.resume(job);
    }
    engine.wait(job);
    const JobFacts facts = engine.facts(job);
    CHECK(facts.waiting_peers == 0);
    CHECK(facts.in_flight == 0);
    if (how == "pause") CHECK(facts.complete == 4);
    if (how == "stop") {
      CHECK(facts.incomplete == 2);
      CHECK(facts.complete == 2);
      CHECK(answer_of(bench, 3).size() == 4);  // the stopped ones had published
    }
    // A run in flight of a cancelled job that lacks the fourth, which has not begun, doesn't end without it.
    if (how == "cancel" || how == "stop_all" || how == "drain_all") CHECK(facts.complete == 0);
    for (const RunId run : bench.all()) CHECK_FALSE(bench.row(run).waits);

    bench.execute(2);
    for (const RunId run : bench.all()) {
      CAPTURE(run);
      CHECK(bench.row(run).status == Status::complete);
      CHECK(bench.row(run).attempts == 1);
      CHECK(answer_of(bench, run).size() == 4);
    }
  }
}

TEST_CASE("two jobs, each with a part of the batch, wait for each other's runs") {
  Pairing pairing;
  std::atomic<bool> both{false};
  pairing.before_publishing = [&](Run&, Step&) { eventually([&] { return both.load(); }); };
  Bench bench(pairing.runner, 10);
  begin(bench, {0, 1, 2, 3, 4}, 1);
  begin(bench, {5, 6, 7, 8, 9}, 1);
  both = true;
  bench.experiment->engine().wait(0);
  for (const RunId run : bench.all()) CHECK(answer_of(bench, run).size() == 10);
}

TEST_CASE("where all wait for each other they are called a last time; who waits even then fails") {
  for (const bool stubborn : {false, true}) {
    CAPTURE(stubborn);
    const auto runner = std::make_shared<FunctionRunner>();
    std::atomic<int> called{0};
    runner->on_step = [&](Run& run, Step& step) {
      ++called;
      const auto peers = step.others("x");
      bool may = false;
      for (std::size_t i = 0; i < peers->size(); ++i) {
        if (!peers->may_come(i)) continue;
        may = true;
        step.needs("x", i);
      }
      if (may || stubborn) return Next::wait;
      step.publish("x", run.id);
      return Next::done;
    };
    Bench bench(runner, 5);
    const JobFacts facts = bench.execute(2);
    CHECK(called.load() == 10);
    CHECK(facts.complete == (stubborn ? 0 : 5));
    CHECK(facts.fail == (stubborn ? 5 : 0));
    if (stubborn) CHECK(bench.error(0).kind == "waiting_for_nobody");
    if (stubborn) CHECK(bench.error(0).place == "step 1");
  }
}

TEST_CASE("a step that waits for what is there already fails instead of spinning") {
  const auto runner = std::make_shared<FunctionRunner>();
  std::atomic<int> called{0};
  runner->on_step = [&](Run&, Step& step) {
    ++called;
    step.others("x");
    step.needs("x", 0);
    return Next::wait;
  };
  Bench bench(runner, 1);
  CHECK(bench.execute(1).fail == 1);
  CHECK(called.load() == 2);
}

TEST_CASE("with nothing named a step is called again whenever another run publishes or ends") {
  Pairing pairing;
  pairing.name_nothing = true;
  Bench bench(pairing.runner, 8);
  CHECK(bench.execute(3).complete == 8);
  for (const RunId run : bench.all()) CHECK(answer_of(bench, run).size() == 8);
}

TEST_CASE("calls of a step that waits are made once, and limits of time don't run while it waits") {
  World world;
  Pairing pairing;
  const auto publish = pairing.runner->on_step;
  pairing.runner->on_step = [&](Run& run, Step& step) {
    if (step.number() == 2)
      step.call("first", std::make_unique<TimedEffect>(world, "second step of " + run.id, "r", 1ms));
    return publish(run, step);
  };
  pairing.before_publishing = [&](Run& run, Step& step) {
    step.call("a", std::make_unique<TimedEffect>(world, "first step of " + run.id, "r", 120ms));
  };
  Bench bench(pairing.runner, 6);
  bench.settings.set("timeout.run", "600ms", "test");
  CHECK(bench.execute(1).complete == 6);  // the first waits some 600 ms for the others
  CHECK(world.sent.load() == 12);
  for (const auto& [request, times] : world.sent_by_request) CHECK(times == 1);
}

TEST_CASE("published values survive a restart, and a rerun replaces its own when it publishes") {
  const TemporaryFolder folder;
  const std::string path = folder.path("e.assay");
  {
    Pairing pairing;
    Bench bench(pairing.runner, 4, path);
    bench.experiment->engine().wait(begin(bench, {0, 1}, 1));
    CHECK(answer_of(bench, 1) == Json::array({"1/1", "2/1"}));
  }
  Pairing pairing;
  Bench bench(pairing.runner, 0, path);
  CHECK(bench.execute(1).complete == 2);
  CHECK(answer_of(bench, 3) == Json::array({"1/1", "2/1", "3/1", "4/1"}));

  bench.experiment->engine().wait(begin(bench, {0}, 1, JobType::rerun));
  CHECK(answer_of(bench, 0) == Json::array({"1/2", "2/1", "3/1", "4/1"}));
  CHECK(bench.experiment->store().check().empty());

  pairing.before_publishing = [](Run&, Step&) { throw RunFailure("test", "on purpose"); };
  bench.experiment->engine().wait(begin(bench, {1}, 1, JobType::rerun));
  pairing.before_publishing = {};
  bench.experiment->engine().wait(begin(bench, {3}, 1, JobType::rerun));
  CHECK(answer_of(bench, 3) == Json::array({"1/2", "2/1", "3/1", "4/2"}));  // the old one stands
}

TEST_CASE("what a run published is saved, loaded and forked with it") {
  Pairing pairing;
  Bench bench(pairing.runner, 3);
  bench.execute(3);
  LoadedBatch loaded;
  loaded.info.name = "again";
  loaded.info.kind = "fake";
  loaded.info.params = Json::object();
  for (const RunId run : bench.all()) {
    const SerializedRun saved = from_json_value(to_json_value(bench.experiment->serialized(run)), "save");
    REQUIRE(saved.run.published.size() == 1);
    loaded.runs.push_back(saved.run);
  }
  const BatchInfo again = bench.experiment->add(std::move(loaded));
  bench.experiment->engine().wait(begin(bench, {again.first + 1}, 1, JobType::rerun));
  CHECK(answer_of(bench, again.first + 1) == Json::array({"1/1", "2/2", "3/1"}));

  ForkRequest request;
  request.runs = {0, 1, 2};
  request.step = 1;
  const BatchInfo forks = fork_runs(*bench.experiment, request).batches.at(0);
  bench.experiment->engine().wait(begin(bench, {forks.first}, 1));
  CHECK(answer_of(bench, forks.first) == Json::array({"1/1", "2/1", "3/1"}));
}

TEST_CASE("a replay and an estimate see what is published and wait for nobody") {
  Pairing pairing;
  Bench bench(pairing.runner, 4);
  CHECK(estimate(*bench.experiment, bench.all(), 2).problems.empty());
  bench.execute(2);
  Replayer replayer(bench.experiment->store(), bench.experiment->table(), bench.clock,
                    [&](const BatchInfo&) { return pairing.runner; });
  for (const RunId run : bench.all()) {
    const ReplayResult result = replayer.replay(run);
    CHECK(result.same());
    CHECK(result.status == Status::complete);
  }
  bench.runner->on_step = [](Run&, Step&) { return Next::wait; };
  CHECK(replayer.replay(0).status == Status::fail);
  CHECK(estimate(*bench.experiment, bench.all(), 2).runs == 0);
}

TEST_CASE("20,000 runs that publish and then wait for all others are called twice at most") {
  Pairing pairing;
  constexpr std::size_t n = 20'000;
  std::atomic<std::size_t> seen_all{0};
  pairing.runner->on_step = [&](Run& run, Step& step) {
    if (step.number() == 1) {
      step.publish("x", run.id);
      return Next::again;
    }
    ++pairing.looked;
    const auto peers = step.others("x");
    // As `all_other` would, but for the time of it: those after it are what it lacks.
    bool lacking = false;
    for (std::size_t i = peers->self() + 1; i < peers->size(); i += 1 + i / 64) {
      if (!peers->may_come(i)) continue;
      step.needs("x", i);
      lacking = true;
    }
    if (peers->may_come(n - 1)) {
      step.needs("x", n - 1);
      lacking = true;
    }
    if (lacking) return Next::wait;
    seen_all += peers->value(n - 1) != nullptr && peers->value(0) != nullptr;
    return Next::done;
  };
  Bench bench(pairing.runner, n);
  const auto began = std::chrono::steady_clock::now();
  const JobFacts facts = bench.execute(8);
  MESSAGE("20,000 runs in ", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), " s, ",
          pairing.looked.load(), " calls of their second step");
  CHECK(facts.complete == n);
  CHECK(seen_all.load() == n);
  CHECK(pairing.looked.load() <= 2 * static_cast<int>(n));
}

TEST_CASE(
    "a kind is told once when all of its batch have published, and when all have ended; at the next opening too") {
  const TemporaryFolder folder;
  const std::string path = folder.path("e.assay");
  std::mutex mutex;
  std::vector<std::pair<Milestone, std::uint32_t>> told;  // with how many were complete
  const auto note = [&](const BatchView& view, Milestone milestone) {
    std::uint32_t complete = 0;
    view.each(true, [&](const RunView& run) { complete += run.status == Status::complete; });
    const std::lock_guard lock(mutex);
    told.emplace_back(milestone, complete);
    return std::vector<std::string>{"told"};
  };
  const auto count = [&](Milestone milestone) {
    const std::lock_guard lock(mutex);
    return std::count_if(told.begin(), told.end(), [&](const auto& one) { return one.first == milestone; });
  };
  {
    Pairing pairing;
    pairing.runner->on_reached = note;
    Bench bench(pairing.runner, 5, path);
    bench.experiment->engine().wait(begin(bench, {0, 1, 2}, 2));
    bench.experiment->finish_milestones();
    CHECK(told.empty());
    bench.execute(1);
    bench.experiment->finish_milestones();
    CHECK(count(Milestone::published) == 1);
    CHECK(count(Milestone::ended) == 1);
    CHECK(told.back().second == 5);
    CHECK(bench.experiment->store().logs(0).size() == 2);
  }
  {
    Pairing pairing;
    pairing.runner->on_reached = note;
    Bench bench(pairing.runner, 0, path);
    bench.experiment->finish_milestones();
    CHECK(told.size() == 2);  // it knows
    bench.experiment->engine().wait(begin(bench, {4}, 1, JobType::rerun));
    bench.experiment->finish_milestones();
    CHECK(told.size() == 4);                                           // a run has begun since
    bench.experiment->store().write({PutNote{"milestones/0", "{}"}});  // as if it had died before it was told
  }
  Pairing pairing;
  pairing.runner->on_reached = note;
  Bench bench(pairing.runner, 0, path);
  bench.experiment->finish_milestones();
  CHECK(told.size() == 6);
}
