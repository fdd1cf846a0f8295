// For ThreadSanitizer above all: many workers, stops, widths and queries at the same time.
#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

TEST_CASE("64 in flight with stops, width changes, pauses and readers: every run ends, every answer is recorded") {
  World world;
  auto r = std::make_shared<FunctionRunner>();
  r->on_step = [&](Run& run, Step& step) {
    const CallHandle a = step.begin("a", std::make_unique<TimedEffect>(world, run.id + "a", "x", 1ms));
    const CallHandle b = step.begin("b", std::make_unique<TimedEffect>(world, run.id + "b", "x", 2ms, 1));
    step.get(a);
    step.get(b);
    run.log("done");
    return step.number() == 2 ? Next::done : Next::again;
  };
  Bench bench(r, 400);
  Engine& engine = bench.experiment->engine();
  std::atomic<bool> over{false};
  std::thread meddler([&] {
    RandomStream random(1);
    while (!over) {
      std::vector<RunId> some;
      for (int i = 0; i < 5; ++i) some.push_back(static_cast<RunId>(random.next() % 400));
      engine.stop(some);
      for (const JobFacts& facts : engine.jobs()) {
        if (facts.state == JobFacts::State::done) continue;
        engine.set_width(facts.id, 1 + random.next() % 64);
        engine.pause(facts.id);
        engine.resume(facts.id);
      }
      std::this_thread::sleep_for(2ms);
    }
  });
  std::thread reader([&] {
    while (!over) {
      std::uint64_t complete = 0;
      const RunTable::Reader table = bench.experiment->table().read();
      for (RunId run = 0; run < table.size(); ++run) complete += table.row(run).status == Status::complete ? 1 : 0;
      CHECK(complete <= 400);
    }
  });
  std::uint64_t complete = 0;
  for (int round = 0; round < 200 && complete < 400; ++round) {
    bench.execute(64);
    complete = 0;
    for (const RunId run : bench.all()) complete += bench.row(run).status == Status::complete ? 1 : 0;
    if (round == 3) over = true;
  }
  over = true;
  meddler.join();
  reader.join();
  CHECK(complete == 400);
  CHECK(world.in_flight.load() == 0);
  for (const RunId run : bench.all()) CHECK(bench.row(run).attempts == 1);
}

TEST_CASE("answers brought by another thread, judged by it or not, with retries and stops: each is recorded once") {
  Deliverer deliverer;
  auto r = std::make_shared<FunctionRunner>();
  r->on_step = [&](Run& run, Step& step) {
    const auto k = run.data.at("k").get<int>();
    std::vector<CallHandle> calls;
    for (int i = 0; i < 3; ++i) {
      const std::string key = std::to_string(i);
      calls.push_back(step.begin(
          key, std::make_unique<BroughtEffect>(deliverer, run.id + "/" + key, (k + i) % 4 != 0, (k + i) % 3)));
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (step.get(calls[i]).reply != run.id + "/" + std::to_string(i) + " answered")
        throw std::runtime_error("mixed up");
    }
    return step.number() == 2 ? Next::done : Next::again;
  };
  Bench bench(r, 300);
  Engine& engine = bench.experiment->engine();
  std::atomic<bool> over{false};
  std::thread meddler([&] {
    RandomStream random(2);
    while (!over) {
      engine.stop({static_cast<RunId>(random.next() % 300), static_cast<RunId>(random.next() % 300)});
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const auto complete = [&] {
    const std::vector<RunId> runs = bench.all();
    return std::count_if(runs.begin(), runs.end(),
                         [&](RunId run) { return bench.row(run).status == Status::complete; });
  };
  for (int round = 0; round < 100 && complete() < 300; ++round) {
    bench.execute(64);
    if (round == 2) over = true;
  }
  over = true;
  meddler.join();
  CHECK(complete() == 300);
  for (const RunId run : bench.all()) {
    CHECK(bench.row(run).attempts == 1);
    std::map<std::string, int> answered;
    for (const CallRecord& call : bench.experiment->store().calls(run, 1)) {
      CHECK(call.state != CallState::sent);
      if (call.state == CallState::answered) ++answered[std::to_string(call.step) + "/" + call.key];
    }
    CHECK(answered.size() == 6);
    for (const auto& [place, count] : answered) CHECK(count == 1);
  }
  CHECK(engine.totals().in_flight_calls == 0);
}
