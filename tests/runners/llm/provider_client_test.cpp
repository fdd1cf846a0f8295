// Each provider through the whole path of a call: name, address, key, request, reply, and the same reply replayed.

#include <doctest/doctest.h>

#include "runners/llm/client.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;

namespace {

struct World {
  FakeClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  ModelRegistry registry{[](std::string_view name) -> std::optional<std::string> {
                           if (name.ends_with("_API_KEY")) return "key-of-tests-0123456789";
                           if (name == "AZURE_ENDPOINT") return "https://r.openai.azure.com";
                           if (name == "LLAMA_BASE_URL") return "http://127.0.0.1:8080";
                           return std::nullopt;
                         },
                         secrets,
                         {},
                         &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}}};
  FakeStep step{clock, &clock};
};

std::string sse(const std::string& event) { return "data: " + event + "\n\n"; }

}  // namespace

TEST_CASE("every provider's model answers through the client, plain and streamed") {
  struct Case {
    const char *model, *url, *header;
    std::string plain, streamed;
  };
  const std::string openai = R"({"choices":[{"index":0,"message":{"content":"A"},"finish_reason":"stop"}]})";
  const std::string chunk = sse(R"({"choices":[{"index":0,"delta":{"content":"A"},"finish_reason":"stop"}]})");
  const std::string gemini = R"({"candidates":[{"content":{"parts":[{"text":"A"}]},"finishReason":"STOP"}]})";
  const std::string ollama = R"({"message":{"content":"A"},"done":true,"done_reason":"stop"})";
  const std::vector<Case> cases = {
      {"openai/m", "https://api.openai.com/v1/chat/completions", "Authorization", openai, chunk},
      {"azure/m", "https://r.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-02-15-preview",
       "api-key", openai, chunk},
      {"together/a/b", "https://api.together.xyz/v1/chat/completions", "Authorization", openai, chunk},
      {"llama/m", "http://127.0.0.1:8080/v1/chat/completions", "Authorization", openai, chunk},
      {"anthropic/m", "https://api.anthropic.com/v1/messages", "x-api-key",
       R"({"content":[{"type":"text","text":"A"}],"stop_reason":"end_turn"})",
       sse(R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"A"}})") +
           sse(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"}})") + sse(R"({"type":"message_stop"})")},
      {"cohere/m", "https://api.cohere.com/v2/chat", "Authorization",
       R"({"message":{"content":[{"type":"text","text":"A"}]},"finish_reason":"COMPLETE"})",
       sse(R"({"type":"content-delta","delta":{"message":{"content":{"text":"A"}}}})") +
           sse(R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})")},
      {"gemini/m", "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", "x-goog-api-key",
       gemini, sse(gemini)},
      {"ollama/m:3b", "http://127.0.0.1:11434/api/chat", "", ollama, ollama + "\n"},
  };
  for (const Case& item : cases) {
    for (const bool streams : {false, true}) {
      CAPTURE(item.model);
      CAPTURE(streams);
      World w;
      const ModelHandle model = w.registry.callable(item.model);
      ChatRequest request;
      request.messages.emplace_back(Role::user, "Q");
      request.params.max_tokens = 16;
      request.stream = streams ? StreamMode::always : StreamMode::never;
      w.transport.replies.push_back(reply_with(200, streams ? item.streamed : item.plain));
      const auto reply = w.client.call(w.step, "k", model, request);
      REQUIRE(reply.has_value());
      CHECK(reply->text == "A");
      CHECK(reply->stop == Stop::stop);
      REQUIRE(w.transport.sent.size() == 1);
      const WireRequest& sent = w.transport.sent.front();
      std::string url = item.url;
      if (streams && item.model == std::string("gemini/m")) {
        url = "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse";
      }
      CHECK(sent.url == url);
      bool keyed = *item.header == '\0';
      for (const Header& header : sent.headers) {
        keyed = keyed || (header.name == item.header && !header.secret.empty());
        CHECK(header.value.find("key-of-tests") == std::string::npos);
      }
      CHECK(keyed);
      CHECK(sent.body.find("key-of-tests") == std::string::npos);
      // The recorded bytes give the reply again.
      FakeStep again(w.clock, &w.clock);
      again.recorded["k"] = w.step.kept(0);
      const auto replayed = w.client.call(again, "k", model, request);
      REQUIRE(replayed.has_value());
      CHECK(replayed->text == "A");
      CHECK(replayed->source == ReplySource::replay);
      CHECK(w.transport.sent.size() == 1);
    }
  }
}

TEST_CASE("an error is judged by the habits of the provider that answered") {
  World w;
  ChatRequest request;
  request.messages.emplace_back(Role::user, "Q");
  request.params.max_tokens = 16;
  w.transport.replies.push_back(reply_with(498, R"({"message":"blocked token"})"));
  const auto cohere = w.client.call(w.step, "", w.registry.callable("cohere/m"), request);
  REQUIRE_FALSE(cohere.has_value());
  CHECK(cohere.error().kind == ErrorKind::auth);
  w.transport.replies.push_back(reply_with(
      400, R"([{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}])"));
  const auto gemini = w.client.call(w.step, "", w.registry.callable("gemini/m"), request);
  REQUIRE_FALSE(gemini.has_value());
  CHECK(gemini.error().kind == ErrorKind::auth);
  CHECK(w.transport.sent.size() == 2);
}
