// kill -9 of the program while a hundred programs of runs are at work: nothing is lost, nothing answered is asked
// again, and no process is left, whatever the programs had started.
#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

/// Processes whose environment holds this text; zombies don't count.
std::vector<std::string> processes_with(const std::string& mark) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    if (environment.find(mark) == std::string::npos) continue;
    std::ifstream words(entry.path() / "cmdline", std::ios::binary);
    found.emplace_back(name + " " + std::string{std::istreambuf_iterator<char>(words), {}});
  }
  return found;
}

bool none_left(const std::string& mark) {
  for (int i = 0; i < 250; ++i) {
    if (processes_with(mark).empty()) return true;
    std::this_thread::sleep_for(20ms);
  }
  for (const std::string& process : processes_with(mark)) MESSAGE("left: " << process);
  return false;
}

/// Two steps of two calls each, and a process of its own beside each.
constexpr const char* kProgram = R"(import json, subprocess, sys
beside = subprocess.Popen(["sleep", "1000"])
def say(**m): print(json.dumps(m), flush=True)
for line in iter(sys.stdin.readline, ""):
    run = json.loads(line)["run"]
    op = json.loads(line)["op"]
    if op == "step":
        texts = run["state"] or []
        for part in "ab":
            say(call={"key": part, "messages": [{"role": "user", "content": "%d %d" % (run["data"]["n"], run["step"] * 2 + ord(part))}]})
            answer = json.loads(sys.stdin.readline())
            if "error" in answer:
                say(fail=answer["error"])
                break
            texts.append(answer["reply"]["text"])
        else:
            say(done={"next": "again" if run["step"] < 2 else "done", "state": texts, "answer": texts})
    elif op == "evaluate":
        say(done={"score": len(run["answer"]) == 4})
    else:
        say(done={})
)";

}  // namespace

TEST_CASE(
    "kills with 100 in flight: no recorded answer is asked again, what is sent twice is named, no process is left") {
  if (std::system("python3 -c 'import json, subprocess' 2>/dev/null") != 0) {
    MESSAGE("skipped: no python3");
    return;
  }
  const int kills = std::getenv("ASSAY_SOAK") != nullptr ? 200 : 5;
  constexpr int kRuns = 400;
  TemporaryFolder folder;
  folder.write("runner.py", kProgram);
  std::string data;
  for (int i = 1; i <= kRuns; ++i) data += "{\"n\":" + std::to_string(i) + "}\n";
  folder.write("data.jsonl", data);
  MockServer server({"--seed", "5"});
  server.config(R"({"latency":"lognormal:300ms,0.5"})");
  Environment environment = server_environment(server);
  const std::string mark = "ASSAY_TEST_MARK=" + folder.path().string();
  environment.emplace_back("ASSAY_TEST_MARK", folder.path().string());
  environment.emplace_back("XDG_STATE_HOME", folder.file("state"));
  const std::string file = folder.file("killed.assay");
  REQUIRE(
      run({assay_program(), file, "-c", "load exec data.jsonl command=\"python3 runner.py\" model=openai/any as=job"},
          folder.path(), environment)
          .status == 0);

  std::mt19937_64 random(42);
  int killed = 0;
  for (; killed < kills; ++killed) {
    Child child({assay_program(), file, "-c", "run_n 100"}, folder.path(), environment);
    // After so many more answers, however long a hundred programs take to start.
    const auto until = server.stats().at("requests").get<std::size_t>() + 60 + random() % 150;
    bool over = false;
    while (!over && server.stats().at("requests").get<std::size_t>() < until) over = child.wait_for(50ms) != -1;
    if (over) break;
    if (killed == 0) CHECK(processes_with(mark).size() > 10);
    child.signal(SIGKILL);
    child.wait();
    CHECK(none_left(mark));
  }
  CHECK(killed >= 2);
  const Finished done =
      run({assay_program(), file, "--json", "-c", "run_n 100; status; calls --in-doubt; check; replay job:7"},
          folder.path(), environment);
  INFO(done.out.substr(0, 3000));
  INFO(done.error);
  CHECK(done.status == 0);
  CHECK(none_left(mark));
  const std::vector<Json> said = results(done.out);
  CHECK(said.at(0).at("fail") == 0);
  CHECK(said.at(1).at("by_score").at("CORRECT") == kRuns);
  CHECK(said.at(1).at("calls").at("answered") == 4 * kRuns);
  CHECK(said.at(3).at("findings").empty());
  const std::size_t in_doubt = said.at(2).at("calls").size();
  const auto requests = server.stats().at("requests").get<std::size_t>();
  MESSAGE(killed << " kills: " << requests << " requests for " << 4 * kRuns << " calls, " << in_doubt << " in doubt");
  CHECK(requests >= 4 * kRuns);
  CHECK(requests - 4 * kRuns <= in_doubt);
  const auto number = [&](const std::string& query) { return std::stoull(sql(file, query).at(0).at(0)); };
  CHECK(number("SELECT count(*) FROM (SELECT 1 FROM call c JOIN call d ON d.run = c.run AND d.attempt = c.attempt AND "
               "d.step = c.step AND d.key = c.key AND d.number > c.number WHERE c.state = 1)") == 0);
  CHECK(requests <= number("SELECT sum(tries) FROM call"));
}

TEST_CASE("told to end, the program takes its programs with it, those too that would stay") {
  TemporaryFolder folder;
  folder.write("stay.sh", "trap '' TERM\nsleep 1000 &\nwhile read -r line; do : > started; sleep 1000; done\n");
  folder.write("data.jsonl", "{}\n{}\n{}\n");
  const std::string mark = "ASSAY_TEST_MARK=" + folder.path().string();
  const Environment environment = {{"ASSAY_TEST_MARK", folder.path().string()},
                                   {"XDG_STATE_HOME", folder.file("state")}};
  for (const int number : {SIGTERM, SIGINT}) {
    fs::remove(folder.path() / "started");
    Child child({assay_program(), ":memory:", "-c", "load exec data.jsonl command=\"sh stay.sh\"; run_n 3"},
                folder.path(), environment);
    for (int i = 0; i < 500 && !fs::exists(folder.path() / "started"); ++i) std::this_thread::sleep_for(20ms);
    REQUIRE(fs::exists(folder.path() / "started"));
    CHECK(processes_with(mark).size() >= 3);
    for (int i = 0; i < (number == SIGINT ? 3 : 1); ++i) {
      child.signal(number);
      std::this_thread::sleep_for(300ms);
    }
    CHECK(child.wait_for(20s) != -1);
    CHECK(none_left(mark));
  }
}
