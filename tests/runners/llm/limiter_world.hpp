#pragma once
// A server with limits and the workers of a job or two, under virtual time, around the real Limiter: what the vectors
// of limiter_scenarios.json describe. The server is the mock server's own limiter, its refusals take `to_refusal` to
// come.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runners/llm/limiter.hpp"
#include "tests/mock_server/server/latency.hpp"
#include "tests/mock_server/server/limiter.hpp"
#include "tests/support/fake_step.hpp"

namespace assay::test {

/// Some workers with a list of requests each takes from; a refused one is tried again by the worker that has it.
struct WorldJob {
  std::uint64_t job = 1;
  int requests = 100, width = 10;
};

struct WorldServer {
  Json limit;                              // as the mock server reads it; null: none
  std::optional<std::string> retry_after;  // seconds, or "exact"
  std::string sub;                         // what a refusal says of itself
  double refuse_share = 0;                 // refused by chance, whatever the rate
  int queue_workers = 0;                   // serves that many at once, the others wait; 0: no such thing
};

struct WorldPlan {
  WorldServer server;
  std::vector<WorldJob> jobs{{}};
  std::string latency = "const:100ms";
  double to_refusal_s = 0.02, warm_up_s = 10, stop_after_s = 1e9;
  LaneLimits limits;
  std::uint64_t seed = 1;
  /// The server's limits change at a time.
  std::vector<std::pair<double, WorldServer>> changes;
};

struct WorldResult {
  double seconds = 0;  // until the last answer
  int answered = 0, lost = 0, rejected = 0, sent = 0;
  int sent_before_hint = 0;  // a request repeated before its own hint has passed
  int sent_in_pause = 0;     // sent while a pause that the limiter told of has not passed
  std::int64_t most_in_flight = 0;
  /// By second since the start: let in, refused, and the mean number in service.
  std::vector<double> admitted_at, rejected_at, in_service_at;
  std::vector<double> served_by_job;  // while the first job had work
  double last_issue_s = 0;            // when nothing was left to be begun
  LaneState lane;                     // at the end

  double per_second(double from_s, double to_s) const;  // let in
  double in_service(double from_s, double to_s) const;
  double rejected_share(double from_s, double to_s) const;
};

WorldResult simulate(const WorldPlan& plan);

}  // namespace assay::test
