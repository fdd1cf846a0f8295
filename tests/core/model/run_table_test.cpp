#include "core/model/run_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <thread>

using namespace assay;

namespace {

BatchInfo batch(BatchId id, const std::string& name, RunId first, std::uint32_t count) {
  BatchInfo info;
  info.id = id;
  info.name = name;
  info.kind = "qa";
  info.first = first;
  info.count = count;
  return info;
}

NewRun run(const std::string& id, Status status = Status::ready, Score score = {}) {
  NewRun made;
  made.id = id;
  made.status = status;
  made.score = std::move(score);
  return made;
}

void add(RunTable& table, const std::string& name, const std::vector<NewRun>& runs) {
  BatchId id = 0;
  RunId first = 0;
  {
    const auto reader = table.read();
    id = static_cast<BatchId>(reader.batches().size());
    first = static_cast<RunId>(reader.size());
  }
  table.add_batch(batch(id, name, first, static_cast<std::uint32_t>(runs.size())), runs);
}

}  // namespace

TEST_CASE("a run is found by its address, whatever characters batch and id hold") {
  RunTable table;
  const std::string nul("n\0l", 3);
  add(table, "qa", {run("1"), run("2")});
  add(table, "a:b", {run("c"), run(""), run("x:y:z")});
  add(table, "a", {run("q q"), run("\xff\xfe"), run(nul)});
  const auto reader = table.read();
  const std::vector<std::string> names = {
      "qa:1", "qa:2", "a:b:c", "a:b:", "a:b:x:y:z", "a:q q", "a:\xff\xfe", "a:" + nul};
  for (RunId id = 0; id < names.size(); ++id) {
    CAPTURE(names[id]);
    CHECK(reader.find(names[id]) == id);
    CHECK(reader.name(id) == names[id]);
  }
  CHECK(reader.id(4) == "x:y:z");
  CHECK(reader.id(3) == "");
  for (const char* absent : {"", "qa", "qa:", "qa:3", "a:b:c:d", "A:b:c"}) CHECK_FALSE(reader.find(absent));
  CHECK(reader.find_batch("a:b") == 1u);
  CHECK_FALSE(reader.find_batch("b"));
  CHECK(reader.clean_names());
}

TEST_CASE("two runs may share an address: both are listed, the one that is not dropped comes first") {
  RunTable table;
  add(table, "a", {run("b:c")});
  add(table, "a:b", {run("c")});
  CHECK(table.read().find_all("a:b:c") == std::vector<RunId>{0, 1});
  CHECK(table.read().find("a:b:c") == 0u);
  table.set_batch_dropped(0, true);
  CHECK(table.read().find("a:b:c") == 1u);
  table.set_batch_dropped(1, true);
  CHECK(table.read().find("a:b:c") == 0u);
}

TEST_CASE("a batch of a dropped one's name is the one that is found") {
  RunTable table;
  add(table, "qa", {run("1")});
  table.set_batch_dropped(0, true);
  add(table, "qa", {run("1")});
  CHECK(table.read().find_batch("qa") == 1u);
  CHECK(table.read().find("qa:1") == 1u);
}

TEST_CASE("renaming moves every name of the batch and no other") {
  RunTable table;
  add(table, "one", {run("1"), run("2")});
  add(table, "two", {run("1"), run("2")});
  add(table, "three", {run("1")});
  const std::uint64_t before = table.version();
  table.rename_batch(1, "a much longer name: with a colon");
  CHECK(table.version() > before);
  {
    const auto reader = table.read();
    CHECK(reader.names() ==
          "one:1\none:2\na much longer name: with a colon:1\na much longer name: with a colon:2\nthree:1\n");
    CHECK(reader.find("a much longer name: with a colon:2") == 3u);
    CHECK_FALSE(reader.find("two:2"));
    CHECK(reader.find("three:1") == 4u);
    CHECK(reader.id(3) == "2");
  }
  table.rename_batch(1, "with\nnewline");
  CHECK_FALSE(table.read().clean_names());
  table.rename_batch(1, "");
  CHECK(table.read().clean_names());
  CHECK(table.read().find(":2") == 3u);
}

TEST_CASE("metrics and facets are columns: missing is NaN and empty, a new result replaces all metrics") {
  RunTable table;
  auto first = run("1", Status::complete, Score::correct().metric("f1", 0.5).metric("lost", std::nan("")));
  first.facets = {{"category", "math"}};
  auto third = run("3");
  third.facets = {{"category", "law"}, {"level", "5"}};
  add(table, "qa", {first, run("2"), third});
  {
    const auto reader = table.read();
    CHECK(reader.metric(0, "f1") == 0.5);
    CHECK(std::isnan(reader.metric(1, "f1")));
    CHECK(std::isnan(reader.metric(0, "none")));
    CHECK(reader.metric_names(0) == std::vector<std::string>{"f1"});
    CHECK(reader.facet(0, "category") == "math");
    CHECK(reader.facet(1, "category") == "");
    CHECK(reader.facet(2, "level") == "5");
    CHECK(reader.facet_names(0) == std::vector<std::string>{"category", "level"});
  }
  table.set_result(0, Score::incorrect().metric("bleu", 2), {"timeout", "too slow", "step 3"},
                   [](RunRow& row) { row.status = Status::fail; });
  const auto reader = table.read();
  CHECK(std::isnan(reader.metric(0, "f1")));
  CHECK(reader.metric(0, "bleu") == 2);
  CHECK(reader.row(0).status == Status::fail);
  CHECK(reader.row(0).verdict == Verdict::incorrect);
  CHECK(reader.error(reader.row(0).error).message == "too slow");
  CHECK(reader.row(1).error == 0);
}

TEST_CASE("equal errors are kept once") {
  RunTable table;
  std::vector<NewRun> runs;
  for (int i = 0; i < 1000; ++i) {
    runs.push_back(run(std::to_string(i), Status::fail));
    runs.back().error = {"http", i % 2 ? "500" : "502", "step 1"};
  }
  add(table, "qa", runs);
  CHECK(table.read().error_count() == 3);
  CHECK(table.read().error(table.read().row(7).error).message == "500");
}

TEST_CASE("the state byte follows status, verdict, flight and dropping") {
  RunTable table;
  add(table, "qa", {run("1", Status::complete, Score::incorrect()), run("2")});
  const auto state = [&](RunId id) { return table.read().states()[id]; };
  CHECK(state(0) == (2 | 2 << 2));
  CHECK(state(1) == 0);
  table.update(1, [](RunRow& row) {
    row.status = Status::incomplete;
    row.in_flight = true;
  });
  CHECK(state(1) == (1 | RunState::kInFlight));
  table.set_dropped({0}, true);
  CHECK_FALSE(table.read().visible(0));
  table.set_batch_dropped(0, true);
  table.set_batch_dropped(0, false);
  CHECK_FALSE(table.read().visible(0));  // still dropped by itself
  CHECK(table.read().visible(1));
  table.set_dropped({0}, false);
  CHECK(table.read().visible(0));
}

TEST_CASE("a run from a save keeps its attempts, usage and steps") {
  RunTable table;
  auto saved = run("1", Status::incomplete);
  saved.steps = 4;
  saved.attempts = {{1, Status::fail, {"x", "y", "z"}, 1.5}, {2, Status::incomplete, {}, 2.5}};
  saved.usage = {3, 100, 10, std::int64_t{1} << 40, 0, 5, 6};
  add(table, "qa", {saved});
  const auto reader = table.read();
  CHECK(reader.row(0).attempts == 2);
  CHECK(reader.row(0).seconds == 2.5f);
  CHECK(reader.row(0).steps == 4);
  CHECK(reader.row(0).tokens_in == 100);
  CHECK(reader.row(0).tokens_out == 0xFFFFFFFF);
}

TEST_CASE("declare and append give the same table as add_batch") {
  RunTable whole, rows;
  std::vector<NewRun> runs = {run("1", Status::complete, Score::correct().metric("f1", 1)), run("2"), run("3")};
  runs[1].facets = {{"category", "law"}};
  add(whole, "x", {});
  add(whole, "y", runs);
  add(whole, "z", runs);
  rows.declare_batch(batch(0, "x", 0, 0));
  rows.declare_batch(batch(1, "y", 0, 3));
  rows.declare_batch(batch(2, "z", 3, 3));
  for (int i = 0; i < 2; ++i) {
    for (const NewRun& each : runs) {
      RunRow row;
      row.status = each.status;
      rows.append({each.id, row, each.score, each.error, each.facets, {}});
    }
  }
  CHECK_THROWS_AS(rows.append({}), std::logic_error);
  const auto a = whole.read(), b = rows.read();
  CHECK(a.names() == b.names());
  CHECK(std::equal(a.states().begin(), a.states().end(), b.states().begin(), b.states().end()));
  CHECK(b.row(3).batch == 2);
  CHECK(b.metric(3, "f1") == 1);
  CHECK(b.facet(1, "category") == "law");
  CHECK(b.find("z:2") == 4u);
}

TEST_CASE("100,000 runs in many batches are all found and stay under 400 bytes each") {
  RunTable table;
  RunId first = 0;
  for (BatchId id = 0; id < 100; ++id) {
    std::vector<NewRun> runs;
    for (int i = 0; i < 1000; ++i) {
      runs.push_back(run("item-" + std::to_string(i), Status::complete, Score::correct().metric("f1", i)));
      runs.back().facets = {{"category", i % 2 ? "law" : "math"}};
    }
    table.add_batch(batch(id, "batch-" + std::to_string(id), first, 1000), runs);
    first += 1000;
  }
  CHECK(table.memory_bytes() < 400 * 100'000);
  const auto reader = table.read();
  for (RunId id = 0; id < 100'000; id += 7) REQUIRE(reader.find(reader.name(id)) == id);
}

TEST_CASE("readers see whole changes while a writer works") {
  RunTable table;
  add(table, "qa", {run("1"), run("2")});
  std::jthread writer([&](const std::stop_token& stop) {
    for (std::uint32_t i = 1; !stop.stop_requested(); ++i) {
      table.update(0, [i](RunRow& row) { row.steps = row.calls = i; });
      if (i % 64 == 0) table.rename_batch(0, i % 128 ? "qa" : "longer name");
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const auto reader = table.read();
    REQUIRE(reader.row(0).steps == reader.row(0).calls);
    REQUIRE(reader.find(reader.name(1)) == 1u);
  }
}
