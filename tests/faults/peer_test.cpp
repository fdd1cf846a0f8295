// Peer prediction that is killed again and again: runs wait for each other's responses, and none is lost, asked twice
// or paired with another task than it would have been.
#include <doctest/doctest.h>
#include <signal.h>

#include <random>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr int kTasks = 8;
constexpr int kCallsOfTask = 1 + 2 + 6 + 6 + 2 * 6;  // a reading, two responses, p, q, both judgements; one null agent

void write_config(const TemporaryFolder& folder) {
  Json items = Json::array();
  for (int t = 1; t <= kTasks; ++t) {
    items.push_back({{"id", "t" + std::to_string(t)}, {"input", "Abstract number " + std::to_string(t)}});
  }
  folder.write("items.json", dump_json(items));
  const Json agents = {{{"reading", "Read it."}, {"strategy", "Review it."}},
                       {{"reading", nullptr}, {"strategy", "Sum it up."}},
                       {{"reading", nullptr}, {"strategy", nullptr}}};
  folder.write("study.json", dump_json(Json{{"exp_type", "llm"},
                                            {"num_agents", 3},
                                            {"agent_perspectives", agents},
                                            {"data_config", {{"data_path", "items.json"}, {"n_tasks", kTasks}}}}));
}

constexpr const char* kLoad = "load peer_prediction study.json model=openai/any seed=3 autosave=off";
constexpr const char* kRules = R"([{"match":{"contains":"[[No Gain]]"},"do":{"reply":"so [[Little Gain]]"}},
                                   {"match":{"contains":"[[C]]"},"do":{"reply":"so [[A]]"}}])";

}  // namespace

TEST_CASE("killed at twenty moments, eight tasks end with the partners that they would have had") {
  TemporaryFolder folder;
  write_config(folder);
  MockServer server({"--seed", "4"});
  server.config(R"({"latency":"lognormal:15ms,0.5"})");
  server.rules(kRules);
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  REQUIRE(run({assay_program(), file, "-c", kLoad}, folder.path(), environment).status == 0);
  std::mt19937_64 random(11);
  int kills = 0;
  while (kills < 20) {
    Child child({assay_program(), file, "-c", "run_n 3"}, folder.path(), environment);
    if (child.wait_for(std::chrono::milliseconds(60 + static_cast<int>(random() % 120U))) != -1) break;
    child.signal(SIGKILL);
    child.wait();
    ++kills;
  }
  const Finished done = run({assay_program(), file, "--json", "-c",
                             "run_n 3; status; calls --in-doubt; check; save " + folder.file("killed.jsonl")},
                            folder.path(), environment);
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 5, done.out << done.error);
  CHECK(said[1].at("by_status").at("COMPLETE") == kTasks);
  CHECK(said[3].at("findings").empty());
  const auto calls = said[1].at("calls").at("answered").get<std::size_t>();
  CHECK(calls == kTasks * kCallsOfTask);
  // What was answered twice had been on its way when the program died, and is named.
  CHECK(server.stats().at("answered").get<std::size_t>() <= calls + said[2].at("calls").size());
  MESSAGE(kills << " kills, " << calls << " calls, " << said[2].at("calls").size() << " in doubt");

  const Finished calm =
      run({assay_program(), ":memory:", "-c", std::string(kLoad) + "; run_n 1; save " + folder.file("calm.jsonl")},
          folder.path(), environment);
  REQUIRE_MESSAGE(calm.status == 0, calm.error);
  CHECK(outcomes(folder.read("killed.jsonl")) == outcomes(folder.read("calm.jsonl")));
}

TEST_CASE("a part of the tasks at width 1, then the rest: every run ends, nobody waits for ever") {
  TemporaryFolder folder;
  write_config(folder);
  MockServer server;
  server.rules(kRules);
  const std::string file = folder.file("x.assay");
  const Finished done =
      run({assay_program(), file, "--json", "-c", std::string(kLoad) + "; run_n 1 r:t[257]$; status; run_n 1; status"},
          folder.path(), server_environment(server));
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 5, done.out << done.error);
  CHECK(said[2].at("by_status").at("COMPLETE") == 3);
  CHECK(said[4].at("by_status").at("COMPLETE") == kTasks);
}
