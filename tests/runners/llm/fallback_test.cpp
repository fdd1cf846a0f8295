// Another model answers when the first can't: its own name, address and price, and who answered is recorded.
#include <doctest/doctest.h>

#include "runners/llm/client.hpp"
#include "runners/llm/models_file.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* kModels = R"(
version: 1
providers:
  a: {type: openai, base_url: "http://127.0.0.1:1/v1", key_env: none}
  b: {type: openai, base_url: "http://127.0.0.1:2/v1", key_env: none}
  c: {type: openai, base_url: "http://127.0.0.1:3/v1", key_env: none}
models:
  first: {model: a/one, price: {in: 1, out: 1}, fallbacks: [second, third]}
  second: {model: b/two, price: {in: 2, out: 2}}
  third: {model: c/three, price: {in: 3, out: 3}}
  warm: {model: a/one, price: {in: 1, out: 1}, fallbacks: [strict]}
  strict: {model: anthropic/claude, key_env: none, price: {in: 2, out: 2}}
  alone: {model: b/two, price: {in: 2, out: 2}}
)";

struct World {
  FakeClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  ModelRegistry registry{[](std::string_view) { return std::optional<std::string>(); }, secrets,
                         parse_models_text(kModels, "models.yaml", "."), &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}}};
  FakeStep step{clock, &clock};

  tl::expected<ChatReply, CallError> ask(const std::string& model) {
    ChatRequest request;
    request.messages.emplace_back(Role::user, "Q" + std::to_string(++asked));
    request.params.max_tokens = 16;
    return client.call(step, std::to_string(asked), registry.callable(model), request);
  }
  /// The models asked, from the bodies sent.
  std::vector<std::string> models() const {
    std::vector<std::string> names;
    for (const WireRequest& request : transport.sent) {
      names.push_back(parse_json(request.body, "body").at("model").get<std::string>());
    }
    return names;
  }
  int asked = 0;
};

WireReply error_with(int status, const std::string& code) {
  return reply_with(status, R"({"error":{"message":"m","code":")" + code + "\"}}");
}

}  // namespace

TEST_CASE("a refused key turns to the fallback at once, with the fallback's own name and price") {
  World w;
  w.transport.replies = {error_with(401, "invalid_api_key"), chat("x")};
  const auto reply = w.ask("first");
  REQUIRE(reply.has_value());
  CHECK(w.models() == std::vector<std::string>{"one", "two"});
  CHECK(w.transport.sent[1].url == "http://127.0.0.1:2/v1/chat/completions");
  CHECK(reply->flags.fallback);
  CHECK(reply->cost == 2 * (reply->usage->in.value() + reply->usage->out.value()) * 1'000'000);
  const FakeRecord& kept = w.step.kept(0);
  CHECK(kept.record.model == "second");
  CHECK(kept.tries.size() == 2);
  // The first is held: the next call does not ask it.
  w.transport.sent.clear();
  w.transport.replies = {chat("y")};
  REQUIRE(w.ask("first").has_value());
  CHECK(w.models() == std::vector<std::string>{"two"});
}

TEST_CASE("a chain of three: the first refuses, the second is down for ever, the third answers; the second cools") {
  World w;
  w.transport.replies = {error_with(401, "x")};
  for (int i = 0; i < 8; ++i) w.transport.replies.push_back(error_with(503, "x"));
  w.transport.replies.push_back(chat("x"));
  const auto reply = w.ask("first");
  REQUIRE(reply.has_value());
  CHECK(w.step.kept(0).record.model == "third");
  CHECK(w.models().back() == "three");
  CHECK(w.models().size() <= 10);
  const std::size_t before = w.transport.sent.size();
  w.transport.replies = {chat("y")};
  REQUIRE(w.ask("first").has_value());
  CHECK(w.transport.sent.size() == before + 1);  // neither the held nor the cooling one is asked
}

TEST_CASE("without a fallback a held target is an error that says what to do, and nothing is sent any more") {
  World w;
  w.transport.replies = {error_with(402, "insufficient_quota")};
  const auto reply = w.ask("alone");
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().kind == ErrorKind::quota);
  CHECK(reply.error().held.find("alone answers quota") != std::string::npos);
  const auto next = w.ask("alone");
  REQUIRE_FALSE(next.has_value());
  CHECK(next.error().kind == ErrorKind::held);
  CHECK(w.transport.sent.size() == 1);
  CHECK(w.client.try_targets_again() == 1);
  w.transport.replies = {chat("x")};
  CHECK(w.ask("alone").has_value());
}

TEST_CASE("a failure of the request itself does not ask another model") {
  for (const auto& reply : {error_with(400, "x"), error_with(413, "x"), error_with(400, "context_length_exceeded")}) {
    World w;
    w.transport.replies = {reply, chat("x")};
    CHECK_FALSE(w.ask("first").has_value());
    CHECK(w.transport.sent.size() == 1);
  }
}

TEST_CASE("what a fallback answered is read again from the record as its own") {
  World w;
  w.transport.replies = {error_with(404, "model_not_found"), chat("from two")};
  REQUIRE(w.ask("first").has_value());
  FakeStep again(w.clock, &w.clock);
  again.recorded["k"] = w.step.kept(0);
  ChatRequest request;
  request.messages.emplace_back(Role::user, "Q1");
  request.params.max_tokens = 16;
  const auto replayed = w.client.call(again, "k", w.registry.callable("first"), request);
  REQUIRE(replayed.has_value());
  CHECK(replayed->text == "from two");
  CHECK(replayed->flags.fallback);
  CHECK(replayed->source == ReplySource::replay);
}

TEST_CASE("a fallback that can't be asked this is passed over: the call stays with the first, also while that cools") {
  World w;
  const auto ask = [&] {
    ChatRequest request;
    request.messages.emplace_back(Role::user, "Q" + std::to_string(++w.asked));
    request.params.max_tokens = 16;
    request.params.temperature = 1.5;  // beyond what the fallback takes
    return w.client.call(w.step, std::to_string(w.asked), w.registry.callable("warm"), request);
  };
  for (int i = 0; i < 12; ++i) w.transport.replies.push_back(error_with(503, "x"));
  const auto failed = ask();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().kind == ErrorKind::overloaded);
  w.transport.replies = {chat("x")};
  const auto reply = ask();
  REQUIRE(reply.has_value());
  CHECK_FALSE(reply->flags.fallback);
  CHECK(reply->cost == 110'000'000);
  for (const WireRequest& request : w.transport.sent) CHECK(request.url == "http://127.0.0.1:1/v1/chat/completions");
}
