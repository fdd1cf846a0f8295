// Queries over a million runs (DESIGN.md 6): times in milliseconds, best and median of some, and bytes per run, as
// JSON.
//   bench_query [RUNS]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/query/select.hpp"
#include "core/text/json.hpp"

using namespace assay;
using SteadyClock = std::chrono::steady_clock;

namespace {

double ms_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

void fill(RunTable& table, std::uint32_t total) {
  constexpr std::uint32_t kBatches = 20;
  const char* categories[] = {"math", "law", "physics", "history", "computer science"};
  RunId first = 0;
  for (BatchId id = 0; id < kBatches; ++id) {
    BatchInfo info;
    info.id = id;
    info.name = "mmlu-pro-" + std::to_string(id);
    info.kind = "qa";
    info.model = id % 2 ? "openai/gpt-4o-mini" : "sim/default";
    info.first = first;
    info.count = total / kBatches;
    std::vector<NewRun> runs(info.count);
    for (std::uint32_t i = 0; i < info.count; ++i) {
      NewRun& run = runs[i];
      run.id = "question-" + std::to_string(i * 7919 % 1'000'003);
      run.facets = {{"category", categories[i % 5]}};
      run.status = i % 10 == 0 ? Status::fail : i % 3 == 0 ? Status::ready : Status::complete;
      if (run.status == Status::complete)
        run.score = Score::of(i % 4 != 0).metric("f1", i % 100 / 100.0).metric("unparsed", i % 7 == 0);
      if (run.status == Status::fail) run.error = {"http", "status " + std::to_string(500 + i % 30), "step 1"};
      run.steps = i % 5;
    }
    table.add_batch(info, runs);
    first += info.count;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto total = static_cast<std::uint32_t>(argc > 1 ? std::atol(argv[1]) : 1'000'000);
  RunTable table;
  const auto begin = SteadyClock::now();
  fill(table, total);
  const double fill_ms = ms_since(begin);
  const std::size_t runs = table.read().size();

  Json result = {{"runs", runs}, {"fill_ms", fill_ms}};
  result["bytes_per_run"] = static_cast<double>(table.memory_bytes()) / static_cast<double>(runs);
  const char* queries[] = {"",
                           "question-77",
                           "zzz-none",
                           "mmlu",
                           "1",
                           "s:1",
                           "i:QUESTION-77",
                           "r:question-(12|34)5\\d*$",
                           "r:zzz|yyy",
                           "r:^mmlu-pro-1[0-9]:.*99$",
                           "r:pro-.*7",
                           "r:[13579]$",
                           "r:q\\w+-\\d{5}$",
                           "r:.",
                           "status:FAIL",
                           "score:INCORRECT",
                           "batch:mmlu-pro-7",
                           "model:mini",
                           "category:math",
                           "metric.f1<0.5",
                           "err:'status 51'",
                           "steps>2",
                           "!question-7",
                           "FAIL question-77 batch:mmlu-pro-7",
                           "FAIL | r:77$ | category:law",
                           "mmlu-pro-7:question-7919"};
  Json times = Json::array();
  for (const char* text : queries) {
    const Query query = parse_query(text);
    std::vector<double> samples;
    std::size_t found = 0;
    for (int i = 0; i < 9; ++i) {
      const auto start = SteadyClock::now();
      found = select(query, table, {}).runs.size();
      samples.push_back(ms_since(start));
    }
    std::sort(samples.begin(), samples.end());
    times.push_back(Json{
        {"query", text}, {"best_ms", samples.front()}, {"median_ms", samples[samples.size() / 2]}, {"runs", found}});
  }
  result["queries"] = times;
  const auto rename_begin = SteadyClock::now();
  table.rename_batch(3, "another name");
  result["rename_ms"] = ms_since(rename_begin);
  std::puts(dump_json(result, 1).c_str());
  return 0;
}
