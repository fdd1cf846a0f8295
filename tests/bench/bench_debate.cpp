// Debates beside the ideal schedule: 1,000 questions x 5 agents x 3 rounds on the built-in model at 20 ms, 50 runs at a
// time; and the memory after a fifth of the runs and at their end. One JSON line; exit status 1 when a bar is not met
// (1.3 times the ideal; 1.1 times the memory). specs: debate.md 14.17.
//
//     bench_debate

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "core/text/json.hpp"
#include "tests/support/process.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr int kQuestions = 1000, kAgents = 5, kRounds = 3, kWidth = 50;
constexpr double kLatency_s = 0.020, kMostTime = 1.3, kMostMemory = 1.1;

std::string questions() {
  std::string text;
  for (int i = 0; i < kQuestions; ++i) {
    const std::string n = std::to_string(i);
    text += R"({"id":"q)" + n + R"(","question":"Which comes after )" + n + R"(?","options":[")" + n + "\",\"" +
            std::to_string(i + 1) + "\",\"" + std::to_string(i + 2) + R"("],"answer":"B"})" + "\n";
  }
  return text;
}

long resident_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

}  // namespace

int main() {
  TemporaryFolder folder;
  folder.write("q.jsonl", questions());
  const double ideal = static_cast<double>(kQuestions) / kWidth * kRounds * kLatency_s;
  Child child({assay_program(), folder.file("x.assay"), "--json", "-c",
               "load debate q.jsonl agents=" + std::to_string(kAgents) + " rounds=" + std::to_string(kRounds) +
                   " model=sim/qa?latency=const:20ms; run_n " + std::to_string(kWidth)},
              folder.path());
  const auto begun = std::chrono::steady_clock::now();
  long early = 0, late = 0;
  while (child.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    const long now = resident_kib(child.pid());
    if (now == 0) continue;
    if (passed < 0.3 * ideal + 0.3) early = now;  // a fifth of the runs, and the start
    late = now;
  }
  const std::string out = child.out();
  const Json job = parse_json(std::string_view(out).substr(out.find('\n') + 1), "output").at("result");
  const double seconds = job.at("seconds").get<double>();
  const Json line{{"runs", job.at("complete")}, {"calls", job.at("calls")}, {"seconds", seconds}, {"ideal", ideal},
                  {"ratio", seconds / ideal},   {"early_kib", early},       {"late_kib", late}};
  std::puts(dump_json(line).c_str());
  const bool good = job.at("complete") == kQuestions && seconds <= kMostTime * ideal &&
                    static_cast<double>(late) <= kMostMemory * static_cast<double>(early);
  return good ? 0 : 1;
}
