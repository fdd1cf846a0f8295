// The whole program against the mock server, beside a bare libcurl-multi loop doing the same calls in the same run.
// Prints one JSON line a scenario: calls/s and CPU per call of both, and their ratios (DESIGN.md 6).
//
//     bench_shell PATH_TO_ASSAY PATH_TO_BENCH_CURL [SCENARIO..]

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/text/json.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay;
using assay::test::MockServer;

namespace {

struct Outcome {
  std::string out;
  double cpu_s = 0, wall_s = 0;
  long peak_kib = 0;
  int status = 0;
};

Outcome execute(const std::vector<std::string>& argv, const std::filesystem::path& folder) {
  const std::string out_path = (folder / "out.txt").string();
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(folder.c_str()) != 0) _exit(126);
    const int out = open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), nothing = open("/dev/null", O_WRONLY);
    dup2(out, 1);
    dup2(nothing, 2);
    std::vector<std::string> words = argv;
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(arguments.front(), arguments.data());
    _exit(127);
  }
  rusage usage{};
  int status = 0;
  wait4(child, &status, 0, &usage);
  Outcome outcome;
  outcome.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  outcome.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  outcome.peak_kib = usage.ru_maxrss;
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::ifstream file(out_path);
  std::ostringstream text;
  text << file.rdbuf();
  outcome.out = text.str();
  return outcome;
}

struct Scenario {
  const char* name;
  int calls, in_flight;
  const char* config;
  bool reference;
};

constexpr Scenario kScenarios[] = {
    {"latency_50ms_100", 20'000, 100, R"({"latency":"const:50ms"})", true},
    {"latency_50ms_1000", 20'000, 1'000, R"({"latency":"const:50ms"})", true},
    {"latency_100ms_1000", 20'000, 1'000, R"({"latency":"const:100ms"})", true},
    {"no_latency_100", 20'000, 100, R"({"latency":"const:0ms"})", true},
    {"latency_1s_10000", 30'000, 10'000, R"({"latency":"const:1s"})", true},
    {"uneven_100", 5'000, 100, R"({"latency":"lognormal:100ms,0.6"})", false},
    {"window_20", 1'000, 20, R"({"latency":"lognormal:50ms,0.7"})", false},
    {"faults_200", 20'000, 200, R"({"latency":"const:20ms"})", false},
};

/// JSON of the k-th output line's result.
Json result_of(const std::string& out, int k) {
  std::istringstream lines(out);
  std::string line;
  for (int i = 0; i <= k; ++i) std::getline(lines, line);
  const Json value = parse_json(line, "output");
  return value.contains("result") ? value.at("result") : value;
}

void run_scenario(const Scenario& scenario, const std::string& assay_path, const std::string& curl_path) {
  std::string pattern = (std::filesystem::temp_directory_path() / "assay_bench_XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  {
    std::ofstream pairs(folder / "pairs.jsonl");
    for (int i = 0; i < scenario.calls; ++i) pairs << "{\"A\":" << i << ",\"B\":" << i % 97 << "}\n";
  }
  MockServer server({"--seed", "3"});
  server.config(scenario.config);
  const bool faults = std::string(scenario.name).starts_with("faults");
  if (faults) {
    server.rules(R"([{"match":{"share":0.10},"do":{"status":429,"hint":{"form":"retry-after-ms","seconds":0.05}}},
                     {"match":{"share":0.05},"do":{"status":500}},{"match":{"share":0.02},"do":{"reset":"after_reading"}},
                     {"match":{"share":0.02},"do":{"body":"malformed"}},{"match":{"share":0.01},"do":{"reset":"mid_body"}}])");
  }
  setenv("OPENAI_BASE_URL", server.base_url().c_str(), 1);
  setenv("OPENAI_API_KEY", "sk-bench-0123456789", 1);

  Json line = Json::object({{"scenario", scenario.name}, {"calls", scenario.calls}, {"in_flight", scenario.in_flight}});
  double bare_rate = 0, bare_cpu = 0;
  if (scenario.reference) {
    const Outcome bare = execute(
        {curl_path, server.chat_url(), std::to_string(scenario.calls), std::to_string(scenario.in_flight)}, folder);
    const Json said = parse_json(bare.out, "bench_curl");
    bare_rate = said.at("calls_per_s").get<double>();
    bare_cpu = said.at("cpu_us_per_call").get<double>();
    server.reset();
  }
  const std::string file = (folder / "x.assay").string();
  const Outcome loading = execute({assay_path, file, "-c", "load arithmetic pairs.jsonl model=openai/any"}, folder);
  const Outcome idle = execute({assay_path, file, "-c", "status"}, folder);
  // An unreadable reply is asked for twice by default (models.md 3.2): 2 % of them make 0.04 % FAIL. With five tries
  // none.
  const std::string settings = faults ? "set retry.bad_response '5 500ms 30s'; " : "";
  const Outcome ours =
      execute({assay_path, file, "--json", "-c", settings + "run_n " + std::to_string(scenario.in_flight)}, folder);
  if (loading.status != 0) line["load_failed"] = loading.status;
  const Json job = result_of(ours.out, faults ? 1 : 0);
  const double seconds = job.at("seconds").get<double>();
  const double rate = scenario.calls / seconds;
  const double cpu = (ours.cpu_s - idle.cpu_s) / scenario.calls * 1e6;
  line["seconds"] = seconds;
  line["calls_per_s"] = rate;
  line["cpu_us_per_call"] = cpu;
  line["peak_mib"] = static_cast<double>(ours.peak_kib) / 1024;
  line["complete"] = job.at("complete");
  line["fail"] = job.at("fail");
  if (scenario.reference) {
    line["bare_calls_per_s"] = bare_rate;
    line["bare_cpu_us_per_call"] = bare_cpu;
    line["rate_ratio"] = rate / bare_rate;
    line["cpu_ratio"] = cpu / bare_cpu;
  }
  const Json stats = server.stats();
  line["largest_in_flight_at_server"] = stats.at("in_flight").at("largest");
  if (std::string(scenario.name).starts_with("uneven") || std::string(scenario.name).starts_with("window")) {
    const double ideal =
        assay::test::list_schedule_seconds(server.latencies(), static_cast<std::size_t>(scenario.in_flight));
    line["ideal_s"] = ideal;
    line["of_ideal"] = ideal / seconds;
  }
  if (faults) {
    line["requests"] = stats.at("requests");
    line["connections"] = stats.at("connections");
    line["resets"] = stats.at("resets");
    line["answered_again"] = stats.at("duplicates");
  }
  std::puts(dump_json(line).c_str());
  std::fflush(stdout);
  std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("bench_shell ASSAY BENCH_CURL [SCENARIO..]\n", stderr);
    return 2;
  }
  for (const Scenario& scenario : kScenarios) {
    bool wanted = argc == 3;
    for (int i = 3; i < argc; ++i) wanted = wanted || std::string(scenario.name).find(argv[i]) != std::string::npos;
    if (wanted) run_scenario(scenario, argv[1], argv[2]);
  }
  return 0;
}
