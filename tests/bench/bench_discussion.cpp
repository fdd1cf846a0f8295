// Discussions beside the ideal schedule: 24 discussions of 28 calls at 1 s, all in flight: 28 s where one call at a
// time takes 672 s; and 2,000 of 14 turns at 0 s. One JSON line; exit status 1 when a bar is not met (1.05 times the
// ideal). specs: discussion.md 16.35.
//
//     bench_discussion

#include <cstdio>
#include <string>

#include "core/text/json.hpp"
#include "tests/faults/study.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr int kDiscussions = 24, kTurns = 14;  // a moderator after each turn: 28 calls
constexpr double kIdeal_s = 28, kMostTime = 1.05;

Json job_of(const Finished& done) { return results(done.out).at(1); }

}  // namespace

int main() {
  TemporaryFolder folder;
  write_study(folder, kDiscussions, kTurns);
  const Json slow = job_of(run({assay_program(), folder.file("x.assay"), "--json", "-c",
                                "load discussion study.yml seed=1 model=sim/default?latency=const:1s; run_n 24"},
                               folder.path()));
  write_study(folder, 2000, kTurns);
  const Json many = job_of(run({assay_program(), folder.file("y.assay"), "--json", "-c",
                                "load discussion study.yml seed=1 model=sim/default; run_n 100"},
                               folder.path()));
  const double seconds = slow.at("seconds").get<double>();
  const Json line{{"calls", slow.at("calls")},
                  {"seconds", seconds},
                  {"ideal", kIdeal_s},
                  {"ratio", seconds / kIdeal_s},
                  {"at_no_latency", {{"calls", many.at("calls")}, {"seconds", many.at("seconds")}}}};
  std::puts(dump_json(line).c_str());
  return slow.at("complete") == kDiscussions && seconds <= kMostTime * kIdeal_s ? 0 : 1;
}
