#include <algorithm>

#include "tests/runners/llm/limiter_world.hpp"
#include "tests/runners/llm/vectors.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// A scenario's server as the mock server writes its limits.
Json mock_limit(const Json& server) {
  Json out;
  out["kind"] = server.at("kind");
  if (server.contains("per_s")) out["rate"] = server.at("per_s");
  if (server.contains("burst")) out["burst"] = server.at("burst");
  if (server.contains("requests")) out["limit"] = server.at("requests");
  if (server.contains("window_s")) out["window"] = std::to_string(server.at("window_s").get<double>()) + "s";
  if (server.contains("in_flight")) out["limit"] = server.at("in_flight");
  return out;
}

double capacity(const Json& server) {
  if (server.contains("per_s")) return server.at("per_s").get<double>();
  if (server.contains("in_flight")) return server.at("in_flight").get<double>();
  return server.at("requests").get<double>() / server.at("window_s").get<double>();
}

/// What a scenario's bars speak of, the worst over seeds and times to a refusal.
struct Worst {
  double utilisation = 1e9, share = 0, seconds = 0;
  int rejections = 0, lost = 0, early = 0;
};

Worst worst_of(WorldPlan plan, double capacity, bool by_number, int seeds) {
  Worst worst;
  for (int seed = 1; seed <= seeds; ++seed) {
    for (const double to_refusal_s : {0.02, 0.05}) {
      plan.seed = static_cast<std::uint64_t>(seed);
      plan.to_refusal_s = to_refusal_s;
      const WorldResult result = simulate(plan);
      const double from = plan.warm_up_s, to = result.last_issue_s;
      if (to > from + 1) {
        const double used = by_number ? result.in_service(from, to) : result.per_second(from, to);
        worst.utilisation = std::min(worst.utilisation, used / capacity);
        worst.share = std::max(worst.share, result.rejected_share(from, to));
      }
      worst.seconds = std::max(worst.seconds, result.seconds);
      worst.rejections = std::max(worst.rejections, result.rejected);
      worst.lost += result.lost;
      worst.early += result.sent_before_hint + result.sent_in_pause;
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("the scenarios of hidden limits meet their bars") {
  const auto cases = vectors("limiter_scenarios.json");
  if (!cases) return;
  Tally tally("limiter_scenarios.json");
  for (const Json& one : *cases) {
    CAPTURE(one.at("id").get<std::string>());
    const Json& server = one.at("server");
    WorldPlan plan;
    plan.server.limit = mock_limit(server);
    if (server.contains("retry_after") && server.at("retry_after").is_string())
      plan.server.retry_after = server.at("retry_after").get<std::string>();
    if (server.contains("body_says")) plan.server.sub = "concurrency";
    plan.jobs = {{1, one.at("requests").get<int>(), one.at("width").get<int>()}};
    plan.latency = one.at("latency").get<std::string>();
    plan.warm_up_s = one.at("warm_up_s").get<double>();
    const bool large = plan.jobs.front().requests > 20'000;
    const Worst worst = worst_of(plan, capacity(server), server.at("kind") == "concurrency", large ? 2 : 5);
    const Json& bars = one.at("bars");
    if (bars.contains("utilisation_min")) CHECK(worst.utilisation >= bars.at("utilisation_min").get<double>());
    if (bars.contains("rejected_share_max")) CHECK(worst.share <= bars.at("rejected_share_max").get<double>());
    if (bars.contains("seconds_max")) CHECK(worst.seconds <= bars.at("seconds_max").get<double>());
    if (bars.contains("rejections_max")) CHECK(worst.rejections <= bars.at("rejections_max").get<int>());
    CHECK(worst.lost == 0);
    CHECK(worst.early == 0);
    std::cout << one.at("id").get<std::string>() << ": used " << worst.utilisation << ", rejected " << worst.share
              << ", " << worst.seconds << " s, " << worst.rejections << " in all\n";
    tally.tested();
  }
}

TEST_CASE("other hidden limits of the same kinds") {
  struct Row {
    const char* name;
    const char* limit;
    const char* retry_after;
    int requests, width;
    const char* latency;
    double capacity, least, most_rejected;
  };
  const Row rows[] = {
      {"burst of one, 20/s", R"({"kind":"token_bucket","rate":20,"burst":1})", nullptr, 3000, 100,
       "lognormal:800ms,0.6", 20, 0.85, 0.01},
      {"burst of one, 100/s", R"({"kind":"token_bucket","rate":100,"burst":1})", nullptr, 10000, 300,
       "lognormal:800ms,0.6", 100, 0.85, 0.01},
      {"burst of 0.06 s", R"({"kind":"token_bucket","rate":100,"burst":6})", "1", 10000, 300, "const:500ms", 100, 0.95,
       0.01},
      {"exact hints", R"({"kind":"token_bucket","rate":200,"burst":50})", "exact", 20000, 500, "lognormal:800ms,0.6",
       200, 0.95, 0.01},
      {"even latency", R"({"kind":"token_bucket","rate":10,"burst":10})", nullptr, 1200, 100, "const:1s", 10, 0.95,
       0.01},
      {"a window of a minute", R"({"kind":"fixed_window","limit":600,"window":"60s"})", "exact", 6000, 100,
       "lognormal:800ms,0.6", 10, 0.8, 0.02},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    WorldPlan plan;
    plan.server.limit = parse_json(row.limit, "limit");
    if (row.retry_after != nullptr) plan.server.retry_after = row.retry_after;
    plan.jobs = {{1, row.requests, row.width}};
    plan.latency = row.latency;
    const Worst worst = worst_of(plan, row.capacity, false, 3);
    CHECK(worst.utilisation >= row.least);
    CHECK(worst.share <= row.most_rejected);
    CHECK(worst.lost == 0);
    CHECK(worst.early == 0);
  }
}

TEST_CASE("two jobs of widths 1 and 1,000 share a lane: the small one gets its turn each round") {
  WorldPlan plan;
  plan.limits.rpm = 1200;  // 20/s
  plan.limits.burst = 1;
  plan.jobs = {{1, 400, 1}, {2, 3000, 1000}};
  plan.latency = "const:50ms";
  plan.stop_after_s = 60;
  const WorldResult result = simulate(plan);
  const double both = result.served_by_job.at(0) + result.served_by_job.at(1);
  CHECK(result.served_by_job.at(0) >= 0.45 * both);
  CHECK(result.rejected == 0);
}

TEST_CASE("a server that queues instead of refusing is kept at the width it needs") {
  for (const char* latency : {"const:100ms", "lognormal:83.5ms,0.6"}) {
    CAPTURE(latency);
    WorldPlan plan;
    plan.limits.learn_latency = true;
    plan.server.queue_workers = 8;
    plan.jobs = {{1, 100'000, 256}};
    plan.latency = latency;
    plan.stop_after_s = 120;
    const WorldResult result = simulate(plan);
    CHECK(result.in_service(60, 119) <= 16);
    CHECK(result.per_second(60, 119) >= 0.95 * 80);
  }
}

TEST_CASE("a server that answers as fast with many in flight is not made narrower") {
  for (const char* latency : {"const:1s", "lognormal:800ms,0.6"}) {
    CAPTURE(latency);
    WorldPlan plan;
    plan.limits.learn_latency = true;
    plan.jobs = {{1, 6'000, 200}};
    plan.latency = latency;
    plan.stop_after_s = 25;
    CHECK(simulate(plan).in_service(5, 24) >= 198);
  }
}

TEST_CASE("a limit halved and doubled in mid-run is found again within a minute") {
  WorldPlan plan;
  const auto server = [](int rate) {
    WorldServer out;
    out.limit = parse_json(R"({"kind":"token_bucket"})", "limit");
    out.limit["rate"] = rate;
    out.limit["burst"] = rate;
    return out;
  };
  plan.server = server(50);
  plan.changes = {{100, server(25)}, {300, server(50)}};
  plan.jobs = {{1, 40'000, 200}};
  plan.latency = "lognormal:800ms,0.6";
  plan.stop_after_s = 480;
  const WorldResult result = simulate(plan);
  CHECK(result.per_second(160, 300) >= 0.95 * 25);
  CHECK(result.rejected_share(160, 300) < 0.02);
  CHECK(result.per_second(360, 479) >= 0.9 * 50);
  CHECK(result.rejected_share(360, 479) < 0.02);
}

TEST_CASE("without a limit nothing is held back beyond the opening") {
  WorldPlan plan;
  plan.jobs = {{1, 2000, 200}};
  plan.latency = "const:1s";
  const WorldResult result = simulate(plan);
  CHECK(result.seconds <= 11.2);
  CHECK(result.most_in_flight == 200);
}
