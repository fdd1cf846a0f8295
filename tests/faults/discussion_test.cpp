// Discussions that nobody watches: a server that refuses, resets, hangs and goes away, and a program that is killed
// again and again. All are held to their end, as if nothing had happened, and no file is written twice.
#include <doctest/doctest.h>
#include <signal.h>

#include <random>

#include "tests/faults/study.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kSettings = "set timeout.attempt 2s; set timeout.first_byte 1s; ";

struct Killed {
  int kills = 0;
  std::size_t calls = 0, requests = 0, answered = 0, in_doubt = 0;
};

/// Kills `run_n WIDTH` of a study at random moments until it has been killed so often or is done; then finishes it.
Killed disturb(const TemporaryFolder& folder, const std::string& file, MockServer& server, int width, int kills,
               int most_ms, std::uint64_t seed, const std::string& calm_rules) {
  const Environment environment = server_environment(server);
  std::mt19937_64 random(seed);
  Killed killed;
  while (killed.kills < kills) {
    Child child({assay_program(), file, "-c", kSettings + ("run_n " + std::to_string(width))}, folder.path(),
                environment);
    if (child.wait_for(std::chrono::milliseconds(60 + static_cast<int>(random() % static_cast<unsigned>(most_ms)))) !=
        -1)
      break;
    child.signal(SIGKILL);
    child.wait();
    ++killed.kills;
    // A part of the time it is away altogether.
    server.rules(killed.kills % 5 == 4 ? R"([{"do":{"status":503}}])" : calm_rules);
  }
  server.rules(calm_rules);
  const Finished done = run(
      {assay_program(), file, "--json", "-c",
       kSettings + ("run_n " + std::to_string(width)) + "; status; calls --in-doubt; check; export syndisco killed"},
      folder.path(), environment);
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 7, done.out);
  CHECK(said[3].at("by_status").at("COMPLETE") == said[3].at("runs"));
  CHECK(said[5].at("findings").empty());
  killed.calls = said[3].at("calls").at("answered").get<std::size_t>();
  killed.in_doubt = said[4].at("calls").size();
  const Json stats = server.stats();
  killed.requests = stats.at("requests").get<std::size_t>();
  killed.answered = stats.at("answered").get<std::size_t>();
  // What was answered twice had been on its way when the program died, and is named.
  CHECK(killed.answered <= killed.calls + killed.in_doubt);
  return killed;
}

/// The same designs in one piece with a server that never fails.
void undisturbed(const TemporaryFolder& folder, const std::string& file, MockServer& server) {
  server.rules("[]");
  server.config(R"({"latency":"const:0ms"})");
  const Finished calm = run({assay_program(), file, "-c", "export design d.json"}, folder.path());
  REQUIRE_MESSAGE(calm.status == 0, calm.error);
  const Finished whole =
      run({assay_program(), ":memory:", "-c",
           "load discussion study.yml design=d.json model=openai/any; run_n 8; export syndisco whole"},
          folder.path(), server_environment(server));
  REQUIRE_MESSAGE(whole.status == 0, whole.error);
}

}  // namespace

TEST_CASE("killed at twenty moments, eight discussions end as if nothing had happened") {
  TemporaryFolder folder;
  write_study(folder, 8, 14);
  MockServer server({"--seed", "4"});
  server.config(R"({"reply":"qa","latency":"lognormal:15ms,0.5"})");
  const std::string file = folder.file("x.assay");
  REQUIRE(run({assay_program(), file, "-c", "load discussion study.yml seed=2 model=openai/any write_dir=written"},
              folder.path(), server_environment(server))
              .status == 0);
  const Killed killed = disturb(folder, file, server, 8, 20, 60, 7, "[]");
  MESSAGE(killed.kills << " kills, " << killed.requests << " requests for " << killed.calls << " calls, "
                       << killed.in_doubt << " in doubt");
  CHECK(killed.kills >= 8);
  CHECK(killed.calls == 8 * 14 * 2);
  CHECK(files_below(folder.path() / "written").size() == 8);
  undisturbed(folder, file, server);
  CHECK(discussions_in(folder.path() / "killed") == discussions_in(folder.path() / "whole"));
  CHECK(discussions_in(folder.path() / "written") == discussions_in(folder.path() / "whole"));
}

TEST_CASE("forty discussions through refusals, resets, hangs, an absent server and kills are those of a calm day") {
  constexpr int kDiscussions = 40, kTurns = 14;
  TemporaryFolder folder;
  write_study(folder, kDiscussions, kTurns);
  MockServer server({"--seed", "9"});
  server.config(R"({"reply":"qa","latency":"lognormal:30ms,0.5"})");
  const std::string faults = R"([{"match":{"every":500},"do":{"slow":"silence"}},
                                 {"match":{"share":0.02},"do":{"status":500}},
                                 {"match":{"share":0.01},"do":{"reset":"after_reading"}}])";
  server.rules(faults);
  const std::string file = folder.file("x.assay");
  REQUIRE(run({assay_program(), file, "-c", "load discussion study.yml seed=6 model=openai/any write_dir=written"},
              folder.path(), server_environment(server))
              .status == 0);
  const Killed killed = disturb(folder, file, server, 20, 12, 300, 3, faults);
  MESSAGE(killed.kills << " kills, " << killed.requests << " requests for " << killed.calls << " calls, "
                       << killed.in_doubt << " in doubt");
  CHECK(killed.kills >= 5);
  CHECK(killed.calls == kDiscussions * kTurns * 2);
  CHECK(files_below(folder.path() / "written").size() == kDiscussions);
  undisturbed(folder, file, server);
  CHECK(discussions_in(folder.path() / "killed") == discussions_in(folder.path() / "whole"));
}
