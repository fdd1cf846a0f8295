// Every form of "wait so long" through the whole program: the server counts whoever comes before its hint is over.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("a 429 with each form of hint: nobody of the lane comes before it is over, and everything is answered") {
  struct Case {
    const char *provider, *base, *form;
    double seconds;
  };
  const std::vector<Case> cases = {{"openai", "/v1", "retry-after", 1},
                                   {"openai", "/v1", "decimal", 0.6},
                                   {"openai", "/v1", "http-date", 2},
                                   {"openai", "/v1", "http-date-850", 2},
                                   {"openai", "/v1", "http-date-asctime", 2},
                                   {"openai", "/v1", "retry-after-ms", 0.5},
                                   {"openai", "/v1", "both", 0.5},
                                   {"openai", "/v1", "go-reset", 0.7},
                                   {"openai", "/v1", "text", 0.6},
                                   {"anthropic", "/anthropic", "rfc3339-reset", 2},
                                   {"openrouter", "/openrouter/api/v1", "unix-ms-reset", 0.8},
                                   {"together", "/together/v1", "unix-reset", 2},
                                   {"vllm", "/vllm/v1", "ietf-reset", 1},
                                   {"gemini", "/gemini", "retry-info", 0.7}};
  for (const Case& one : cases) {
    CAPTURE(one.provider);
    CAPTURE(one.form);
    MockServer server;
    TemporaryFolder folder;
    folder.write("questions.jsonl", questions(12));
    folder.write("models.yaml", "version: 1\nproviders: {" + std::string(one.provider) + ": {base_url: \"" +
                                    server.origin() + one.base + "\"}}\n");
    server.config(R"({"reply":"qa"})");
    const std::string hint =
        R"({"form":")" + std::string(one.form) + R"(","seconds":)" + std::to_string(one.seconds) + "}";
    server.rules(R"([{"match":{"contains":"item 4?"},"do":{"then":[{"error":"rate_limit","hint":)" + hint +
                 R"(},{"status":200}]}}])");
    Environment keys;
    for (const char* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "TOGETHER_API_KEY",
                             "OPENROUTER_API_KEY", "VLLM_API_KEY"}) {
      keys.emplace_back(name, "key-of-tests-0123456789");
    }
    const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                               "load qa questions.jsonl as=job model=" + std::string(one.provider) + "/m; run_n 1"},
                              folder.path(), keys);
    CAPTURE(done.out);
    const std::vector<Json> said = results(done.out);
    REQUIRE(said.size() == 2);
    CHECK(said[1].at("complete") == 12);
    const Json stats = server.stats();
    CHECK(stats.at("requests") == 13);
    CHECK(stats.at("retry_after").at("given") == 1);
    CHECK(stats.at("retry_after").at("fingerprint_early") == 0);
    CHECK(stats.at("retry_after").at("key_early") == 0);
    // What stands in reset headers is a limit of its own: 60 a minute, which the rest keeps.
    const bool announced = std::string(one.form).ends_with("-reset");
    CHECK(said[1].at("seconds").get<double>() <= one.seconds * 1.15 + (announced ? 12 : 4));
  }
}

TEST_CASE("a pause beyond the longest wait: the job waits without a run in flight, and goes on by itself") {
  MockServer server;
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(30));
  server.config(R"({"reply":"qa"})");
  server.rules(R"([{"match":{"nth":10},"do":{"error":"rate_limit","hint":{"form":"retry-after","seconds":3}}}])");
  const std::string file = folder.file("x.assay");
  const Finished done = run({assay_program(), file, "-c",
                             "set limit.longest_wait 1s; load qa questions.jsonl model=openai/m as=job; run_n 4"},
                            folder.path(), server_environment(server));
  CAPTURE(done.out);
  CAPTURE(done.error);
  CHECK(done.status == 0);
  CHECK(done.error.find("waiting until ") != std::string::npos);
  CHECK(done.out.find("30 COMPLETE, 0 FAIL") != std::string::npos);
  const Json stats = server.stats();
  CHECK(stats.at("requests") == 31);
  CHECK(stats.at("retry_after").at("fingerprint_early") == 0);
  CHECK(stats.at("duplicates").at("answered_again") == 0);
}
