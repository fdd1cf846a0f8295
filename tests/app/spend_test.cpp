// The cap holds at the server's own bill; what has no price is not called under a budget.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string models(const MockServer& server) {
  return "version: 1\nproviders:\n  p: {type: openai, base_url: \"" + server.base_url() +
         "\", key_env: CANARY_KEY}\nmodels:\n"
         "  first: {model: p/first, price: {in: 1, out: 4}, params: {max_tokens: 64}, fallbacks: [second], cooldown: "
         "{failures: 1000}}\n"
         "  second: {model: p/second, price: {in: 2, out: 8}, params: {max_tokens: 64}}\n"
         "  unpriced: {model: p/other, params: {max_tokens: 64}}\n"
         "  half: {model: p/first, price: {in: 1, out: 4}, params: {max_tokens: 64}, fallbacks: [unpriced]}\n";
}

const Environment kKeys = {{"CANARY_KEY", "key-of-tests-0123456789"}};

}  // namespace

TEST_CASE("a cap of $0.10, 500 in flight, retries, fallbacks and doubt: the server never bills more") {
  const int seeds = std::getenv("ASSAY_SOAK") != nullptr ? 100 : 5;
  double least_used = 1;
  for (int seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    MockServer server({"--seed", std::to_string(seed)});
    server.config(R"({"reply":"qa","latency":"exp:20ms","usage":"random",
                      "prices":{"first":{"in":1,"out":4},"second":{"in":2,"out":8}}})");
    server.rules(R"([{"match":{"share":0.05,"model":"first"},"do":{"reset":"after_reading","billed":true}},
                     {"match":{"share":0.05},"do":{"reset":"mid_body"}},
                     {"match":{"share":0.05},"do":{"body":"malformed"}},
                     {"match":{"share":0.05},"do":{"status":500}},
                     {"match":{"share":0.02,"model":"first"},"do":{"status":404}}])");
    TemporaryFolder folder;
    folder.write("models.yaml", models(server));
    folder.write("questions.jsonl", questions(3'000));
    const std::string file = folder.file("x.assay");
    const Finished done = run({assay_program(), file, "--json", "-c",
                               "set retry.server '6 10ms 50ms'; set retry.network '6 10ms 50ms'; budget 0.10; load qa "
                               "questions.jsonl model=first max_tokens=64 as=job; run_n 500; status; budget"},
                              folder.path(), kKeys);
    CAPTURE(done.out);
    CAPTURE(done.error);
    const double bill = server.bill().at("usd").get<double>();
    CHECK(bill <= 0.10);
    least_used = std::min(least_used, bill / 0.10);
    const std::vector<Json> status =
        results(run({assay_program(), file, "--json", "-c", "status"}, folder.path(), kKeys).out);
    REQUIRE(status.size() == 1);
    CHECK(status[0].at("by_status").value("FAIL", 0) <= 30);  // a reply that can't be read twice
    const double settled = status[0].at("cost_usd").get<double>(),
                 possible = status[0].at("possible_usd").get<double>();
    CHECK(settled <= bill + 1e-9);
    CHECK(settled + possible >= bill - 1e-9);
    CHECK(settled + possible <= 0.10 + 1e-9);
  }
  MESSAGE(seeds << " seeds; the least that was used of a cap: " << least_used);
}

TEST_CASE(
    "no price and a budget: nothing is sent, for the model, a fallback or a later one; the line that helps does") {
  MockServer server;
  server.config(R"({"reply":"qa"})");
  TemporaryFolder folder;
  folder.write("models.yaml", models(server));
  folder.write("questions.jsonl", questions(4));
  for (const char* model : {"unpriced", "half"}) {
    CAPTURE(model);
    const std::string file = folder.file(std::string(model) + ".assay");
    const Finished refused = run({assay_program(), file, "-c",
                                  std::string("budget 1; load qa questions.jsonl as=job model=") + model + "; run_n 4"},
                                 folder.path(), kKeys);
    CAPTURE(refused.error);
    CHECK(refused.status != 0);
    CHECK((refused.out + refused.error).find("unpriced") != std::string::npos);
    CHECK((refused.out + refused.error).find("prices:") != std::string::npos);
    CHECK(server.stats().at("requests") == 0);
  }
  folder.write("models.yaml", models(server) + "prices: {\"p/other\": {in: 1, out: 2}}\n");
  for (const char* model : {"unpriced", "half"}) {
    const Finished done = run({assay_program(), folder.file(std::string(model) + ".assay"), "--json", "-c", "run_n 4"},
                              folder.path(), kKeys);
    CAPTURE(done.out);
    CAPTURE(done.error);
    CHECK(done.status == 0);
    CHECK(results(done.out).at(0).at("complete") == 4);
  }
}
