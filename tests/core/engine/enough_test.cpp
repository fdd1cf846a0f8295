#include <doctest/doctest.h>

#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

TEST_CASE("no new run begins when those that ended are enough; those in flight go on, the job is done") {
  World world;
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [&](Run& run, Step& step) {
    step.call("", std::make_unique<TimedEffect>(world, run.id, "x", 5ms));
    return Next::done;
  };
  Bench bench(runner, 400);
  JobRequest request;
  request.runs = bench.all();
  request.width = 4;
  std::atomic<int> ended{0};
  request.enough = [&] {
    // The table knows the run whose end is told.
    const RunTable::Reader table = bench.experiment->table().read();
    int complete = 0;
    for (RunId run = 0; run < 400; ++run) complete += table.row(run).status == Status::complete ? 1 : 0;
    CHECK(complete >= ++ended);
    return ended >= 20;
  };
  const JobId job = bench.experiment->engine().start(request);
  bench.experiment->engine().wait(job);
  const JobFacts facts = bench.experiment->engine().facts(job);
  CHECK(facts.state == JobFacts::State::done);
  CHECK(facts.enough);
  CHECK(facts.complete >= 20);
  CHECK(facts.complete < 100);
  CHECK(facts.incomplete == 0);
  CHECK(facts.complete + facts.cancelled == 400);
  CHECK_FALSE(bench.experiment->engine().busy());
  CHECK(bench.execute(20).complete == facts.cancelled);  // without asking: the rest
}
