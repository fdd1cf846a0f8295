// Every kind of failure (models.md 3.1) at every provider, through the whole program: the kind that is shown, the
// requests that it cost as the server counts them, what becomes of the job, and the fallback.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

struct ProviderCase {
  const char *name, *base;  // after the server's origin
};
constexpr ProviderCase kProviders[] = {
    {"openai", "/v1"},           {"azure", "/azure"},   {"anthropic", "/anthropic"},
    {"cohere", "/cohere"},       {"gemini", "/gemini"}, {"together", "/together/v1"},
    {"ollama", "/ollama"},       {"llama", "/llama"},   {"groq", "/groq/openai/v1"},
    {"deepinfra", "/deepinfra"}, {"vllm", "/vllm/v1"},  {"openrouter", "/openrouter/api/v1"}};

Environment keys() {
  Environment all;
  for (const char* name :
       {"OPENAI_API_KEY", "AZURE_API_KEY", "ANTHROPIC_API_KEY", "COHERE_API_KEY", "GEMINI_API_KEY", "TOGETHER_API_KEY",
        "OPENROUTER_API_KEY", "GROQ_API_KEY", "DEEPINFRA_TOKEN", "LLAMA_API_KEY", "VLLM_API_KEY", "BACKUP_KEY"}) {
    all.emplace_back(name, "key-of-tests-0123456789");
  }
  return all;
}

std::string models(const MockServer& server, const ProviderCase& provider) {
  return "version: 1\nproviders:\n  " + std::string(provider.name) + ": {base_url: \"" + server.origin() +
         provider.base + "\", cooldown: {failures: 1000}}\n  backup: {type: openai, base_url: \"" + server.base_url() +
         "\", key_env: BACKUP_KEY}\nmodels:\n  alone: {model: " + provider.name +
         "/m}\n  helped: {model: " + provider.name + "/m, fallbacks: [other]}\n  other: {model: backup/spare}\n";
}

constexpr const char* kFast =
    "set retry.server '3 10ms 10ms'; set retry.overloaded '4 10ms 10ms'; set retry.network '2 10ms 10ms'; ";

}  // namespace

TEST_CASE("a failure has its kind, costs its requests, and is its own item's, at every provider") {
  struct Case {
    const char *fault, *kind;  // "" : answered in the end
    int requests;
  };
  const std::vector<Case> cases = {
      {R"({"status":200})", "", 1},
      {R"({"error":"bad_request"})", "bad_request", 1},
      {R"({"error":"context_length"})", "context_length", 1},
      {R"({"error":"too_large"})", "too_large", 1},
      {R"({"error":"unprocessable"})", "bad_request", 1},
      {R"({"error":"not_implemented"})", "bad_request", 1},
      {R"({"error":"redirect"})", "bad_request/redirect", 1},
      {R"({"error":"server"})", "server", 3},
      {R"({"error":"server_html"})", "server", 3},
      {R"({"error":"bad_gateway"})", "server", 3},
      {R"({"error":"gateway_timeout"})", "server", 3},
      {R"({"error":"overloaded"})", "overloaded", 4},
      {R"({"then":[{"error":"server"},{"error":"overloaded"},{"status":200}]})", "", 3},
      {R"({"then":[{"error":"rate_limit","hint":{"form":"retry-after-ms","seconds":0.05}},{"status":200}]})", "", 2},
      {R"({"reset":"after_reading"})", "network/reset", 2},
      {R"({"body":"malformed"})", "bad_response", 2},
      {R"({"body":"html"})", "bad_response", 2},
      {R"({"body":"truncated"})", "bad_response", 2},
  };
  for (const ProviderCase& provider : kProviders) {
    CAPTURE(provider.name);
    MockServer server;
    TemporaryFolder folder;
    folder.write("questions.jsonl", questions(static_cast<int>(cases.size())));
    folder.write("models.yaml", models(server, provider));
    std::string rules;
    int requests = 0, fail = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      rules += std::string(rules.empty() ? "" : ",") + R"({"match":{"contains":"item )" + std::to_string(i + 1) +
               R"(?"},"do":)" + cases[i].fault + "}";
      requests += cases[i].requests;
      fail += *cases[i].kind == '\0' ? 0 : 1;
    }
    server.config(R"({"reply":"qa"})");
    server.rules("[" + rules + "]");
    const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                               std::string(kFast) + "set retry.bad_response '2 10ms 10ms'; load qa questions.jsonl "
                                                    "model=alone as=job; run_n 1; errors"},
                              folder.path(), keys());
    const std::vector<Json> said = results(done.out);
    REQUIRE(said.size() == 7);
    INFO(done.out);
    CHECK(said[5].at("fail") == fail);
    CHECK(said[5].at("complete") == static_cast<int>(cases.size()) - fail);
    CHECK(server.stats().at("requests") == requests);
    std::map<std::string, int> wanted, seen;
    for (const Case& one : cases) {
      if (*one.kind != '\0') ++wanted[std::string(one.kind).substr(0, std::string(one.kind).find('/'))];
    }
    for (const Json& group : said[6].at("groups")) {
      const std::string kind = group.at("kind").get<std::string>();
      seen[kind.substr(0, kind.find('/'))] += group.at("count").get<int>();
      CHECK_FALSE(group.at("message").get<std::string>().empty());
    }
    CHECK(seen == wanted);
  }
}

TEST_CASE("what no retry can mend pauses the job after one request, and moves to the fallback where there is one") {
  struct Case {
    const char *fault, *kind;
  };
  std::vector<std::pair<ProviderCase, std::vector<Case>>> table;
  for (const ProviderCase& provider : kProviders) {
    table.push_back({provider,
                     {{R"({"error":"auth"})", "auth"},
                      {R"({"error":"permission"})", "permission"},
                      {R"({"error":"not_found"})", "not_found"}}});
  }
  for (auto& [provider, cases] : table) {
    const std::string name = provider.name;
    const auto quota = [&, &list = cases](std::initializer_list<const char*> names) {
      for (const char* form : names) list.push_back({form, "quota"});
    };
    // A local server has no account; what it calls by that name is a 429 like any other.
    if (name != "ollama" && name != "llama" && name != "vllm") quota({R"({"error":"insufficient_quota"})"});
    if (name == "openai") {
      quota({R"({"error":"credit_balance_exhausted"})", R"({"error":"billing_hard_limit_reached"})",
             R"({"error":"billing_not_active"})", R"({"error":"organization_spend_limit_exceeded"})",
             R"({"error":"project_spend_limit_exceeded"})", R"({"error":"organization_usage_limit_exceeded"})",
             R"({"error":"enforced_spend_limit_reached"})", R"({"error":"credit_limit"})",
             R"({"error":"payment_required"})"});
    }
    if (name == "anthropic") quota({R"({"error":"payment_required"})", R"({"error":"specified_limit"})"});
    if (name == "gemini") quota({R"({"error":"quota_day"})"});
    if (name == "cohere") quota({R"({"error":"quota_month"})"});
    if (name == "openrouter") {
      quota({R"({"error":"insufficient_credits"})", R"({"error":"key_limit"})", R"({"error":"guardrail_budget"})",
             R"({"error":"workspace_budget"})"});
    }
  }
  for (const auto& [provider, cases] : table) {
    for (const Case& one : cases) {
      CAPTURE(provider.name);
      CAPTURE(one.fault);
      MockServer server;
      TemporaryFolder folder;
      folder.write("questions.jsonl", questions(20));
      folder.write("models.yaml", models(server, provider));
      server.config(R"({"reply":"qa"})");
      server.rules(R"([{"match":{"model":"spare"},"do":{"status":200}},{"match":{},"do":)" + std::string(one.fault) +
                   "}]");
      const std::string file = folder.file("x.assay");
      Finished done =
          run({assay_program(), file, "--json", "-c", "load qa questions.jsonl model=alone as=job; run_n 1"},
              folder.path(), keys());
      CAPTURE(done.out);
      CAPTURE(done.error);
      CHECK(done.status == 1);
      CHECK((done.out + done.error).find("alone answers " + std::string(one.kind)) != std::string::npos);
      CHECK(server.stats().at("requests") == 1);
      // Refilled: a new session finishes it, and no answer is asked for twice.
      server.rules("[]");
      done = run({assay_program(), file, "--json", "-c", "run_n 8; status"}, folder.path(), keys());
      const std::vector<Json> said = results(done.out);
      REQUIRE(said.size() == 2);
      CHECK(said[1].at("by_status").value("COMPLETE", 0) == 20);
      CHECK(server.stats().at("duplicates").at("answered_again") == 0);

      server.reset();
      server.rules(R"([{"match":{"model":"spare"},"do":{"status":200}},{"match":{},"do":)" + std::string(one.fault) +
                   "}]");
      done = run({assay_program(), ":memory:", "--json", "-c",
                  "load qa questions.jsonl model=helped as=job; run_n 1; cost by model"},
                 folder.path(), keys());
      const std::vector<Json> helped = results(done.out);
      INFO(done.out);
      REQUIRE(helped.size() == 3);
      CHECK(helped[1].at("complete") == 20);
      CHECK(dump_json(helped[2]).find("other") != std::string::npos);
      CHECK(server.stats().at("requests") == 21);  // the first one is asked once
    }
  }
}
