// kill -9 at random moments of a job over HTTP whose steps make several calls (reliability.md 10.1, R1).
#include <doctest/doctest.h>
#include <signal.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

constexpr int kRuns = 2000, kSamples = 3, kWidth = 34;  // 102 calls in flight

struct Ledger {
  std::set<std::string> answered;  // call id and hash of what was answered
  std::size_t in_doubt = 0;
};

Ledger read_ledger(const std::string& file) {
  Ledger ledger;
  for (const auto& row : sql(file, "SELECT id, hex(hash), hex(reply) FROM call WHERE state = 1")) {
    ledger.answered.insert(row[0] + " " + row[1] + " " + row[2]);
  }
  return ledger;
}

std::string finish_and_save(const TemporaryFolder& folder, const std::string& experiment,
                            const Environment& environment) {
  const Finished done =
      run({assay_program(), folder.file(experiment), "--json", "-c",
           "run_n 50; status; calls --in-doubt; check; save " + folder.file(experiment + ".jsonl") + "; cost"},
          folder.path(), environment);
  INFO(done.out.substr(0, 2000));
  INFO(done.error);
  CHECK(done.status == 0);
  return done.out;
}

}  // namespace

TEST_CASE(
    "200 kills of a 2,000-run job: no recorded answer is lost, every second sending is named, results are equal") {
  const char* soak = std::getenv("ASSAY_SOAK");
  const int kills = soak != nullptr ? 5000 : 200;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(kRuns));
  MockServer server({"--seed", "11"});
  server.config(R"({"reply":"qa","latency":"lognormal:100ms,0.5","prices":{"any":{"in":2,"out":8}}})");
  folder.write("models.yaml", "prices:\n  \"openai/any\": {in: 2, out: 8}\n");
  const Environment environment = server_environment(server);
  const std::string load =
      "load qa questions.jsonl model=openai/any max_tokens=64 samples=" + std::to_string(kSamples) + " as=job";
  const std::string file = folder.file("killed.assay");
  REQUIRE(run({assay_program(), file, "-c", load}, folder.path(), environment).status == 0);

  std::mt19937_64 random(42);
  Ledger before;
  int killed = 0, most_in_flight = 0;
  for (; killed < kills; ++killed) {
    Child child({assay_program(), file, "-c", "run_n " + std::to_string(kWidth)}, folder.path(), environment);
    const auto after = std::chrono::milliseconds(20 + static_cast<int>(random() % 200));
    if (child.wait_for(after) != -1) break;  // the job is done
    child.signal(SIGKILL);
    child.wait();
    if (killed % 10 == 0) {
      const Ledger now = read_ledger(file);
      for (const std::string& answer : before.answered) REQUIRE(now.answered.contains(answer));
      before = now;
    }
  }
  MESSAGE(killed << " kills, " << before.answered.size() << " answers recorded by then");
  CHECK(killed >= kills / 2);
  most_in_flight = kWidth * kSamples;

  const std::vector<Json> finished = results(finish_and_save(folder, "killed.assay", environment));
  REQUIRE(finished.size() == 6);
  const Json &job = finished[0], &status = finished[1], &doubt = finished[2], &check = finished[3];
  CHECK(job.at("fail") == 0);
  CHECK(status.at("by_status").at("COMPLETE") == kRuns);
  CHECK(check.at("findings").empty());
  const std::size_t in_doubt = doubt.at("calls").size();
  const Json bill = server.stats();
  const auto requests = bill.at("requests").get<std::size_t>();
  const std::size_t needed = static_cast<std::size_t>(kRuns) * kSamples;
  MESSAGE(requests << " requests for " << needed << " calls, " << in_doubt << " in doubt");
  CHECK(status.at("calls").at("answered") == needed);
  CHECK(requests - needed <= in_doubt);                                  // sent twice: named
  CHECK(in_doubt <= static_cast<std::size_t>(killed * most_in_flight));  // never more than were in flight
  for (const Json& call : doubt.at("calls")) CHECK(call.at("why") == "crash");
  const auto number = [&](const std::string& query) { return std::stoull(sql(file, query).at(0).at(0)); };
  // What was answered was never sent again, and nothing was sent without its record.
  CHECK(number("SELECT count(*) FROM (SELECT 1 FROM call c JOIN call d ON d.run = c.run AND d.attempt = c.attempt AND "
               "d.step = c.step AND d.key = c.key AND d.number > c.number WHERE c.state = 1)") == 0);
  CHECK(requests <= number("SELECT sum(tries) FROM call"));

  // The money: what the vendor charged lies between what is known and what is possible.
  const Json bought = server.bill();
  const Json& cost = finished[5].at("groups").at(0);
  const auto charged = bought.at("pico_usd").get<std::int64_t>();
  const auto known = std::llround(cost.at("cost_usd").get<double>() * 1e12);
  const auto possible = std::llround(cost.at("possible_usd").get<double>() * 1e12);
  MESSAGE("cost " << known << ", bill " << charged << ", possibly " << possible << " more, in 1e-12 USD");
  CHECK(cost.at("unpriced") == 0);
  CHECK(known > 0);
  CHECK(known <= charged);
  CHECK(charged <= known + possible);

  server.reset(true);
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  REQUIRE(run({assay_program(), folder.file("whole.assay"), "-c", load}, folder.path(), environment).status == 0);
  finish_and_save(folder, "whole.assay", environment);
  CHECK(outcomes(folder.read("killed.assay.jsonl")) == outcomes(folder.read("whole.assay.jsonl")));
}

TEST_CASE("a call that waits to be tried again when the program dies was not on its way: nothing is in doubt") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(4));
  MockServer server;
  server.config(R"({"reply":"qa"})");
  server.rules(R"([{"match":{},"do":{"status":500}}])");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("waiting.assay");
  {
    Child child({assay_program(), file, "-c",
                 "set retry.server '6 600s 600s'; load qa questions.jsonl model=openai/any as=job; run_n 4"},
                folder.path(), environment);
    for (int i = 0; i < 500 && server.stats().at("requests") != 4; ++i) std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(300ms);  // the failures are on the disk
    child.signal(SIGKILL);
    child.wait();
  }
  server.rules("[]");
  const Finished resumed =
      run({assay_program(), file, "--json", "-c", "status; calls --in-doubt; run_n 4; calls job:q1"}, folder.path(),
          environment);
  const std::vector<Json> said = results(resumed.out);
  REQUIRE(said.size() == 4);
  CHECK(said[0].at("recovery").at("unclean") == true);
  CHECK(said[0].at("recovery").at("in_doubt") == 0);
  CHECK(said[1].at("calls").empty());
  CHECK(said[2].at("complete") == 4);
  CHECK(server.stats().at("requests") == 8);
}

TEST_CASE("in_doubt=hold: nothing is sent for calls that were in flight until a person says so") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(4));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:3000ms"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("held.assay");
  {
    Child child({assay_program(), file, "-c", "load qa questions.jsonl model=openai/any as=job; run_n 4"},
                folder.path(), environment);
    for (int i = 0; i < 500 && server.stats().at("requests") != 4; ++i) std::this_thread::sleep_for(10ms);
    child.signal(SIGKILL);
    child.wait();
  }
  REQUIRE(server.stats().at("requests") == 4);
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  const Finished held =
      run({assay_program(), file, "--json", "-c", "set in_doubt hold; run_n 4; calls --in-doubt; status"},
          folder.path(), environment);
  CHECK(held.error.find("4 calls in doubt (at most $0): job:q") != std::string::npos);  // by the names of their runs
  CHECK(held.error.find(" step 1 sample/0 openai/any ") != std::string::npos);
  const std::vector<Json> said = results(held.out);
  REQUIRE(said.size() == 4);
  CHECK(said[1].at("incomplete") == 4);
  CHECK(said[2].at("calls").size() == 4);
  CHECK(said[3].at("recovery").at("unclean") == true);
  CHECK(said[3].at("recovery").at("in_doubt") == 4);
  CHECK(server.stats().at("requests") == 4);
  const Finished resumed =
      run({assay_program(), file, "--json", "-c", "set in_doubt hold; resume all; status"}, folder.path(), environment);
  const std::vector<Json> then = results(resumed.out);
  CHECK(then.at(2).at("by_status").at("COMPLETE") == 4);
  CHECK(server.stats().at("requests") == 8);
}
