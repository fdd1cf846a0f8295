// The work of a run does not grow with the number of runs: no lookup walks all of them.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>

#include "tests/support/process.hpp"

using namespace assay::test;

namespace {

double children_cpu_s() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/// CPU seconds of a session that loads, runs, queries, reruns and saves `runs` runs.
double cost_of(int runs) {
  TemporaryFolder folder;
  std::string pairs;
  for (int i = 0; i < runs; ++i) {
    pairs += R"({"A":)" + std::to_string(i) + R"(,"B":)" + std::to_string(i % 97) + "}\n";
  }
  folder.write("pairs.jsonl", pairs);
  const double before = children_cpu_s();
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load arithmetic pairs.jsonl model=sim/default as=p; run_n 50; ls status:COMPLETE --limit "
                             "1; stats; save out.json; status"},
                            folder.path());
  INFO(done.error);
  CHECK(done.status == 0);
  return children_cpu_s() - before;
}

}  // namespace

TEST_CASE("ten times the runs cost about ten times the work, not a hundred times") {
  static_cast<void>(cost_of(10));  // the program is in the page cache
  const double small = cost_of(2'000), large = cost_of(20'000);
  MESSAGE("2,000 runs: ", small, " s of CPU; 20,000: ", large, " s: ", large / small, " times");
  CHECK(large < 25 * small);
}
