#include "tests/mock_server/server/routes.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/mock_server/asking.hpp"
#include "tests/mock_server/server/batches.hpp"
#include "tests/mock_server/server/latency.hpp"

using namespace assay::mock;

TEST_CASE("a path belongs to a provider") {
  struct Case {
    const char *path, *query, *shape, *errors, *model;  // shape "": it generates nothing
  };
  for (const Case& c : {Case{"/v1/chat/completions", "", "groq", "groq", ""},  // the setting
                        Case{"/anything/chat/completions", "", "openai", "groq", ""},
                        Case{"/openai/deployments/D/chat/completions", "api-version=1", "azure", "azure", "D"},
                        Case{"/openai/v1/chat/completions", "", "azure", "azure", ""},
                        Case{"/azure/openai/deployments/D/chat/completions", "", "azure", "azure", "D"},
                        Case{"/v1/messages", "", "anthropic", "anthropic", ""},
                        Case{"/anthropic/v1/messages", "", "anthropic", "anthropic", ""},
                        Case{"/v2/chat", "", "cohere", "cohere", ""},
                        Case{"/cohere/v1/chat", "", "cohere-v1", "cohere-v1", ""},
                        Case{"/v1beta/models/gemini-2.5:generateContent", "", "gemini", "gemini", "gemini-2.5"},
                        Case{"/gemini/v1beta/models/m:streamGenerateContent", "alt=sse", "gemini", "gemini", "m"},
                        Case{"/v1/models/m:streamGenerateContent", "", "gemini-array", "gemini-array", "m"},
                        Case{"/v1beta/models/m:countTokens", "", "", "gemini", ""},
                        Case{"/api/chat", "", "ollama", "ollama", ""},
                        Case{"/ollama/v1/chat/completions", "", "openai", "ollama", ""},
                        Case{"/api/v1/chat/completions", "", "openrouter", "openrouter", ""},
                        Case{"/v1/openai/chat/completions", "", "deepinfra", "deepinfra", ""},
                        Case{"/groq/openai/v1/chat/completions", "", "groq", "groq", ""},
                        Case{"/llama/v1/chat/completions", "", "llama", "llama", ""},
                        Case{"/llama/v1/completions", "", "llama-completions", "llama-completions", ""},
                        Case{"/vllm/v1/completions", "", "completions", "completions", ""},
                        Case{"/health", "", "", "llama", ""},
                        Case{"/llama/props", "", "", "llama", ""},
                        Case{"/api/tags", "", "", "ollama", ""},
                        Case{"/v1/models", "", "", "groq", ""},
                        Case{"/together/v1/files", "", "", "together", ""},
                        Case{"/", "", "", "groq", ""},
                        Case{"/together", "", "", "groq", ""},
                        Case{"*", "", "", "groq", ""}}) {
    CAPTURE(c.path);
    HttpRequest request;
    request.path = c.path;
    request.query = c.query;
    const Route route = route_of(request, kGroq);
    CHECK(std::string(route.shape == nullptr ? "" : route.shape->name) == c.shape);
    REQUIRE(route.errors != nullptr);
    CHECK((std::string(route.errors->name) == c.errors || route.shape != nullptr));
    CHECK(route.model == c.model);
  }
}

TEST_CASE("every shape has a name of its own, all that it needs, and messages for its errors") {
  std::set<std::string> names;
  for (const Shape* shape : all_shapes()) {
    CAPTURE(shape->name);
    CHECK(names.insert(shape->name).second);
    CHECK(shape_named(shape->name) == shape);
    CHECK((shape->reply != nullptr && shape->error != nullptr && shape->events != nullptr && shape->flaw != nullptr));
    CHECK(find_error(*shape, shape->malformed_error) != nullptr);
    for (const ErrorRow& row : shape->errors) {
      CHECK(row.status >= 400);
      CHECK(*row.message != '\0');
      CHECK(find_error(*shape, row.name) == &row);
    }
    for (int status = 400; status < 600; ++status)
      CHECK(error_of_status(*shape, status).form != ErrorRow::Form::redirect);
  }
  CHECK(shape_named("nobody") == nullptr);
  CHECK(find_error(kOpenai, "nothing") == nullptr);
}

TEST_CASE("spoilt requests of every provider are read without harm") {
  std::uint64_t n = 0, objects = 0;
  for (const std::string& provider : assay::test::providers()) {
    const assay::Json more = assay::Json::parse(
        R"({"temperature":0.5,"logprobs":true,"top_logprobs":3,"stream":true,"options":{"num_predict":5},
            "generationConfig":{"maxOutputTokens":7,"temperature":1e30}})");
    const std::string good = assay::test::question(provider, "A: 1 B: \"2\"\n", true, more).body;
    for (int round = 0; round < 1500; ++round) {
      std::string body = good;
      for (int k = 0; k < 3; ++k) {
        const std::uint64_t r = draw(42, n++);
        const std::size_t at = r % body.size();
        constexpr std::string_view kBytes = "{}[]\",:\\ 1\0e-\xff";
        if (r >> 60 < 4) {
          body.erase(at, 1 + (r >> 40) % 9);
        } else if (r >> 60 < 8) {
          body.insert(at, body.substr((r >> 20) % body.size(), (r >> 40) % 12));
        } else {
          body[at] = kBytes[(r >> 32) % kBytes.size()];
        }
        if (body.empty()) body = "{";
      }
      ChatFacts facts;
      scan_chat(body, facts);
      objects += facts.object ? 1 : 0;
      for (const Shape* shape : all_shapes()) {
        HttpRequest request;
        request.path = "/v1/x";
        request.body = body;
        shape->flaw({request, facts});
      }
      parse_multipart("multipart/form-data; boundary=" + body.substr(0, 3), body);
    }
  }
  CHECK(objects > 1000);
  CHECK(objects < n / 3);
  // Depth is no recursion.
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"options":)";
  ChatFacts facts;
  scan_chat(deep + "1" + std::string(100'000, '}'), facts);
  CHECK(facts.object);
}
