// The table of models.md 10 with the whole program: the same work as was measured of the tool it stands for, progress
// on, ledger commits included, against the mock server on this machine. Prints a row a work: what was reached, the bar,
// the other's figure. Exit status 1 when a bar is not met.
//
//     bench_models [--judge] [ROW..]   rows whose names contain one of these words; `long` rows (minutes) only by name
//
// --judge: the calls are those of judges, an answer each, instead of sums.
//
// Ideal times are those of list scheduling with the very latencies that the server drew.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "core/text/json.hpp"
#include "tests/support/mock_server.hpp"
#include "tests/support/process.hpp"

using namespace assay;
using namespace assay::test;

namespace {

struct Work {
  int calls = 0, in_flight = 0;
  std::string config = {}, rules = "[]", models = {};  // of the server, and models.yaml (PORT: the server's)
  std::string model = "openai/any";
  std::chrono::seconds outage{0};  // how long the rules hold
};

struct Result {
  double seconds = 0, rate = 0;
  Json job, stats;
  std::vector<double> drawn_ms, run_seconds;
  std::string models_of_calls;
};

/// The result of the last command of a script run with --json.
Json last_result(const std::string& out) {
  std::istringstream lines(out);
  std::string line, last;
  while (std::getline(lines, line)) {
    if (!line.empty()) last = line;
  }
  const Json value = parse_json(last, "output");
  return value.contains("result") ? value.at("result") : value;
}

Result execute(const std::string& kind, const Work& work) {
  const TemporaryFolder folder;
  std::string items;
  for (int i = 0; i < work.calls; ++i) {
    const std::string a = std::to_string(i), b = std::to_string(i % 97);
    items += kind == "judge" ? R"({"id":")" + a + R"(","question":"What is )" + a + " + " + b + R"(?","reference":")" +
                                   std::to_string(i + i % 97) + R"(","prediction":")" + a + "\"}\n"
                             : "{\"A\":" + a + ",\"B\":" + b + "}\n";
  }
  folder.write("items.jsonl", items);
  MockServer server({"--seed", "3"});
  server.config(work.config);
  server.rules(work.rules);
  if (!work.models.empty()) {
    std::string text = work.models;
    for (std::size_t at = 0; (at = text.find("PORT")) != std::string::npos;) {
      text.replace(at, 4, std::to_string(server.port()));
    }
    folder.write("models.yaml", text);
  }
  const Environment environment = {{"OPENAI_BASE_URL", server.base_url()},
                                   {"OPENAI_API_KEY", "sk-bench-0123456789"},
                                   {"XDG_CONFIG_HOME", folder.path().string()},
                                   {"XDG_STATE_HOME", folder.path().string()}};
  const std::string file = folder.file("x.assay");
  const auto assay = [&](const std::string& script) {
    Child child({assay_program(), file, "--json", "-c", script}, folder.path(), environment);
    child.wait();
    return child.out();
  };
  assay("load " + kind + " items.jsonl " + (kind == "judge" ? "judge=" : "model=") + work.model);
  Result result;
  std::thread repair;
  if (work.outage.count() > 0) {
    repair = std::thread([&] {
      std::this_thread::sleep_for(work.outage);
      server.rules("[]");
    });
  }
  result.job = last_result(assay("run_n " + std::to_string(work.in_flight)));
  if (repair.joinable()) repair.join();
  result.seconds = result.job.value("seconds", 1e9);
  result.rate = work.calls / result.seconds;
  result.stats = server.stats();
  result.drawn_ms = server.latencies();
  result.models_of_calls = assay("cost by model");
  assay("export jsonl runs.jsonl");
  std::istringstream runs(folder.read("runs.jsonl"));
  for (std::string line; std::getline(runs, line);) {
    result.run_seconds.push_back(parse_json(line, "run").at("attempts").at(0).at("seconds").get<double>());
  }
  return result;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.3g" : value < 100 ? "%.1f" : "%.0f", value);
  return text;
}

struct Verdict {
  std::string reached;
  bool met = false;
};

struct Row {
  std::string name, bar, other;
  bool slow = false;
  std::function<Verdict()> run;
};

Verdict at_least(double value, double bar, const std::string& unit, const std::string& more = "") {
  return {number(value) + unit + more, value >= bar};
}

bool all_complete(const Result& r, int calls) {
  return r.job.value("complete", 0) == calls && r.job.value("fail", 1) == 0;
}

Row fixed_latency(const std::string& kind, const char* name, int calls, int in_flight, double bar, const char* other) {
  return {name, ">= " + number(bar) + "/s", other, false, [=] {
            const Result r = execute(kind, {calls, in_flight, R"({"latency":"const:1s"})"});
            return at_least(r.rate, bar, "/s", " in " + number(r.seconds) + " s");
          }};
}

Row of_ideal(const std::string& kind, const char* name, int calls, int in_flight, const char* other) {
  return {name, ">= 0.97 of the ideal schedule", other, false, [=] {
            const Result r = execute(kind, {calls, in_flight, R"({"latency":"lognormal:800ms,0.6"})"});
            const double ideal = list_schedule_seconds(r.drawn_ms, static_cast<std::size_t>(in_flight));
            return at_least(ideal / r.seconds, 0.97, " of ideal",
                            ", " + number(r.rate) + "/s of " + number(calls / ideal) + "/s");
          }};
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

/// Admitted a second from second `from` to the last whole one, of `limit`; and rejected of all.
Verdict used_of_limit(const Result& r, double limit, std::size_t from, double bar) {
  const Json& seconds = r.stats.at("per_second");
  double admitted = 0, rejected = 0, n = 0;
  for (std::size_t i = from; i + 2 < seconds.size(); ++i) {
    admitted += seconds[i][0].get<double>();
    rejected += seconds[i][1].get<double>();
    ++n;
  }
  const double used = admitted / std::max(n, 1.0) / limit, lost = rejected / std::max(1.0, admitted + rejected);
  return {number(used) + " used, " + number(100 * lost) + " % rejected after " + std::to_string(from) + " s, " +
              r.stats.at("by_status").value("429", Json(0)).dump() + " rejected in all",
          used >= bar && lost < 0.01};
}

std::vector<Row> rows(const std::string& kind) {
  std::vector<Row> all;
  all.push_back(fixed_latency(kind, "1s_10", 200, 10, 9.9, "9.86/s"));
  all.push_back(fixed_latency(kind, "1s_50", 500, 50, 49, "48.4/s"));
  all.push_back(fixed_latency(kind, "1s_100", 1'000, 100, 97, "91.9/s"));
  all.push_back(fixed_latency(kind, "1s_200", 2'000, 200, 190, "177.9/s"));
  all.push_back({"no_latency_100", ">= 5,000/s (or half a bare loop: bench_shell)", "948/s", false, [kind] {
                   const Result r = execute(kind, {2'000, 100, R"({"latency":"const:0ms"})"});
                   return at_least(r.rate, 5'000, "/s");
                 }});
  all.push_back(of_ideal(kind, "lognormal_50", 500, 50, "44.2/s; 17.8/s with progress"));
  all.push_back(of_ideal(kind, "lognormal_10", 100, 10, "9.8/s; 5.5/s with progress"));
  all.push_back({"limit_20_per_second", "<= 10.5 s, <= 50 rejected, none answered twice", "20.6 s", false, [kind] {
                   const Result r = execute(kind, {200, 50,
                                                   R"({"latency":"const:500ms","limit":{"kind":"token_bucket","rate":20,
                                                "burst":20,"hint":{"form":"retry-after","seconds":1}}})"});
                   const int rejected = r.stats.at("by_status").value("429", 0);
                   const int twice = r.stats.at("duplicates").at("answered_again").get<int>();
                   return Verdict{number(r.seconds) + " s, " + std::to_string(rejected) + " rejected, " +
                                      std::to_string(twice) + " answered twice",
                                  r.seconds <= 10.5 && rejected <= 50 && twice == 0 && all_complete(r, 200)};
                 }});
  all.push_back(
      {"one_400", "99 results + 1 FAIL, 1 request for it, <= 3.0 s", "40.06 s, 0 results", false, [kind] {
         const Result r = execute(kind, {100, 20, R"({"latency":"const:500ms"})",
                                         R"([{"match":{"nth":50},"do":{"status":400,"latency":"const:500ms"}}])"});
         const int requests = r.stats.at("requests").get<int>();
         return Verdict{
             std::to_string(r.job.value("complete", 0)) + " + " + std::to_string(r.job.value("fail", 0)) + " FAIL, " +
                 std::to_string(requests) + " requests, " + number(r.seconds) + " s",
             r.job.value("complete", 0) == 99 && r.job.value("fail", 0) == 1 && requests == 100 && r.seconds <= 3.0};
       }});
  all.push_back({"401_fallback", "< 1 s, the fallback's own model", "40.28 s, wrong model sent", false, [kind] {
                   const char* models = R"(
version: 1
providers:
  p: {type: openai, base_url: "http://127.0.0.1:PORT/v1", key_env: none}
models:
  first: {model: p/refused, fallbacks: [second]}
  second: {model: p/other}
)";
                   const Result r =
                       execute(kind, {20, 20, R"({"latency":"const:0ms","require_key":false})",
                                      R"([{"match":{"model":"refused"},"do":{"status":401}}])", models, "first"});
                   const bool named = r.models_of_calls.find("second") != std::string::npos;
                   return Verdict{number(r.seconds) + " s, " + std::to_string(r.job.value("complete", 0)) + " answered",
                                  r.seconds < 1 && all_complete(r, 20) && named};
                 }});
  all.push_back({"no_ceiling_3000", ">= 2,950 in flight at the server", "", false, [kind] {
                   const Result r = execute(kind, {9'000, 3'000, R"({"latency":"const:1s"})"});
                   const int most = r.stats.at("in_flight").at("largest").get<int>();
                   return Verdict{std::to_string(most) + " in flight", most >= 2'950 && all_complete(r, 9'000)};
                 }});
  all.push_back({"hedge_p95", "p99 at least 3x lower, <= 5 % more requests", "", false, [kind] {
                   const auto with = [kind](const char* mode) {
                     const std::string models = R"(
version: 1
providers:
  p: {type: openai, base_url: "http://127.0.0.1:PORT/v1", key_env: none, hedge: )" +
                                                std::string(mode) + "}\n";
                     return execute(kind,
                                    {4'000, 50, R"({"latency":"const:50ms","require_key":false})",
                                     R"([{"match":{"share":0.02},"do":{"latency":"const:1s"}}])", models, "p/any"});
                   };
                   const Result off = with("off"), on = with("p95");
                   const double before = percentile(off.run_seconds, 0.99), after = percentile(on.run_seconds, 0.99);
                   const double more = on.stats.at("requests").get<double>() / 4'000 - 1;
                   return Verdict{"p99 " + number(before * 1e3) + " ms -> " + number(after * 1e3) + " ms, " +
                                      number(more * 100) + " % more requests",
                                  before >= 3 * after && more <= 0.05 && all_complete(on, 4'000)};
                 }});
  all.push_back({"hidden_100_per_second", ">= 0.95 of the limit used after 10 s, < 1 % rejected", "0.28 (promptfoo)",
                 true, [kind] {
                   const Result r =
                       execute(kind, {4'000, 300,
                                      R"({"latency":"const:200ms","limit":{"kind":"token_bucket","rate":100,
                                                "burst":30}})"});
                   return used_of_limit(r, 100, 10, 0.95);
                 }});
  all.push_back({"queueing_8_workers", "after 60 s in flight <= 16, >= 0.95 of 80/s", "", true, [kind] {
                   const Result r = execute(kind, {9'600, 256, R"({"latency":"const:100ms","workers":8})"});
                   return used_of_limit(r, 80, 60, 0.95);
                 }});
  all.push_back({"outage_60s", "refused <= 1.1 x (1,000 in flight + 4 probes), all answered, 0 FAIL", "", true, [kind] {
                   Work work{1'000, 1'000, R"({"latency":"const:50ms"})",
                             R"([{"match":{},"do":{"status":503,"latency":"const:50ms"}}])"};
                   work.outage = std::chrono::seconds(60);
                   const Result r = execute(kind, work);
                   // A call under way when the first failures came is one of them; then 5, 10, 20, 40 s: four probes.
                   const int refused = r.stats.at("by_status").value("503", 0);
                   return Verdict{std::to_string(refused) + " refused, done after " + number(r.seconds) + " s, " +
                                      std::to_string(r.job.value("complete", 0)) + " answered, " +
                                      std::to_string(r.job.value("fail", 0)) + " FAIL",
                                  refused <= 1.1 * (1'000 + 4) && all_complete(r, 1'000)};
                 }});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool judges = std::erase(words, std::string("--judge")) > 0;
  bool all_met = true;
  for (const Row& row : rows(judges ? "judge" : "arithmetic")) {
    bool wanted = words.empty() && !row.slow;
    for (const std::string& word : words) wanted = wanted || row.name.find(word) != std::string::npos;
    if (!wanted) continue;
    const Verdict verdict = row.run();
    all_met = all_met && verdict.met;
    std::printf("%-24s %s  %s  [bar %s%s]\n", row.name.c_str(), verdict.met ? "met  " : "SHORT",
                verdict.reached.c_str(), row.bar.c_str(),
                row.other.empty() ? "" : ("; other tool " + row.other).c_str());
    std::fflush(stdout);
  }
  return all_met ? 0 : 1;
}
