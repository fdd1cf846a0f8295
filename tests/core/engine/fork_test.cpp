// Forks: runs that begin after steps that others have paid for.
#include "core/engine/fork.hpp"

#include <doctest/doctest.h>

#include <sqlite3.h>
#include <atomic>

#include "core/engine/estimate.hpp"
#include "core/engine/replay.hpp"
#include "core/text/error.hpp"
#include "tests/core/engine/fakes.hpp"
#include "tests/core/text/temporary_folder.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;

namespace {

/// Three steps of a call each, which say what they were told and what they drew; `fails_at`: the step that fails.
struct Story {
  World world;
  std::string word = "ask";
  std::uint32_t fails_at = 0;
  std::atomic<std::uint32_t> setups{0};
  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();

  Story() {
    runner->on_setup = [this](Run& run, Step&) {
      ++setups;
      run.say("system", dump_json(run.data.at("k")));
    };
    runner->on_step = [this](Run& run, Step& step) {
      const std::string text = word + " " + run.id + "/" + std::to_string(step.number());
      if (step.number() == fails_at) throw RunFailure("told", "to fail");
      const CallOutcome reply =
          step.call("", std::make_unique<TimedEffect>(world, text, "to " + text, milliseconds(0)));
      run.say("assistant", reply.reply + " " + std::to_string(step.random() % 1000));
      run.answer = Json::object({{"last", reply.reply}});
      run.state = Json::object({{"told", step.number()}});
      return step.number() < 3 ? Next::again : Next::done;
    };
  }
};

std::vector<std::string> said(Bench& bench, RunId run) {
  std::vector<std::string> texts;
  for (const ContextMessage& message : bench.experiment->serialized(run).run.context)
    texts.push_back(message.content.get<std::string>());
  return texts;
}

/// The setup's message and those of the first steps.
std::vector<std::string> shared(Bench& bench, RunId run, std::size_t steps) {
  std::vector<std::string> texts = said(bench, run);
  texts.resize(std::min(texts.size(), 1 + steps));
  return texts;
}

std::vector<RunId> first(std::size_t n) {
  std::vector<RunId> runs(n);
  for (std::size_t i = 0; i < n; ++i) runs[i] = static_cast<RunId>(i);
  return runs;
}

std::string refusal(Bench& bench, const ForkRequest& request) {
  try {
    fork_runs(*bench.experiment, request);
    return "made";
  } catch (const Error& error) {
    return error.what() + (error.hint().empty() ? std::string() : " [" + error.hint() + "]");
  }
}

}  // namespace

TEST_CASE("forks share the first steps, call only for what follows, and leave their parents alone") {
  Story story;
  Bench bench(story.runner, 4);
  REQUIRE(bench.execute(2).complete == 4);
  REQUIRE(story.world.sent == 12);
  for (const std::uint32_t step : {1U, 2U, 3U}) {
    CAPTURE(step);
    story.word = "again";
    const Forks forks = fork_runs(*bench.experiment, {first(2), step, {}, step == 2 ? "Look!" : "", ""});
    REQUIRE(forks.batches.size() == 1);
    CHECK(forks.batches[0].name == (step == 1 ? "b-fork" : "b-fork (" + std::to_string(step) + ")"));
    CHECK(forks.runs == 2);
    const RunId child = forks.batches[0].first;
    CHECK(bench.row(child).status == Status::ready);
    CHECK(bench.row(child).steps == step);
    CHECK(bench.row(child).cost == 0);
    const SerializedRun ready = bench.experiment->serialized(child);
    CHECK(ready.run.id == "1");
    CHECK(dump_json(ready.run.data) == R"({"k":1,"forked_from":{"run":"b:1","step":)" + std::to_string(step) +
                                           (step == 2 ? R"(,"message":"Look!"}})" : "}}"));
    const int before = story.world.sent;
    if (step == 3) story.runner->on_step = [](Run&, Step&) { return Next::done; };
    CHECK(bench.execute(2).complete == 2);
    CHECK(story.world.sent - before == (step == 3 ? 0 : 2 * static_cast<int>(3 - step)));
    const std::vector<std::string> parent = said(bench, 0), now = said(bench, child);
    REQUIRE(now.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) CHECK((now[i] == parent[i]) == (i <= step));
    if (step < 3) CHECK(now[step + 1].starts_with("to again 1/" + std::to_string(step + 1)));
    CHECK(bench.row(child).steps == (step == 3 ? 4 : 3));
    CHECK(bench.row(child).calls == 3 - step);
  }
  CHECK(story.setups == 4);
  CHECK(bench.experiment->store().check().empty());
}

TEST_CASE("every attempt of a fork begins where it was forked; a replay too") {
  Story story;
  Bench bench(story.runner, 2);
  REQUIRE(bench.execute(2).complete == 2);
  story.word = "again";
  const RunId child = fork_runs(*bench.experiment, {first(2), 1, {}, "", "second"}).batches[0].first;
  CHECK(estimate(*bench.experiment, {child, child + 1}, 2).problems.empty());
  REQUIRE(bench.execute(2).complete == 2);
  CHECK(story.world.sent == 6 + 4);
  JobRequest request;
  request.type = JobType::rerun;
  request.runs = {child};
  bench.experiment->engine().wait(bench.experiment->engine().start(request));
  CHECK(bench.row(child).attempts == 2);
  CHECK(bench.row(child).steps == 3);
  CHECK(story.world.sent == 6 + 4 + 2);
  CHECK(story.setups == 2);
  Replayer replays(bench.experiment->store(), bench.experiment->table(), bench.clock,
                   [&](const BatchInfo&) { return bench.runner; });
  for (const std::uint32_t attempt : {1U, 2U}) {
    const ReplayResult result = replays.replay(child, attempt);
    CHECK(result.same());
    CHECK(result.calls == 2);
    CHECK(result.steps == 3);
  }
  CHECK(replays.replay(child, 1, 2).same());
  CHECK_THROWS_WITH_AS(replays.replay(child, 1, 1), doctest::Contains("begins after step 1: it is a fork"), Error);
}

TEST_CASE("a run that failed can be forked as far as it came; forks of forks go on from theirs") {
  Story story;
  story.fails_at = 3;
  Bench bench(story.runner, 3);
  REQUIRE(bench.execute(2).fail == 3);
  CHECK(refusal(bench, {first(3), 3, {}, "", ""}) ==
        "b:1 has completed 2 steps: it can't be forked after step 3 (and 2 more of b neither) "
        "[steps>=3 in the query takes those that have come so far]");
  CHECK(bench.experiment->table().read().size() == 3);
  const RunId child = fork_runs(*bench.experiment, {first(1), 2, {}, "", "x"}).batches[0].first;
  CHECK(refusal(bench, {{child}, 1, {}, "", ""}) ==
        "x:1 is a fork itself: it has its first 2 steps from another run [fork b:1, or at step 2 or later]");
  CHECK(refusal(bench, {{child}, 3, {}, "", ""}).starts_with("x:1 has completed 2 steps"));
  const RunId grandchild = fork_runs(*bench.experiment, {{child}, 2, {}, "", "y"}).batches[0].first;
  story.fails_at = 0;
  const int before = story.world.sent;
  REQUIRE(bench.execute(2).complete == 5);
  CHECK(story.world.sent - before == 3 + 2);
  CHECK(shared(bench, grandchild, 2) == shared(bench, child, 2));
  CHECK(shared(bench, child, 2) == shared(bench, 0, 2));
  CHECK(refusal(bench, {{child}, 4, {}, "", ""}).starts_with("x:1 has completed 3 steps"));
}

TEST_CASE("step 0 shares nothing: the same items anew; a kind that takes no changes says so") {
  Story story;
  Bench bench(story.runner, 2);
  const RunId child = fork_runs(*bench.experiment, {first(2), 0, {}, "", ""}).batches[0].first;
  CHECK(bench.row(child).steps == 0);
  REQUIRE(bench.execute(2).complete == 4);
  CHECK(story.world.sent == 12);
  CHECK(refusal(bench, {first(2), 0, {{"rounds", "3"}}, "", ""}) ==
        "rounds: runs of kind fake are forked without changes");
}

TEST_CASE("a fork is there after the file was closed, in a save, and when drop is taken back") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  std::string saved;
  {
    Story story;
    Bench bench(story.runner, 2, path);
    REQUIRE(bench.execute(2).complete == 2);
    fork_runs(*bench.experiment, {first(2), 2, {}, "", "child"});
    append_json(saved, bench.experiment->serialized(2));
    bench.experiment->drop({2, 3});
    bench.experiment->undo();
  }
  Story story;
  Bench bench(story.runner, 0, path);
  CHECK(bench.row(2).steps == 2);
  const SerializedRun read = from_json_value(parse_json(saved, "save"), "save");
  std::string again;
  append_json(again, read);
  CHECK(again == saved);
  REQUIRE(read.run.start);
  CHECK(read.run.start->number == 2);
  CHECK(dump_json(read.run.start->state) == R"({"told":2})");
  LoadedBatch loaded;
  loaded.info.name = "loaded";
  loaded.info.kind = "fake";
  loaded.info.params = Json::object();
  loaded.runs = {read.run};
  const RunId copy = bench.experiment->add(std::move(loaded)).first;
  REQUIRE(bench.execute(2).complete == 3);
  CHECK(story.setups == 0);
  CHECK(story.world.sent == 3);  // step 3 of two forks and of the one that came with the save
  CHECK(shared(bench, copy, 2) == shared(bench, 0, 2));
  CHECK(said(bench, copy).size() == 4);
  CHECK(bench.experiment->store().check().empty());
}

TEST_CASE("what came with a save can be forked at its end, and no further") {
  Story story;
  Bench bench(story.runner, 0);
  LoadedBatch loaded;
  loaded.info.name = "old";
  loaded.info.kind = "fake";
  loaded.info.params = Json::object();
  NewRun run;
  run.id = "1";
  run.data = Json::object({{"k", 1}});
  run.status = Status::complete;
  run.steps = 2;
  run.answer = Json::object({{"last", "x"}});
  run.context = {{"user", "hello"}, {"assistant", "x"}};
  loaded.runs = {run};
  bench.experiment->add(std::move(loaded));
  CHECK(
      refusal(bench, {{0}, 1, {}, "", ""}).starts_with("old:1 has completed 2 steps: it can't be forked after step 1"));
  const RunId child = fork_runs(*bench.experiment, {{0}, 2, {}, "", ""}).batches[0].first;
  REQUIRE(bench.execute(1).complete == 1);
  CHECK(story.world.sent == 1);
  CHECK(said(bench, child).size() == 3);
  CHECK(shared(bench, child, 1) == shared(bench, 0, 1));
}

TEST_CASE("what is shared and can't be read back is not asked and paid for again: the run fails and says why") {
  for (const char* harm :
       {"UPDATE step SET checkpoint = '{}' WHERE attempt = 0", "DELETE FROM step WHERE attempt = 0"}) {
    CAPTURE(harm);
    TemporaryFolder folder;
    const std::string path = folder.path("x.assay");
    {
      Story story;
      Bench bench(story.runner, 1, path);
      REQUIRE(bench.execute(1).complete == 1);
      fork_runs(*bench.experiment, {first(1), 2, {}, "", "child"});
    }
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, harm, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    Story story;
    Bench bench(story.runner, 0, path);
    CHECK(!bench.experiment->store().check().empty());
    CHECK(bench.execute(1).fail == 1);
    CHECK(story.world.sent == 0);
    CHECK(bench.error(1).kind == "damaged");
    CHECK(bench.error(1).message.find("shares with another run") != std::string::npos);
    CHECK(bench.experiment->serialized(1).run.id == "1");
  }
}
