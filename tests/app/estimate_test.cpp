// `run_n --estimate`: nothing is sent, and what comes to be lies within what was said (models.md 6.4, acceptance 26).
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Sums whose answers have one to seven digits.
std::string sums(int n) {
  std::string text;
  std::uint64_t x = 88172645463325252ULL;
  const auto draw = [&] {
    x ^= x << 13U, x ^= x >> 7U, x ^= x << 17U;
    std::uint64_t bound = 10;
    for (std::uint64_t i = x % 6; i > 0; --i) bound *= 10;
    return x / 7 % bound;
  };
  for (int i = 0; i < n; ++i) {
    const std::uint64_t a = draw(), b = draw();
    text += R"({"A":)" + std::to_string(a) + R"(,"B":)" + std::to_string(b) + "}\n";
  }
  return text;
}

/// No name is a part of another: a query of one finds one.
std::string batch_of(int seed) { return "m" + std::to_string(100 + seed); }

}  // namespace

TEST_CASE("on sim the cost lies within the printed bounds in 95 of 100 seeds, and never above `at most`") {
  TemporaryFolder folder;
  folder.write("sums.jsonl", sums(40));
  std::string yaml = "version: 1\nmodels:\n", script;
  for (int seed = 0; seed < 100; ++seed) {
    const std::string name = batch_of(seed);
    yaml += "  " + name + ": {model: 'sim/qa?seed=" + std::to_string(seed) +
            "&reply={answer} or {answer}, I say {answer}', price: {in: 2.5, out: 10}, params: {max_tokens: 64}}\n";
    script += "load arithmetic sums.jsonl as=" + name + " model=" + name + " max_tokens=64\n" +  //
              "run_n --estimate 8 batch:" + name + "\n" +                                        //
              "run_n 8 batch:" + name + " (r::[1-9]$ | r::10$)\n" +                              //
              "run_n --estimate 8 batch:" + name + "\n" +                                        //
              "cost by batch\n" +                                                                //
              "run_n 8 batch:" + name + "\n" +                                                   //
              "cost by batch\n";
  }
  folder.write("models.yaml", yaml);
  folder.write("script", script);
  const Finished done = run({assay_program(), ":memory:", "--json", "-f", "script"}, folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 700);
  const auto spent = [](const Json& costs, const std::string& batch) {
    for (const Json& group : costs.at("groups")) {
      if (group.at("group") == batch) return group.at("cost_usd").get<double>();
    }
    return 0.0;
  };
  int within_first = 0, within = 0;
  double widest = 0;
  for (std::size_t seed = 0; seed < 100; ++seed) {
    const std::string batch = batch_of(static_cast<int>(seed));
    const Json &first = said[7 * seed + 1], &second = said[7 * seed + 3];
    const double before = spent(said[7 * seed + 4], batch), all = spent(said[7 * seed + 6], batch);
    const double rest = all - before;
    CHECK(first.at("calls") == 40);
    CHECK(second.at("calls") == 30);
    CHECK(first.at("requests") == 0);
    const auto inside = [](double cost, const Json& made) {
      return cost >= made.at("cost_usd").at("low").get<double>() &&
             cost <= made.at("cost_usd").at("high").get<double>();
    };
    within_first += inside(all, first) ? 1 : 0;
    within += inside(rest, second) ? 1 : 0;
    CHECK(all <= first.at("cost_most_usd").get<double>());
    CHECK(rest <= second.at("cost_most_usd").get<double>());
    widest = std::max(widest,
                      second.at("cost_usd").at("high").get<double>() / second.at("cost_usd").at("low").get<double>());
  }
  MESSAGE("within the bounds: " << within_first << " of 100 without a finished run, " << within
                                << " of 100 with ten; high/low at most " << widest);
  CHECK(within_first >= 95);
  CHECK(within >= 95);
  CHECK(widest < 2);
}

TEST_CASE("an estimate makes no request, also where a later run does") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(50));
  MockServer server;
  server.config(R"({"reply":"qa"})");
  const std::vector<Json> said =
      results(run({assay_program(), ":memory:", "--json", "-c",
                   "load qa questions.jsonl model=openai/any as=job; run_n --estimate 20; status; "
                   "set limit.rpm 60; run_n --estimate 20 job:q1; load qa questions.jsonl model=openai/any as=three "
                   "samples=3 max_tokens=16; run_n --estimate 20 batch:three"},
                  folder.path(), server_environment(server))
                  .out);
  REQUIRE(said.size() == 7);
  CHECK(server.stats().at("requests") == 0);
  CHECK(said[1].at("calls") == 50);
  CHECK(said[1].at("calls_unpriced") == 50);
  CHECK(said[1].at("cost_most_usd").is_null());
  CHECK(said[1].at("tokens_in").at("expected").get<double>() > 500);
  CHECK(said[2].at("by_status").at("READY") == 50);
  CHECK(said[2].at("calls").at("in_flight") == 0);
  CHECK(said[4].at("calls") >= 1);
  CHECK(said[4].at("seconds_by") == "60 requests a minute");
  CHECK(said[6].at("calls") == 150);
  CHECK(said[6].at("tokens_out").at("high") == 150 * 16);
  CHECK(said[6].at("seconds") == 150.0);
}
