// Three of 1,000 runs fail, each in its own way and alone; they are grouped, rerun and told apart.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("three of 1,000 fail alone: garbage, a refusal, a reply that never comes; the other 997 are COMPLETE") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(1000));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:10ms"})");
  server.rules(R"([{"match":{"contains":"item 100?"},"do":{"body":"malformed"}},
                   {"match":{"contains":"item 200?"},"do":{"error":"bad_request"}},
                   {"match":{"contains":"item 300?"},"do":{"slow":"silence"}}])");
  Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  const Finished first =
      run({assay_program(), file, "--json", "-c",
           "set timeout.step 2s; load qa questions.jsonl model=openai/any as=job; run_n 20; errors; status"},
          folder.path(), environment);
  CHECK(first.status == 3);
  const std::vector<Json> said = results(first.out);
  REQUIRE(said.size() == 5);
  CHECK(said[2].at("complete") == 997);
  CHECK(said[2].at("fail") == 3);
  std::map<std::string, Json> groups;
  for (const Json& group : said[3].at("groups")) groups[group.at("example").get<std::string>()] = group;
  REQUIRE(groups.size() == 3);
  CHECK(groups.at("job:q100").at("kind").get<std::string>().starts_with("bad_response"));
  CHECK(groups.at("job:q200").at("kind").get<std::string>().starts_with("bad_request"));
  CHECK(groups.at("job:q300").at("kind") == "timeout");
  for (const auto& [example, group] : groups) {
    CHECK(group.at("count") == 1);
    CHECK(group.at("place") == "step 1");
    CHECK_FALSE(group.at("message").get<std::string>().empty());
  }
  const Json in_flight = server.stats().at("in_flight");
  CHECK(in_flight.at("largest") <= 20);

  server.rules("[]");
  const Finished again =
      run({assay_program(), file, "--json", "-c", "rerun_fails 8; status; log job:q200; calls job:q300; rerun_fails 8"},
          folder.path(), environment);
  const std::vector<Json> then = results(again.out);
  REQUIRE(then.size() == 5);
  CHECK(then[0].at("selected") == 3);
  CHECK(then[0].at("complete") == 3);
  CHECK(then[1].at("by_status").at("COMPLETE") == 1000);
  CHECK(then[4].is_null());  // nothing is left to rerun, and that is said
  const Finished log = run({assay_program(), file, "-c", "log job:q200"}, folder.path(), environment);
  CHECK(log.out.find("attempt 1: FAIL") != std::string::npos);
  CHECK(log.out.find("attempt 2: COMPLETE") != std::string::npos);
}

TEST_CASE("one HTTP 400 costs one request; a 429 with Retry-After is obeyed; 5xx and resets are tried again") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(60));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:5ms"})");
  server.rules(R"([{"match":{"contains":"item 7?"},"do":{"error":"bad_request"}},
                   {"match":{"contains":"item 8?"},"do":{"then":[{"error":"server"},{"status":200}]}},
                   {"match":{"contains":"item 9?"},"do":{"then":[{"reset":"after_reading"},{"status":200}]}},
                   {"match":{"nth":30},"do":{"error":"rate_limit","hint":{"form":"retry-after","seconds":1}}}])");
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load qa questions.jsonl model=openai/any as=job; run_n 10; calls --in-doubt"},
                            folder.path(), server_environment(server));
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 3);
  CHECK(said[1].at("complete") == 59);
  CHECK(said[1].at("fail") == 1);
  const Json stats = server.stats();
  CHECK(stats.at("requests") == 63);  // 60, and one more for 8, for 9, and for the refused one
  CHECK(stats.at("retry_after").at("fingerprint_early") == 0);
  CHECK(said[2].at("calls").size() == 1);  // the reset: it may have been carried out
  CHECK(said[2].at("calls").at(0).at("why") == "ambiguous");
}

TEST_CASE("no credit: the job pauses at once, no run FAILs, and goes on when there is some; each call answered once") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(300));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:20ms"})");
  server.rules(R"([{"match":{"first":100},"do":{"status":200}},{"match":{},"do":{"error":"insufficient_quota"}}])");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  const Finished first =
      run({assay_program(), file, "--json", "-c", "load qa questions.jsonl model=openai/any as=job; run_n 20"},
          folder.path(), environment);
  CHECK(first.status == 1);
  CHECK(first.out.find("fill the account of OPENAI_API_KEY") != std::string::npos);
  CHECK(first.out.find("`resume`") != std::string::npos);
  const auto requests = server.stats().at("requests").get<int>();
  CHECK(requests <= 100 + 20);  // those that were on their way
  const std::vector<Json> stopped =
      results(run({assay_program(), file, "--json", "-c", "status"}, folder.path(), environment).out);
  CHECK(stopped.at(0).at("by_status").value("FAIL", 0) == 0);
  CHECK(stopped.at(0).at("by_status").at("COMPLETE") == 100);

  server.rules("[]");
  const std::vector<Json> then =
      results(run({assay_program(), file, "--json", "-c", "run_n 20; status"}, folder.path(), environment).out);
  REQUIRE(then.size() == 2);
  CHECK(then[1].at("by_status").at("COMPLETE") == 300);
  CHECK(server.stats().at("requests") == requests + 200);
  CHECK(server.stats().at("duplicates").at("answered_again") == 0);
}
