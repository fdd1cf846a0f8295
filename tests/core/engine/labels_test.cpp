// Tags and notes of runs, what takes them back, and the bound of a log.
#include <doctest/doctest.h>

#include <numeric>

#include "core/text/error.hpp"
#include "tests/core/engine/fakes.hpp"
#include "tests/core/text/temporary_folder.hpp"

using namespace assay;
using namespace assay::test;

namespace {

using Runs = std::vector<RunId>;

std::vector<std::string> tags(Bench& bench, RunId run) { return bench.experiment->table().read().tags(run); }

std::vector<std::string> notes(Bench& bench, RunId run) {
  std::vector<std::string> texts;
  const RunTable::Reader table = bench.experiment->table().read();
  for (const RunNote& note : table.notes(run)) texts.push_back(note.text);
  return texts;
}

Runs tagged(Bench& bench, const std::string& name) {
  const RunTable::Reader table = bench.experiment->table().read();
  const auto found = table.tagged().find(name);
  return found == table.tagged().end() ? Runs() : found->second;
}

}  // namespace

TEST_CASE("a tag is set, taken off and brought back by undo, and is there after a restart") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  {
    Bench bench(std::make_shared<FunctionRunner>(), 5, path);
    CHECK(bench.experiment->tag({1, 3, 1}, "hard") == 2);
    CHECK(bench.experiment->tag({1, 2}, "hard") == 1);
    CHECK(bench.experiment->tag({1}, "odd") == 1);
    CHECK(bench.experiment->tag({4}, "hard", false) == 0);
    CHECK(tags(bench, 1) == std::vector<std::string>{"hard", "odd"});
    CHECK(bench.experiment->tag({1, 2, 4}, "hard", false) == 2);
    CHECK(tagged(bench, "hard") == Runs{3});
  }
  Bench bench(std::make_shared<FunctionRunner>(), 0, path);
  CHECK(tagged(bench, "hard") == Runs{3});
  CHECK(tagged(bench, "odd") == Runs{1});
  CHECK(bench.experiment->undo() == "2 runs have the tag hard again");
  CHECK(tagged(bench, "hard") == Runs{1, 2, 3});
  CHECK(bench.experiment->undo() == "1 run has the tag odd no longer");
  CHECK(tagged(bench, "odd").empty());
  CHECK(bench.experiment->undo() == "1 run has the tag hard no longer");
  CHECK(bench.experiment->undo() == "2 runs have the tag hard no longer");
  CHECK(tagged(bench, "hard").empty());
  CHECK_THROWS_AS(bench.experiment->undo(), Error);
  CHECK(bench.experiment->store().check().empty());
  for (const char* name : {"", "-x"}) CHECK_THROWS_AS(bench.experiment->tag({0}, name), Error);
}

TEST_CASE("notes are kept in order, taken away by number, and brought back") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  {
    Bench bench(std::make_shared<FunctionRunner>(), 3, path);
    bench.experiment->add_note(2, "first");
    bench.experiment->add_note(2, "second\nline");
    CHECK(bench.experiment->remove_note(2, 1).text == "first");
    CHECK_THROWS_AS(bench.experiment->remove_note(2, 2), Error);
    CHECK_THROWS_AS(bench.experiment->remove_note(0, 1), Error);
    CHECK_THROWS_AS(bench.experiment->add_note(0, std::string(70'000, 'x')), Error);
  }
  Bench bench(std::make_shared<FunctionRunner>(), 0, path);
  CHECK(notes(bench, 2) == std::vector<std::string>{"second\nline"});
  CHECK(bench.experiment->undo() == "b:3 has 2 notes again");
  CHECK(notes(bench, 2) == std::vector<std::string>{"first", "second\nline"});
  bench.experiment->undo();
  CHECK(bench.experiment->undo() == "b:3 has no note again");
  CHECK(notes(bench, 2).empty());
}

TEST_CASE("labels come in with the runs of a save, beside those that are there") {
  Bench bench(std::make_shared<FunctionRunner>(), 2);
  bench.experiment->tag({0}, "hard");
  LoadedBatch more;
  more.info.name = "more";
  more.runs.resize(2);
  more.runs[0].id = "x";
  more.runs[1].id = "y";
  bench.experiment->add(std::move(more), {{}, {{"hard", "new"}, {{7, "seen"}}}});
  CHECK(tagged(bench, "hard") == Runs{0, 3});
  CHECK(tagged(bench, "new") == Runs{3});
  const SerializedRun saved = bench.experiment->serialized(3);
  CHECK(saved.labels.tags == std::vector<std::string>{"hard", "new"});
  REQUIRE(saved.labels.notes.size() == 1);
  CHECK(saved.labels.notes[0] == RunNote{7, "seen"});
}

TEST_CASE("a tag of every other run of many is one small record, whatever their number") {
  Bench bench(std::make_shared<FunctionRunner>(), 20'000);
  Runs all(20'000), odd;
  std::iota(all.begin(), all.end(), RunId{0});
  for (RunId run = 1; run < all.size(); run += 2) odd.push_back(run);
  const std::uint64_t before = bench.experiment->store().health().changes;
  CHECK(bench.experiment->tag(all, "all") == all.size());
  CHECK(bench.experiment->tag(odd, "odd") == odd.size());
  CHECK(bench.experiment->store().health().changes - before <= 4);
  CHECK(bench.experiment->store().note("tag/all") == "0-19999");
  CHECK(tagged(bench, "odd") == odd);
}

TEST_CASE("an attempt that logs in a loop keeps ten thousand entries, and says that it ends there") {
  auto runner = std::make_shared<FunctionRunner>();
  runner->on_step = [](Run&, Step& step) {
    step.log(std::string(100'000, 'x') + "the end");
    for (int i = 0; i < 12'000; ++i) step.log("entry " + std::to_string(i));
    return Next::done;
  };
  Bench bench(runner, 1);
  CHECK(bench.execute(1).complete == 1);
  const std::vector<StoredLog> logs = bench.experiment->store().logs(0);
  REQUIRE(logs.size() == 10'000);
  CHECK(logs.front().text.size() < (64U << 10) + 100);
  CHECK(logs.front().text.ends_with("(34,471 more bytes are not kept)\""));
  CHECK(logs[9'998].text == "\"entry 9997\"");
  CHECK(logs.back().level == LogLevel::warn);
  CHECK(logs.back().text.find("ends here: 10,000 entries") != std::string::npos);
}
