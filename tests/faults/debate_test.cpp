// kill -9 in the middle of debates and of their forks: many calls a step, several steps a run. What was answered is
// never asked again, and the transcripts are those of a session that nobody disturbed.
#include <doctest/doctest.h>
#include <signal.h>

#include <random>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

constexpr int kAgents = 3, kRounds = 3, kWidth = 20;

/// Prompts that differ by agent and round, so that no two calls of a debate are the same request, and answers that
/// depend on the request alone.
void write_debate(const TemporaryFolder& folder, int items) {
  folder.write("items.jsonl", questions(items));
  folder.write("first.yaml", "name: asked\ntemplate: |\n  {{ agent.name }}, answer.\n  {{ question }}\n");
  folder.write("next.yaml",
               "name: asked\ntemplate: |\n  {{ agent.name }}, this is round {{ round }} of {{ rounds }}. The others:\n"
               "  {% for p in peers %}{{ p.name }}: {{ p.content }}\n  {% endfor %}\n  {{ question }}\n");
  folder.write("other.yaml",
               "name: asked\ntemplate: |\n  {{ agent.name }}, be critical.\n"
               "  {% for p in peers %}{{ p.content }} / {% endfor %}\n  {{ question }}\n");
}

std::string load_line() {
  return "load debate items.jsonl as=talk model=openai/any max_tokens=64 agents=" + std::to_string(kAgents) +
         " rounds=" + std::to_string(kRounds) + " initial_prompt=first.yaml collaborative_prompt=next.yaml";
}

struct Disturbed {
  int kills = 0;
  std::size_t requests = 0;
};

/// Begins `run_n` again and again and kills it after a while, until it has been killed so often or is done.
Disturbed kill_often(const TemporaryFolder& folder, const std::string& file, const std::string& query, int kills,
                     int most_ms, const Environment& environment, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Disturbed disturbed;
  while (disturbed.kills < kills) {
    Child child({assay_program(), file, "-c", "run_n " + std::to_string(kWidth) + " " + query}, folder.path(),
                environment);
    const auto after = std::chrono::milliseconds(40 + static_cast<int>(random() % static_cast<unsigned>(most_ms)));
    if (child.wait_for(after) != -1) break;
    child.signal(SIGKILL);
    child.wait();
    ++disturbed.kills;
  }
  return disturbed;
}

std::size_t number(const std::string& file, const std::string& query) {
  return std::stoull(sql(file, query).at(0).at(0));
}

/// Answered calls that another answered call repeats, and answered ones that were sent again later.
std::size_t asked_again(const std::string& file) {
  return number(file,
                "SELECT count(*) FROM call c JOIN call d ON d.run = c.run AND d.attempt = c.attempt AND "
                "d.step = c.step AND d.key = c.key AND d.number > c.number WHERE c.state = 1");
}

std::vector<Json> finish(const TemporaryFolder& folder, const std::string& file, const std::string& batch,
                         const Environment& environment) {
  const Finished done = run({assay_program(), file, "--json", "-c",
                             "run_n " + std::to_string(kWidth) + "; status; calls --in-doubt; check; save " + file +
                                 ".jsonl batch:" + batch + "; replay batch:" + batch},
                            folder.path(), environment);
  INFO(done.out.substr(0, 2000));
  INFO(done.error);
  CHECK(done.status == 0);
  return results(done.out);
}

}  // namespace

TEST_CASE("debates of 3 agents and 3 rounds, killed ten times: the transcript is that of an undisturbed session") {
  constexpr int kItems = 393;
  constexpr std::size_t kCalls = static_cast<std::size_t>(kItems) * kAgents * kRounds;
  TemporaryFolder folder;
  write_debate(folder, kItems);
  MockServer server({"--seed", "5"});
  server.config(R"({"reply":"qa","latency":"lognormal:40ms,0.5"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("killed.assay");
  REQUIRE(run({assay_program(), file, "-c", load_line()}, folder.path(), environment).status == 0);

  const Disturbed disturbed = kill_often(folder, file, "all", 10, 250, environment, 3);
  const std::vector<Json> said = finish(folder, file, "talk", environment);
  REQUIRE(said.size() == 6);
  const std::size_t in_doubt = said[2].at("calls").size();
  const auto requests = server.stats().at("requests").get<std::size_t>();
  MESSAGE(disturbed.kills << " kills, " << requests << " requests for " << kCalls << " calls, " << in_doubt
                          << " in doubt");
  CHECK(disturbed.kills >= 5);
  CHECK(said[1].at("by_status").at("COMPLETE") == kItems);
  CHECK(said[1].at("calls").at("answered") == kCalls);
  CHECK(said[3].at("findings").empty());
  CHECK(asked_again(file) == 0);
  CHECK(requests <= kCalls + in_doubt);  // what went out twice was in flight when the program died, and is named
  CHECK(in_doubt <= static_cast<std::size_t>(disturbed.kills) * kWidth * kAgents);
  CHECK(said[5].at("same") == kItems);
  CHECK(said[5].at("messages").at("equal") == kCalls);
  // By the server's own log: as many distinct requests as calls, and of each that was sent again one sending was lost.
  std::size_t distinct = 0, repeats = 0;
  const Json log = server.fingerprints();
  for (const auto& [fingerprint, counts] : log.items()) {
    ++distinct;
    repeats += counts.at("requests").get<std::size_t>() - 1;
  }
  CHECK(distinct == kCalls);
  CHECK(repeats <= in_doubt);

  server.config(R"({"latency":"const:0ms"})");
  const std::string whole = folder.file("whole.assay");
  REQUIRE(run({assay_program(), whole, "-c", load_line()}, folder.path(), environment).status == 0);
  finish(folder, whole, "talk", environment);
  CHECK(outcomes(folder.read("killed.assay.jsonl")) == outcomes(folder.read("whole.assay.jsonl")));
}

TEST_CASE("forks killed in the middle begin where they were forked, and what they share is never asked") {
  constexpr int kItems = 80;
  constexpr std::size_t kParents = static_cast<std::size_t>(kItems) * kAgents * kRounds;
  constexpr std::size_t kForked = static_cast<std::size_t>(kItems) * kAgents * 2;
  const std::string fork = "fork batch:talk step=1 collaborative_prompt=other.yaml as=fork";
  TemporaryFolder folder;
  write_debate(folder, kItems);
  MockServer server({"--seed", "5"});
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("killed.assay"), whole = folder.file("whole.assay");
  for (const std::string& name : {file, whole}) {
    REQUIRE(
        run({assay_program(), name, "-c", load_line() + "; run_n 20; " + fork}, folder.path(), environment).status ==
        0);
  }
  finish(folder, whole, "fork", environment);
  server.reset();
  server.config(R"({"latency":"lognormal:40ms,0.5"})");

  const Disturbed disturbed = kill_often(folder, file, "batch:fork", 8, 120, environment, 9);
  const std::vector<Json> said = finish(folder, file, "fork", environment);
  REQUIRE(said.size() == 6);
  const std::size_t in_doubt = said[2].at("calls").size();
  const auto requests = server.stats().at("requests").get<std::size_t>();
  MESSAGE(disturbed.kills << " kills, " << requests << " requests for " << kForked << " calls of forks, " << in_doubt
                          << " in doubt");
  CHECK(disturbed.kills >= 3);
  CHECK(said[1].at("calls").at("answered") == kParents + kForked);
  CHECK(said[3].at("findings").empty());
  CHECK(asked_again(file) == 0);
  CHECK(requests <= kForked + in_doubt);
  CHECK(number(file, "SELECT count(*) FROM call WHERE step = 1") == kItems * kAgents);  // the parents' alone
  CHECK(said[5].at("same") == kItems);
  CHECK(outcomes(folder.read("killed.assay.jsonl")) == outcomes(folder.read("whole.assay.jsonl")));
}

TEST_CASE("killed while it forks: the forks are all there or none, and the file is whole") {
  constexpr int kItems = 150;
  TemporaryFolder folder;
  write_debate(folder, kItems);
  MockServer server({"--seed", "5"});
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  REQUIRE(run({assay_program(), file, "-c", load_line() + "; run_n 20"}, folder.path(), environment).status == 0);
  for (int i = 0; i < 12; ++i) {
    Child child({assay_program(), file, "-c", "fork batch:talk step=2"}, folder.path(), environment);
    if (child.wait_for(std::chrono::milliseconds(15 + 25 * i)) == -1) child.signal(SIGKILL);
    child.wait();
  }
  REQUIRE(run({assay_program(), file, "-c", "fork batch:talk step=2"}, folder.path(), environment).status == 0);
  const Finished done =
      run({assay_program(), file, "--json", "-c", "check; status; batches"}, folder.path(), environment);
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 3);
  CHECK(said[0].at("findings").empty());
  const std::size_t made = said[2].size() - 1;
  MESSAGE(made << " of 13 forks were made");
  CHECK(made >= 1);
  for (const Json& batch : said[2]) CHECK(batch.at("runs") == kItems);
  CHECK(number(file, "SELECT count(*) FROM step WHERE attempt = 0") == kItems * made);
}
