// The index of answers that may serve the same request again.

#include <chrono>

#include "core/store/sqlite.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

#define STORES SqliteFile, SqliteInMemory, PlainMemory

CallRecord call_of(Store& store, RunId run, const std::string& request, const std::string& key = "") {
  CallRecord call;
  call.id = store.reserve_call();
  call.run = run;
  call.attempt = 1;
  call.step = 1;
  call.number = static_cast<std::uint32_t>(call.id);
  call.key = key;
  call.request_hash = xxh3_128(request);
  call.model = "m";
  call.lane = "l";
  return call;
}

EndCall end_of(const CallRecord& call, const std::string& reply, bool keep) {
  EndCall end;
  end.call = call.id;
  end.state = CallState::answered;
  end.reply = reply;
  end.cost = 500;
  end.priced = true;
  end.keep_answer = keep;
  return end;
}

CallRecord answer(Store& store, RunId run, const std::string& request, const std::string& reply, bool keep = true,
                  const std::string& key = "") {
  CallRecord call = call_of(store, run, request, key);
  store.write({SendCall{call, request}, end_of(call, reply, keep)});
  return call;
}

TEST_CASE_TEMPLATE("a kept answer is found by request, item and place; shared, by the request alone", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "b", {fresh_run("q1"), fresh_run("q2")})});
  store->write({batch(*store, "again", {fresh_run("q1")})});
  const Hash128 request = xxh3_128("R");
  CHECK_FALSE(store->find_answer(request, 0, "", false));
  answer(*store, 0, "R", "unkept", false);
  CHECK_FALSE(store->find_answer(request, 0, "", true));
  CHECK(store->kept_figures().entries == 0);
  const std::string reply(5000, 'r');
  const CallRecord call = answer(*store, 0, "R", reply);

  const auto found = store->find_answer(request, 0, "", false);
  REQUIRE(found);
  CHECK(found->call == call.id);
  CHECK(found->reply == reply);
  CHECK(found->model == "m");
  CHECK(found->cost == 500);
  CHECK(found->run == "b:q1");
  CHECK(store->find_answer(request, 2, "", false));             // the same item in another batch
  CHECK_FALSE(store->find_answer(request, 1, "", false));       // another item
  CHECK_FALSE(store->find_answer(request, 0, "k", false));      // another place
  CHECK(store->find_answer(request, 1, "k", true));             // shared
  CHECK_FALSE(store->find_answer(xxh3_128("S"), 0, "", true));  // another request
  CHECK(store->kept_figures().entries == 1);
  CHECK(store->kept_figures().bytes == 5000);
}

TEST_CASE_TEMPLATE("a call that was served from kept answers says so, with what it saved", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "b", {fresh_run("q1")})});
  const CallRecord call = call_of(*store, 0, "R");
  EndCall end = end_of(call, "reply", false);
  end.cost = 0;
  end.from_cache = true;
  end.saved = 500;
  end.last_try.number = 0;
  store->write({SendCall{call, "R"}, end});
  const std::vector<CallRecord> calls = store->calls(0);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].from_cache);
  CHECK(calls[0].saved == 500);
  CHECK(calls[0].reserved == 0);
  CHECK_FALSE(calls[0].imported);
  CHECK(calls[0].state == CallState::answered);
  CHECK(store->call_reply(call.id) == "reply");
  const auto cost = store->cost("model");
  REQUIRE(cost.size() == 1);
  CHECK(cost[0].from_cache == 1);
  CHECK(cost[0].saved == 500);
  CHECK(cost[0].cost == 0);
  CHECK(cost[0].unpriced == 0);
}

TEST_CASE_TEMPLATE("answers are forgotten: those of some runs, of whoever asks the same, or all", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "b", {fresh_run("q1"), fresh_run("q2"), fresh_run("q3")})});
  answer(*store, 0, "R", "1");
  answer(*store, 1, "R", "2");
  answer(*store, 2, "S", "3");
  ClearAnswers change;
  change.runs = {0};
  SUBCASE("of an item") {
    store->write({change});
    CHECK_FALSE(store->find_answer(xxh3_128("R"), 0, "", false));
    CHECK(store->find_answer(xxh3_128("R"), 1, "", false));
    CHECK(store->kept_figures().entries == 2);
  }
  SUBCASE("shared") {
    change.shared = true;
    store->write({change});
    CHECK_FALSE(store->find_answer(xxh3_128("R"), 1, "", true));
    CHECK(store->kept_figures().entries == 1);
  }
  SUBCASE("all") {
    change.all = true;
    store->write({change});
    CHECK(store->kept_figures().entries == 0);
    CHECK_FALSE(store->find_answer(xxh3_128("S"), 2, "", true));
  }
  CHECK(store->calls(0).size() == 1);
}

TEST_CASE("kept answers survive a restart, cost no table while none is kept, and a check finds them whole") {
  SqliteFile file;
  {
    const auto store = file.open();
    store->write({batch(*store, "b", {fresh_run("q1")})});
    answer(*store, 0, "R", "first", false);
    CHECK(store->check().empty());
  }
  {
    Connection plain(file.folder.path("x.assay"), SQLITE_OPEN_READONLY);
    CHECK(plain.number("SELECT count(*) FROM sqlite_master WHERE name = 'answer'") == 0);
  }
  {
    const auto store = file.open();
    answer(*store, 0, "R", "second");
    CHECK(store->check().empty());
  }
  const auto store = file.open();
  const auto found = store->find_answer(xxh3_128("R"), 0, "", false);
  REQUIRE(found);
  CHECK(found->reply == "second");
}

TEST_CASE("a damaged entry, or an entry whose call is damaged, is no answer") {
  for (const std::string damage : {"UPDATE answer SET call = call - 1", "UPDATE answer SET bytes = 7",
                                   "UPDATE call SET cost = 1 WHERE id = 2", "DELETE FROM call WHERE id = 2"}) {
    INFO(damage);
    SqliteFile file;
    {
      const auto store = file.open();
      store->write({batch(*store, "b", {fresh_run("q1")})});
      answer(*store, 0, "other", "other's", false);
      answer(*store, 0, "R", "reply");
    }
    Connection(file.folder.path("x.assay"), SQLITE_OPEN_READWRITE).run(damage);
    const auto store = file.open();
    CHECK_FALSE(store->find_answer(xxh3_128("R"), 0, "", false));
    CHECK_FALSE(store->check().empty());
    answer(*store, 0, "R", "asked again");  // and mends it
    REQUIRE(store->find_answer(xxh3_128("R"), 0, "", false));
    CHECK(store->find_answer(xxh3_128("R"), 0, "", false)->reply == "asked again");
  }
}

TEST_CASE("a look-up among 200,000 entries reads an index, not the entries") {
  SqliteFile file;
  const auto store = file.open();
  store->write({batch(*store, "b", {fresh_run("q1")})});
  constexpr int kEntries = 200'000, kGroup = 1000;
  for (int i = 0; i < kEntries; i += kGroup) {
    std::vector<Change> changes;
    for (int k = i; k < i + kGroup; ++k) {
      CallRecord call = call_of(*store, 0, "R" + std::to_string(k), std::to_string(k));
      changes.emplace_back(SendCall{call, "R"});
      changes.emplace_back(end_of(call, "reply", true));
    }
    store->submit(std::move(changes), {});
  }
  store->flush();
  const auto begun = std::chrono::steady_clock::now();
  for (int k = 0; k < kEntries; k += 200) {
    REQUIRE(store->find_answer(xxh3_128("R" + std::to_string(k)), 0, std::to_string(k), false));
  }
  const double each = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() / 1000;
  MESSAGE((each * 1e6) << " us for a look-up");
  CHECK(each < 0.005);  // reading all of them would take a tenth of a second
}

}  // namespace
}  // namespace assay::test
