// What every Store must do, whatever lies under it.

#include <atomic>
#include <cmath>
#include <thread>

#include "core/text/error.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

#define STORES SqliteFile, SqliteInMemory, PlainMemory

TEST_CASE_TEMPLATE("a new store is empty and gives identities from zero and one", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  CHECK(store->next_run() == 0);
  CHECK(store->next_batch() == 0);
  CHECK(store->reserve_call() == 1);
  CHECK(store->reserve_call() == 2);
  CHECK(store->batches().empty());
  CHECK(rows(*store).empty());
  CHECK(store->recovery().created);
  CHECK(store->experiment_id().size() == 16);
  CHECK_FALSE(store->read_only());
  CHECK(store->health().writable);
}

TEST_CASE_TEMPLATE("a batch comes back with all that it was added with", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 3)});
  NewRun special = fresh_run("tab\tline\nquote\"back\\slash \xC3\xA9 \xFF");
  special.facets = {{"category", "math \"hard\""}, {"empty", ""}, {"line", "a\nb\x01"}};
  store->write({batch(*store, "other:name with spaces", {special})});
  CHECK(store->next_run() == 4);
  CHECK(store->next_batch() == 2);

  const auto batches = store->batches();
  REQUIRE(batches.size() == 2);
  CHECK(batches[0].name == "add");
  CHECK(batches[0].kind == "arithmetic");
  CHECK(batches[0].model == "openai/gpt-4o");
  CHECK(batches[0].source == "a.csv");
  CHECK(batches[0].params == Json{{"file", "a.csv"}});
  CHECK(batches[0].pinned == Json{{"prompt", std::string(1000, 'p')}});
  CHECK(batches[0].created_at == 1'700'000'000'000'000);
  CHECK(batches[0].first == 0);
  CHECK(batches[0].count == 3);
  CHECK(batches[1].id == 1);
  CHECK(batches[1].first == 3);
  CHECK(batches[1].count == 1);

  const auto all = rows(*store);
  REQUIRE(all.size() == 4);
  CHECK(all[0].id == "0");
  CHECK(all[0].row.status == Status::ready);
  CHECK(all[0].row.attempts == 0);
  CHECK(all[0].row.facets.empty());
  CHECK(all[3].id == special.id);
  CHECK(all[3].row.facets == special.facets);
  CHECK(store->payloads(1).data == dump_json(Json{{"question", "what is 1"}}));
  CHECK(store->payloads(1).answer.empty());
  CHECK(store->payloads(1).context.empty());
}

TEST_CASE_TEMPLATE("a batch whose ids are not the next ones is refused", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  AddBatch wrong = batch(*store, "add", 2);
  wrong.info.first = 7;
  CHECK_THROWS_AS(store->write({wrong}), Error);
  CHECK(store->next_run() == 0);
}

TEST_CASE_TEMPLATE("a run that comes with a history keeps all of it", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  NewRun run = fresh_run("old");
  run.answer = Json{{"value", 0.1}};
  run.status = Status::complete;
  run.score = Score::incorrect().metric("z", 1e-300).metric("a", -0.1).metric("n", std::nan(""));
  run.context = {{"user", Json("hello")}, {"assistant", Json{{"parts", {1, 2}}}}};
  run.logs = {Json("first"), Json{{"k", nullptr}}, Json(3)};
  run.attempts = {{1, Status::fail, {"http", "500", "step 1"}, 0.1 + 0.2}, {2, Status::complete, {}, 3.5}};
  run.steps = 4;
  run.usage = {7, 100, 20, 30, 5, 123'456'789'012, 42};
  NewRun half = fresh_run("half");
  half.status = Status::incomplete;
  half.context = {{"user", Json("hi")}};
  half.attempts = {{1, Status::incomplete, {}, 0.5}};
  store->write({batch(*store, "saved", {run, half})});

  const auto all = rows(*store);
  REQUIRE(all.size() == 2);
  CHECK(all[0].row.status == Status::complete);
  CHECK(all[0].row.score.verdict == Verdict::incorrect);
  CHECK(all[0].row.score.metrics == std::vector<std::pair<std::string, double>>{{"z", 1e-300}, {"a", -0.1}});
  CHECK(all[0].row.attempts == 2);
  CHECK(all[0].row.steps == 4);
  CHECK(all[0].row.usage == run.usage);
  CHECK(all[0].row.seconds == 3.5);
  CHECK(all[1].row.status == Status::incomplete);
  CHECK(all[1].row.attempts == 1);
  const StoredPayloads payloads = store->payloads(0);
  CHECK(payloads.answer == R"({"value":0.1})");
  CHECK(payloads.context == R"([{"role":"user","content":"hello"},{"role":"assistant","content":{"parts":[1,2]}}])");
  CHECK(store->payloads(1).context == R"([{"role":"user","content":"hi"}])");
  const auto attempts = store->attempts(0);
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].outcome == Status::fail);
  CHECK(attempts[0].error.kind == "http");
  CHECK(attempts[0].error.message == "500");
  CHECK(attempts[0].error.place == "step 1");
  CHECK(attempts[0].seconds == 0.1 + 0.2);
  CHECK(attempts[0].imported);
  CHECK(attempts[1].outcome == Status::complete);
  REQUIRE(store->attempts(1).size() == 1);
  CHECK(store->attempts(1)[0].outcome == Status::incomplete);
  const auto logs = store->logs(0);
  REQUIRE(logs.size() == 3);
  CHECK(logs[0].text == "\"first\"");
  CHECK(logs[1].text == R"({"k":null})");
  CHECK(logs[2].text == "3");
  CHECK(logs[0].from_runner);
}

TEST_CASE_TEMPLATE("where a fork begins is kept beside its attempts, and is no attempt", Factory, STORES) {
  Factory factory;
  auto store = factory.open();
  auto runs = std::make_shared<std::vector<NewRun>>(2);
  (*runs)[0].id = "plain";
  (*runs)[1].id = "fork";
  (*runs)[1].steps = 2;
  (*runs)[1].start = {
      2, Json::object({{"a", 1}}), Json::object({{"s", 2}}), {{"user", "hi", Json::object({{"n", 3}})}}};
  BatchInfo info;
  info.name = info.kind = "b";
  info.params = Json::object();
  info.count = 2;
  store->write({AddBatch{info, runs}});
  store->write({BeginAttempt{1, 1, 5}, EndStep{1, 1, 3, "{}", 0}});
  CHECK(store->steps(0, kStartAttempt).empty());
  const std::vector<StoredStep> start = store->steps(1, kStartAttempt);
  REQUIRE(start.size() == 1);
  CHECK(start[0].number == 2);
  CHECK(start[0].checkpoint ==
        R"({"answer":{"a":1},"context":[{"role":"user","content":"hi","n":3}],"state":{"s":2}})");
  REQUIRE(store->steps(1, 1).size() == 1);
  REQUIRE(store->attempts(1).size() == 1);
  CHECK(store->attempts(1)[0].number == 1);
  CHECK(store->check().empty());
}

TEST_CASE_TEMPLATE("the life of a run: READY, INCOMPLETE, COMPLETE, and its records", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 2)});
  const SendCall send = send_call(*store, 1, "agent/2");
  store->write({BeginAttempt{1, 1, 1'700'000'000'500'000}, EndStep{1, 1, 0, "{\"context\":[]}", 0}, send});
  {
    const auto all = rows(*store);
    CHECK(all[0].row.status == Status::ready);
    CHECK(all[1].row.status == Status::incomplete);
    CHECK(all[1].row.attempts == 1);
    CHECK(all[1].row.usage.calls == 1);
  }
  auto calls = store->calls(1);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].id == send.call.id);
  CHECK(calls[0].key == "agent/2");
  CHECK(calls[0].state == CallState::sent);
  CHECK(calls[0].reserved == 4'000'000'000);
  CHECK(calls[0].request_hash == send.call.request_hash);
  CHECK(calls[0].model == send.call.model);
  CHECK(calls[0].lane == send.call.lane);
  CHECK(store->call_request(send.call.id) == send.request);
  CHECK(store->call_reply(send.call.id).empty());

  const std::string reply = std::string(5000, 'r') + std::string("\0bytes\xFF", 7);
  EndCall answered = end_call(send, reply);
  answered.model = "who/answered";
  store->write({std::move(answered)});
  calls = store->calls(1, 1);
  REQUIRE(calls.size() == 1);
  CHECK(calls[0].model == "who/answered");
  CHECK(calls[0].state == CallState::answered);
  CHECK(calls[0].last_try.http_status == 200);
  CHECK(calls[0].last_try.ended_at == 1'700'000'001'900'000);
  CHECK(calls[0].usage.in == 37);
  CHECK_FALSE(calls[0].usage.cache_write.has_value());
  CHECK(calls[0].usage.reasoning == 0);
  CHECK(calls[0].cost == 1'000'000'000);
  CHECK(calls[0].priced);
  CHECK(store->call_reply(send.call.id) == reply);
  CHECK(store->calls(1, 2).empty());
  CHECK(store->calls(0).empty());

  const auto steps = store->steps(1, 1);
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].number == 0);
  CHECK(steps[0].checkpoint == "{\"context\":[]}");

  const EndAttempt end = end_attempt(1);
  store->write({end});
  const auto row = rows(*store)[1].row;
  CHECK(row.status == Status::complete);
  CHECK(row.score.verdict == Verdict::correct);
  CHECK(row.score.metrics == end.score.metrics);
  CHECK(row.seconds == 1.25);
  CHECK(row.steps == 1);
  CHECK(row.usage == end.usage);
  CHECK(row.ended_at == end.at);
  CHECK(row.error.empty());
  CHECK(store->payloads(1).answer == "42");
  CHECK(store->payloads(1).context == end.context);
  const auto attempts = store->attempts(1);
  REQUIRE(attempts.size() == 1);
  CHECK(attempts[0].begun_at == 1'700'000'000'500'000);
  CHECK(attempts[0].ended_at == end.at);
  CHECK(attempts[0].outcome == Status::complete);
  CHECK(attempts[0].answer == "42");
  CHECK(attempts[0].context == end.context);
  CHECK_FALSE(attempts[0].imported);
}

TEST_CASE_TEMPLATE("a rerun clears the result and keeps the old attempt readable", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  complete_run(*store, 0);
  store->write({BeginAttempt{0, 2, 1'700'000'010'000'000}});
  auto row = rows(*store)[0].row;
  CHECK(row.status == Status::incomplete);
  CHECK(row.attempts == 2);
  CHECK(row.score.verdict == Verdict::none);
  CHECK(row.score.metrics.empty());
  CHECK(row.usage.calls == 1);
  CHECK(store->payloads(0).answer.empty());
  CHECK(store->payloads(0).context.empty());
  store->write({end_attempt(0, 2, Status::fail)});
  row = rows(*store)[0].row;
  CHECK(row.status == Status::fail);
  CHECK(row.error.kind == "timeout");
  CHECK(row.error.place == "step 1");
  CHECK(row.usage.calls == 2);
  CHECK(row.score.verdict == Verdict::none);
  const auto attempts = store->attempts(0);
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0].answer == "42");
  CHECK(attempts[0].score.verdict == Verdict::correct);
  CHECK(attempts[1].outcome == Status::fail);
  CHECK(store->payloads(0).answer.empty());
}

TEST_CASE_TEMPLATE("the end of an attempt that is not the newest changes only that attempt", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  store->write({BeginAttempt{0, 1, 1}, BeginAttempt{0, 2, 2}, end_attempt(0, 2)});
  EndAttempt late = end_attempt(0, 1, Status::fail);
  store->write({late});
  const auto row = rows(*store)[0].row;
  CHECK(row.status == Status::complete);
  CHECK(row.attempts == 2);
  CHECK(row.usage.calls == 2);
  CHECK(store->attempts(0)[0].outcome == Status::fail);
}

TEST_CASE_TEMPLATE("an interrupted attempt stays open and goes on under its number", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  store->write({BeginAttempt{0, 1, 5}, EndStep{0, 1, 1, "\"state\"", 0}, EndStep{0, 1, 2, "\"later\"", 0}});
  EndAttempt pause = end_attempt(0, 1, Status::incomplete);
  pause.steps = 2;
  store->write({pause});
  auto row = rows(*store)[0].row;
  CHECK(row.status == Status::incomplete);
  CHECK(row.steps == 2);
  CHECK(row.seconds == 1.25);
  CHECK(row.ended_at == 0);
  REQUIRE(store->steps(0, 1).size() == 2);
  CHECK(store->steps(0, 1)[1].checkpoint == "\"later\"");
  CHECK(store->attempts(0)[0].outcome == Status::incomplete);
  CHECK(store->attempts(0)[0].ended_at == 0);
  EndAttempt end = end_attempt(0, 1);
  end.steps = 3;
  store->write({end});
  row = rows(*store)[0].row;
  CHECK(row.status == Status::complete);
  CHECK(row.steps == 3);
  CHECK(row.usage == end.usage);
}

TEST_CASE_TEMPLATE("retries keep every try, and a call in doubt keeps its mark", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  const SendCall send = send_call(*store, 0);
  store->write({BeginAttempt{0, 1, 5}, send});
  RetryCall retry;
  retry.call = send.call.id;
  retry.previous = send.call.last_try;
  retry.previous.http_status = 500;
  retry.previous.kind = "server";
  retry.previous.sub = "cut";
  retry.previous.message = "the connection broke";
  retry.previous.wait_ms = 1500;
  retry.previous.ambiguous = true;
  retry.previous.details = R"({"code":"overloaded","bytes_in":20})";
  retry.next.number = 2;
  retry.next.sent_at = 77;
  retry.reserved = 5;
  retry.possible = 6;
  retry.doubt = CallDoubt::ambiguous;
  store->write({retry});
  auto call = store->calls(0).at(0);
  CHECK(call.state == CallState::sent);
  CHECK(call.last_try.number == 2);
  CHECK(call.last_try.sent_at == 77);
  CHECK(call.reserved == 5);
  CHECK(call.possible == 6);
  CHECK(store->calls_in_doubt().size() == 1);
  EndCall end = end_call(send, "{}");
  end.last_try.number = 2;
  end.last_try.details = R"({"request_ids":{"x-request-id":"req_1"}})";
  end.doubt = CallDoubt::ambiguous;
  end.possible = 6;
  store->write({end});
  const auto tries = store->tries(send.call.id);
  REQUIRE(tries.size() == 2);
  CHECK(tries[0].number == 1);
  CHECK(tries[0].kind == "server");
  CHECK(tries[0].sub == "cut");
  CHECK(tries[0].message == "the connection broke");
  CHECK(tries[0].wait_ms == 1500);
  CHECK(tries[0].ambiguous);
  CHECK(tries[0].http_status == 500);
  CHECK(tries[0].details == R"({"code":"overloaded","bytes_in":20})");
  CHECK(tries[1].details == R"({"request_ids":{"x-request-id":"req_1"}})");
  CHECK(tries[1].message.empty());
  CHECK(tries[1].number == 2);
  CHECK(tries[1].http_status == 200);
  REQUIRE(store->calls_in_doubt().size() == 1);
  CHECK(store->calls_in_doubt()[0].doubt == CallDoubt::ambiguous);
  CHECK(store->calls_in_doubt()[0].state == CallState::answered);
}

TEST_CASE_TEMPLATE("an answered call is never changed again", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  const SendCall send = send_call(*store, 0);
  store->write({BeginAttempt{0, 1, 5}, send, end_call(send, "the answer")});
  EndCall other = end_call(send, "another", 9);
  other.state = CallState::failed;
  store->write({other});
  CHECK(store->call_reply(send.call.id) == "the answer");
  CHECK(store->calls(0)[0].state == CallState::answered);
  CHECK(store->calls(0)[0].cost == 1'000'000'000);
}

TEST_CASE_TEMPLATE("a new evaluation replaces score and answer, not the attempt", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  complete_run(*store, 0);
  SetEvaluation change;
  change.run = 0;
  change.score = Score::incorrect().metric("new", 2);
  change.answer = "\"41\"";
  store->write({change});
  const auto row = rows(*store)[0].row;
  CHECK(row.score.verdict == Verdict::incorrect);
  CHECK(row.score.metrics == change.score.metrics);
  CHECK(row.attempts == 1);
  CHECK(store->payloads(0).answer == "\"41\"");
  CHECK_FALSE(store->payloads(0).context.empty());
}

TEST_CASE_TEMPLATE("an evaluation may leave the recorded answer as it is", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  complete_run(*store, 0);
  SetEvaluation change;
  change.run = 0;
  change.keep_answer = true;
  change.score = Score::correct().metric("tiger_l1", 1);
  store->write({change});
  CHECK(rows(*store)[0].row.score.metrics == change.score.metrics);
  CHECK(store->payloads(0).answer == "42");
  CHECK(store->check().empty());
}

TEST_CASE_TEMPLATE("logs come back in the order in which they were submitted", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  NewRun saved = fresh_run("0");
  saved.logs = {Json("from the save")};
  store->write({batch(*store, "add", {saved, fresh_run("1")})});
  std::vector<Change> changes;
  for (int i = 0; i < 10; ++i) {
    changes.emplace_back(AppendLog{0, 1, 100 + i, LogLevel::warn, i % 2 == 0, std::to_string(i)});
    changes.emplace_back(AppendLog{1, 1, 1, LogLevel::debug, false, "\"other\""});
  }
  store->write(std::move(changes));
  const auto logs = store->logs(0);
  REQUIRE(logs.size() == 11);
  CHECK(logs[0].text == "\"from the save\"");
  for (std::size_t i = 0; i < 10; ++i) CHECK(logs[i + 1].text == std::to_string(i));
  CHECK(logs[2].at == 101);
  CHECK(logs[2].level == LogLevel::warn);
  CHECK_FALSE(logs[2].from_runner);
  CHECK(store->logs(0, 9).size() == 2);
  CHECK(store->logs(0, 99).empty());
}

TEST_CASE_TEMPLATE("names, drops, notes and pauses are kept", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "a", 2)});
  store->write({batch(*store, "b", 2)});
  store->write({RenameBatch{0, "c"}, SetDropped{{1}, {0}, true}});
  CHECK(store->batches()[0].name == "c");
  CHECK(store->batches()[1].dropped);
  auto all = rows(*store);
  CHECK(all[0].row.dropped);
  CHECK_FALSE(all[1].row.dropped);
  store->write({SetDropped{{1}, {0}, false}});
  all = rows(*store);
  CHECK_FALSE(all[0].row.dropped);
  CHECK_FALSE(store->batches()[1].dropped);

  const std::string large(100'000, 'n');
  store->write({PutNote{"undo", "1"}, PutNote{"large", large}});
  store->write({PutNote{"undo", "2"}});
  CHECK(store->note("undo") == "2");
  CHECK(store->note("large") == large);
  CHECK(store->note("none").empty());
  store->write({PutNote{"tag/b", "0-1"}, PutNote{"tag/a", large}, PutNote{"tag/gone", "1"}, PutNote{"tagx", "no"}});
  store->write({PutNote{"tag/gone", ""}});
  CHECK(store->notes("tag/") == std::vector<std::pair<std::string, std::string>>{{"tag/a", large}, {"tag/b", "0-1"}});
  CHECK(store->note("tag/gone").empty());
  CHECK(store->notes("zz").empty());
  store->write({PutNote{"large", "short"}});  // nothing is left behind of what was replaced
  CHECK(store->check().empty());

  PutPause pause{"lane/1", "retry_after", "header", 5, 10, 120'000, "boot", 77};
  store->write({pause});
  pause.until = 20;
  store->write({pause, PutPause{"lane/2", "quota", "", 1, 2, 3, "", 4}});
  const auto pauses = store->pauses();
  REQUIRE(pauses.size() == 2);
  CHECK(pauses[0].pause.lane == "lane/1");
  CHECK(pauses[0].pause.until == 20);
  CHECK(pauses[0].pause.reason == "retry_after");
  CHECK(pauses[0].pause.source == "header");
  CHECK(pauses[0].pause.duration_ms == 120'000);
  CHECK(pauses[0].pause.boot_id == "boot");
  CHECK(pauses[0].pause.until_boot_us == 77);
  store->write({ClearPause{"lane/1"}});
  CHECK(store->pauses().size() == 1);
}

TEST_CASE_TEMPLATE("payloads of many runs come in order, only those asked for", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1000)});
  std::vector<RunId> seen;
  store->each_payload(
      100, 800, [](RunId run) { return run % 3 == 0; },
      [&](RunId run, const StoredPayloads& payloads) {
        seen.push_back(run);
        CHECK(payloads.data == dump_json(Json{{"question", "what is " + std::to_string(run)}}));
      });
  REQUIRE(seen.size() == 266);
  CHECK(seen.front() == 102);
  CHECK(seen.back() == 897);
}

TEST_CASE_TEMPLATE("counts and costs are sums over the calls", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "a", 2)});
  store->write({batch(*store, "b", 1)});
  for (RunId run = 0; run < 3; ++run) complete_run(*store, run);
  const SendCall failed = send_call(*store, 0, "judge", kEvaluateStep);
  EndCall end = end_call(failed, "");
  end.state = CallState::failed;
  end.doubt = CallDoubt::ambiguous;
  end.cost = 0;
  end.possible = 12;
  end.priced = false;
  store->write({failed, end});
  const Store::CallCounts counts = store->call_counts();
  CHECK(counts.answered == 3);
  CHECK(counts.failed == 1);
  CHECK(counts.in_doubt == 1);
  const auto by_batch = store->cost("batch");
  REQUIRE(by_batch.size() == 2);
  CHECK(by_batch[0].group == "a");
  CHECK(by_batch[0].calls == 3);
  CHECK(by_batch[0].cost == 2'000'000'000);
  CHECK(by_batch[0].possible == 12);
  CHECK(by_batch[1].group == "b");
  CHECK(by_batch[1].in == 37);
  CHECK(by_batch[1].cached == 5);
  CHECK(by_batch[1].out == 3);
  CHECK(store->cost("model").at(0).group == "openai/gpt-4o");
  CHECK(store->cost("kind").at(0).group == "arithmetic");
  CHECK(store->cost("day").at(0).group == "2023-11-14");
  const auto by_agent = store->cost("agent");
  REQUIRE(by_agent.size() == 2);
  CHECK(by_agent[0].group == "(run) openai/gpt-4o");
  CHECK(by_agent[0].calls == 3);
  CHECK(by_agent[1].group == "judge openai/gpt-4o");
  CHECK(by_agent[1].possible == 12);
}

TEST_CASE_TEMPLATE("callbacks come in order, after their commit, and changes can be given twice", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 100)});
  std::vector<int> order;
  for (int i = 0; i < 500; ++i) {
    const auto run = static_cast<RunId>(i % 100);
    store->submit({BeginAttempt{run, 1, 5}, end_attempt(run)}, [&order, i] { order.push_back(i); });
  }
  store->flush();
  REQUIRE(order.size() == 500);
  for (int i = 0; i < 500; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  for (const RowCopy& row : rows(*store)) {
    CHECK(row.row.status == Status::complete);
    CHECK(row.row.usage.calls == 1);
  }
  CHECK(store->health().queued == 0);
}

TEST_CASE_TEMPLATE("many threads write and read at the same time", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  constexpr RunId per_thread = 60;
  store->write({batch(*store, "add", 4 * per_thread)});
  std::atomic<bool> going = true;
  std::atomic<std::size_t> wrong = 0;
  std::thread reader([&] {
    while (going) {
      std::size_t seen = 0;
      store->each_run([&](const StoredRunRow& row) {
        ++seen;
        if (row.status == Status::complete && row.usage.calls != 1) ++wrong;
      });
      if (seen != 4 * per_thread) ++wrong;
      if (store->payloads(7).data.empty()) ++wrong;
    }
  });
  std::vector<std::thread> writers;
  for (RunId t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (RunId i = 0; i < per_thread; ++i) complete_run(*store, t * per_thread + i);
    });
  }
  for (std::thread& writer : writers) writer.join();
  going = false;
  reader.join();
  CHECK(wrong == 0);
  CHECK(store->call_counts().answered == 4 * per_thread);
  for (const RowCopy& row : rows(*store)) CHECK(row.row.status == Status::complete);
  CHECK(store->check().empty());
}

TEST_CASE_TEMPLATE("late news of a finished attempt keeps the records consistent", Factory, STORES) {
  Factory factory;
  const auto store = factory.open();
  store->write({batch(*store, "add", 1)});
  const SendCall send = send_call(*store, 0);
  store->write({BeginAttempt{0, 1, 5}, send, end_attempt(0, 1, Status::fail)});
  store->write({end_call(send, "came late")});
  CHECK(store->call_reply(send.call.id) == "came late");
  CHECK(rows(*store)[0].row.status == Status::fail);
  const SendCall step_call = send_call(*store, 0, "", 1, 2);
  store->write({BeginAttempt{0, 2, 5}, step_call, EndStep{0, 2, 1, "1", 1}});
  store->write({end_call(step_call, "after its step")});
  CHECK(store->check().empty());
}

}  // namespace
}  // namespace assay::test
