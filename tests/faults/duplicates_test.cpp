// A whole job under errors, limits and resets: what is sent again, and that each repeat has its name (models.md 10.19).
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("5,000 calls under errors, 429s and resets: each answered once, every sending recorded, every doubt named") {
  constexpr int kCalls = 5000;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(kCalls));
  MockServer server({"--seed", "5"});
  server.config(R"({"reply":"qa","latency":"const:5ms"})");
  server.rules(R"([{"match":{"share":0.02},"do":{"reset":"after_reading"}},
                   {"match":{"share":0.04},"do":{"error":"rate_limit","hint":{"form":"retry-after-ms","seconds":0.05}}},
                   {"match":{"share":0.09},"do":{"status":500}}])");
  const std::string file = folder.file("x.assay");
  const Finished done =
      run({assay_program(), file, "--json", "-c",
           "set retry.server '12 1ms 20ms'; set retry.network '12 1ms 20ms'; set retry.rate_limit 'any 1ms 20ms'; load "
           "qa questions.jsonl model=openai/any as=job; run_n 50; calls --in-doubt; status"},
          folder.path(), server_environment(server));
  INFO(done.out.substr(0, 2000));
  INFO(done.error);
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 7);
  CHECK(said[4].at("complete") == kCalls);
  CHECK(said[4].at("fail") == 0);

  const Json stats = server.stats();
  MESSAGE(stats.at("requests") << " requests, by status " << dump_json(stats.at("by_status")) << ", resets "
                               << stats.at("resets"));
  CHECK(stats.at("answered") == kCalls);
  CHECK(stats.at("duplicates").at("answered_again") == 0);
  CHECK(stats.at("resets").get<int>() > kCalls / 100);
  CHECK(stats.at("by_status").at("429").get<int>() > kCalls / 100);
  CHECK(stats.at("by_status").at("500").get<int>() > kCalls / 100);
  const auto number = [&](const char* query) { return std::stoll(sql(file, query).at(0).at(0)); };
  CHECK(number("SELECT sum(tries) FROM call") == stats.at("requests").get<int>());
  CHECK(number("SELECT count(*) FROM try WHERE ambiguous = 1") == stats.at("resets").get<int>());
  CHECK(number("SELECT count(*) FROM try") == stats.at("requests").get<int>() - kCalls);
  // A repeat after what may have been carried out is named; no other is.
  CHECK(static_cast<long long>(said[5].at("calls").size()) ==
        number("SELECT count(DISTINCT call) FROM try WHERE ambiguous = 1"));
  for (const Json& call : said[5].at("calls")) CHECK(call.at("why") == "ambiguous");
}
