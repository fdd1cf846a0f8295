// What runs show the others of their batch.

#include "core/store/sqlite.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

#define STORES SqliteFile, SqliteInMemory, PlainMemory

std::vector<std::string> published(Store& store, RunId first, std::uint32_t count) {
  std::vector<std::string> lines;
  store.each_publication(first, count, [&](StoredPublication&& one) {
    lines.push_back(std::to_string(one.run) + " " + one.name + " " + std::to_string(one.attempt) + "/" +
                    std::to_string(one.step) + " " + (one.value.size() > 20 ? "long" : one.value));
  });
  return lines;
}

TEST_CASE_TEMPLATE("publications are read in the order of runs, names and attempts, the last of an attempt alone",
                   Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "b", 4)});
  CHECK(published(*store, 0, 4).empty());
  store->write({BeginAttempt{1, 1, 5}, Publish{1, 1, 1, "y", "1"}, Publish{1, 1, 1, "x", "2"}});
  store->write({Publish{1, 1, 2, "x", "3"}, EndStep{1, 1, 2, "{}", 0}});
  store->write({Publish{0, 2, 1, "x", "\"" + std::string(5000, 'v') + "\""}, Publish{0, 1, 1, "x", "0"}});
  store->write({Publish{3, 1, 1, "x", "null"}});
  CHECK(published(*store, 0, 4) ==
        std::vector<std::string>{"0 x 1/1 0", "0 x 2/1 long", "1 x 1/2 3", "1 y 1/1 1", "3 x 1/1 null"});
  CHECK(published(*store, 1, 2) == std::vector<std::string>{"1 x 1/2 3", "1 y 1/1 1"});
  CHECK(store->check().empty());
}

TEST_CASE_TEMPLATE("what a run had published comes with it from a save, and with a fork's start", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  NewRun saved = fresh_run("saved");
  saved.status = Status::complete;
  saved.attempts = {{3, Status::complete, {}, 1.0}};
  saved.published = {{"x", Json{{"t", 1}}}};
  NewRun fork = fresh_run("fork");
  fork.start = NewRun::Start{1, nullptr, nullptr, {}};
  fork.steps = 1;
  fork.published = {{"x", 7}};
  store->write({batch(*store, "b", {saved, fork})});
  CHECK(published(*store, 0, 2) == std::vector<std::string>{"0 x 3/0 {\"t\":1}", "1 x 0/1 7"});
}

TEST_CASE("publications survive a restart; one that was changed on the disk is left out, and told of") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "b", 2)});
    store->write({Publish{0, 1, 1, "x", "1"}, Publish{1, 1, 1, "x", "2"}});
  }
  {
    const auto store = open_sqlite_store(options_for(path));
    CHECK(published(*store, 0, 2).size() == 2);
    CHECK(store->check().empty());
  }
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("UPDATE published SET value = '3' WHERE run = 2");
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK(published(*store, 0, 2) == std::vector<std::string>{"0 x 1/1 1"});
  const std::vector<std::string> findings = store->check();
  REQUIRE_FALSE(findings.empty());
  CHECK(findings.front().find("published 2/x") != std::string::npos);
}

}  // namespace
}  // namespace assay::test
