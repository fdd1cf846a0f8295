// The half-price lane of the real program, against the mock's Batch API: nothing is asked twice, whatever dies when.
#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* kPrices = "version: 1\nprices:\n  \"openai/*\": {in: 2.5, out: 10, batch: 0.5}\n";
constexpr const char* kMockPrices = R"("prices":{"*":{"in":2.5,"out":10,"batch":0.5}})";

/// custom_id -> how often, over the files that were written for a provider.
std::map<std::string, int> written_ids(const fs::path& folder) {
  std::map<std::string, int> ids;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".jsonl") || name.find(".output.") != std::string::npos ||
        name.find(".errors.") != std::string::npos) {
      continue;
    }
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) ++ids[line.substr(14, line.find('"', 14) - 14)];
  }
  return ids;
}

std::int64_t sum_of(const std::string& file, const std::string& column) {
  return std::stoll(sql(file, "SELECT coalesce(sum(" + column + "), 0) FROM call")[0][0]);
}

}  // namespace

TEST_CASE("a large job through files: each answer once, what came back is sent again, the cost is the bill") {
  const int runs = std::getenv("ASSAY_SOAK") != nullptr ? 120'000 : 3'000;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(runs));
  folder.write("models.yaml", kPrices);
  MockServer server({"--seed", "5"});
  server.config(std::string(R"({"reply":"qa",)") + kMockPrices +
                R"(,"batch":{"expired":0.01,"refused":0.01,"missing":0.01,"bad_lines":10,"repeated":5}})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("large.assay");
  const auto begun = std::chrono::steady_clock::now();
  const Finished first = run({assay_program(), file, "--json", "-c",
                              "load qa questions.jsonl model=openai/any as=job; run_n 64 lane=bulk:out; bulk list"},
                             folder.path(), environment);
  INFO(first.error);
  REQUIRE(first.status == 0);
  const Json files = results(first.out).at(2);
  CHECK(files.size() == static_cast<std::size_t>((runs + 49'999) / 50'000));
  CHECK(written_ids(folder.path() / "out").size() == static_cast<std::size_t>(runs));
  CHECK(server.stats().at("requests") == 0);

  const Finished second =
      run({assay_program(), file, "--json", "-c", "bulk submit; bulk collect"}, folder.path(), environment);
  INFO(second.out);
  INFO(second.error);
  REQUIRE(second.status == 0);
  const Json came = results(second.out).at(1);
  CHECK(came.at("bad") == 10 * files.size());
  CHECK(came.at("repeated") == 5 * files.size());
  CHECK(came.at("failed").get<int>() > 0);
  CHECK(came.at("given_back").get<int>() > 0);
  CHECK(came.at("waiting").get<int>() > 0);
  const int recorded = came.at("answered").get<int>();

  std::string again = "bulk import";
  for (const Json& one : files) {
    const std::string stem = one.at("file").get<std::string>().substr(0, one.at("file").get<std::string>().size() - 6);
    for (const char* kind : {".errors.jsonl", ".output.jsonl"}) again += " out/" + stem + kind;
  }
  for (const Json& one : files) again += "; bulk release " + one.at("file").get<std::string>();
  const Finished third =
      run({assay_program(), file, "--json", "-c", again + "; status; budget; run_n 64; status; check"}, folder.path(),
          environment);
  INFO(third.error);
  const std::vector<Json> all = results(third.out);
  CHECK(all.at(0).at("answered") == 0);
  CHECK(all.at(0).at("given_back") == 0);
  const Json& status = all.at(all.size() - 2);
  const int failed = came.at("failed").get<int>();
  CHECK(status.at("by_status").at("COMPLETE") == runs - failed);
  CHECK(status.at("by_status").at("FAIL") == failed);
  CHECK(all.back().at("findings").empty());

  const Json bill = server.bill();
  const int live = bill.at("calls").get<int>() - bill.at("batch_calls").get<int>();
  MESSAGE(runs << " calls in " << files.size() << " files: " << recorded << " answered, " << failed << " refused, "
               << came.at("given_back").get<int>() << " expired, " << came.at("waiting").get<int>() << " missing, "
               << live << " sent live after that, in "
               << std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() << " s");
  CHECK(live == came.at("given_back").get<int>() + came.at("waiting").get<int>());
  CHECK(sum_of(file, "possible") == 0);
  CHECK(sum_of(file, "cost") == bill.at("pico_usd").get<std::int64_t>());
  CHECK(bill.at("batch_calls") == recorded);
  CHECK(server.stats().at("duplicates").at("answered_again") == 0);
}

TEST_CASE("kill -9 while files are written, submitted, collected: every call is asked once, every batch made once") {
  constexpr int runs = 300;
  const int kills = std::getenv("ASSAY_SOAK") != nullptr ? 500 : 40;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(runs));
  folder.write("models.yaml", kPrices);
  MockServer server({"--seed", "5"});
  server.config(std::string(R"({"reply":"qa",)") + kMockPrices + R"(,"batch":{"in_progress":"50ms"}})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("killed.assay");
  REQUIRE(
      run({assay_program(), file, "-c", "load qa questions.jsonl model=openai/any as=job"}, folder.path(), environment)
          .status == 0);
  std::mt19937_64 random(42);
  int killed = 0;
  for (; killed < kills; ++killed) {
    // A few new ones each time, so that the kills fall into every phase.
    std::string some;
    for (int i = 1 + killed * 7; i <= 7 + killed * 7; ++i)
      some += (some.empty() ? "job:q" : " | job:q") + std::to_string(i);
    Child child({assay_program(), file, "-c", "run_n 4 lane=bulk:out " + some + "; bulk submit; bulk collect"},
                folder.path(), environment);
    child.wait_for(std::chrono::milliseconds(20 + static_cast<int>(random() % 450)));
    child.signal(SIGKILL);
    child.wait();
  }
  Finished done;
  for (int i = 0; i < 20; ++i) {
    done = run(
        {assay_program(), file, "--json", "-c", "run_n 8 lane=bulk:out; bulk submit; bulk collect; bulk list; status"},
        folder.path(), environment);
    const std::vector<Json> all = results(done.out);
    if (!all.empty() && all.back().is_object() && all.back().at("by_status").at("COMPLETE") == runs) break;
    std::this_thread::sleep_for(60ms);
  }
  const std::vector<Json> all = results(done.out);
  REQUIRE(all.size() == 5);
  MESSAGE(killed << " kills, " << all.at(3).size() << " files");
  INFO(done.out);
  INFO(done.error);
  CHECK(all.back().at("by_status").at("COMPLETE") == runs);
  const auto ids = written_ids(folder.path() / "out");
  CHECK(ids.size() == runs);
  for (const auto& [id, times] : ids) CHECK(times == 1);
  const Json stats = server.stats();
  CHECK(server.bill().at("calls") == runs);
  CHECK(stats.at("duplicates").at("answered_again") == 0);
  CHECK(server.bill().at("batch_calls") == runs);
  CHECK(sum_of(file, "cost") == server.bill().at("pico_usd").get<std::int64_t>());
  CHECK(sum_of(file, "possible") == 0);
  CHECK(sql(file, "SELECT count(*) FROM call WHERE doubt > 0")[0][0] == "0");
}

TEST_CASE("lane=auto: files while there is time; near the deadline what is out is cancelled and sent live") {
  constexpr int runs = 60;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(runs));
  folder.write("models.yaml", kPrices);
  MockServer server({"--seed", "5"});
  const Environment environment = server_environment(server);
  const std::string file = folder.file("auto.assay");
  const std::string load = "load qa questions.jsonl model=openai/any as=job; set bulk.poll 200ms; ";
  const std::time_t now = std::time(nullptr), minute = (now / 60 + 3) * 60;
  std::tm parts{};
  ::localtime_r(&minute, &parts);
  char deadline[16];
  std::strftime(deadline, sizeof deadline, "%H:%M", &parts);

  SUBCASE("the files come back in time, expired ones in a second file") {
    server.config(std::string(R"({"reply":"qa",)") + kMockPrices +
                  R"(,"batch":{"in_progress":"300ms","expired":0.2,"missing":0.1}})");
    const Finished done = run(
        {assay_program(), file, "--json", "-c", load + "set bulk.margin 1s; run_n 16 lane=auto deadline=" + deadline},
        folder.path(), environment);
    INFO(done.out);
    INFO(done.error);
    REQUIRE(done.status == 0);
    CHECK(results(done.out).back().at("complete") == runs);
    CHECK(server.bill().at("calls") == runs);
    CHECK(server.bill().at("batch_calls") == runs);
    CHECK(fs::exists(folder.path() / "auto.bulk" / "auto-0002.jsonl"));
  }
  SUBCASE("time is up: cancelled there, live here") {
    server.config(std::string(R"({"reply":"qa",)") + kMockPrices + R"(,"batch":{"in_progress":"1000s"}})");
    const std::string margin = std::to_string(minute - now - 3) + "s";
    const Finished done = run({assay_program(), file, "--json", "-c",
                               load + "set bulk.margin " + margin + "; run_n 16 lane=auto deadline=" + deadline},
                              folder.path(), environment);
    INFO(done.out);
    INFO(done.error);
    REQUIRE(done.status == 0);
    CHECK(results(done.out).back().at("complete") == runs);
    CHECK(server.bill().at("calls") == runs);
    CHECK(server.bill().at("batch_calls").get<int>() < runs);
    CHECK(done.error.find("go on live") != std::string::npos);
  }
  CHECK(server.stats().at("duplicates").at("answered_again") == 0);
  CHECK(sum_of(file, "cost") == server.bill().at("pico_usd").get<std::int64_t>());
}
