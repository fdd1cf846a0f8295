// The spend cap as a call meets it.
#include <doctest/doctest.h>

#include "core/ledger/budget.hpp"
#include "runners/llm/client.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;

namespace {

struct Room {
  FakeClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  Budget budget;
  ModelRegistry registry{[](std::string_view name) -> std::optional<std::string> {
                           if (name == "OPENAI_API_KEY") return "sk-test-CANARY0123456789abcdef";
                           return std::nullopt;
                         },
                         secrets,
                         {},
                         &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}, &budget}};
  FakeStep step{clock, &clock};

  ModelHandle priced() { return registry.callable("openai/gpt-4o", Json::parse(R"({"price":{"in":2.5,"out":10}})")); }
  BudgetState whole() const { return budget.tally({}); }
};

ChatRequest ask() {
  ChatRequest request;
  request.messages.emplace_back(Role::user, "Q");
  request.params.max_tokens = 16;
  return request;
}

// 1 byte + 16 + 64 tokens in, 16 out; an answer of chat(): 100 in, 10 out.
constexpr Pico kBound = 81 * 2'500'000LL + 16 * 10'000'000LL;
constexpr Pico kAnswer = 100 * 2'500'000LL + 10 * 10'000'000LL;

}  // namespace

TEST_CASE("an answered call settles what it cost") {
  Room room;
  room.budget.set_cap({}, kBound);
  room.transport.on_send = [&] { CHECK(room.whole().reserved == kBound); };
  room.transport.replies.push_back(chat("x"));
  REQUIRE(room.client.call(room.step, "", room.priced(), ask()));
  CHECK(room.whole().settled == kAnswer);
  CHECK(room.whole().reserved == 0);
}

TEST_CASE("no room and nothing out: nothing is sent, and its job is held with what is missing") {
  Room room;
  room.budget.set_cap({}, kBound - 1);
  const auto reply = room.client.call(room.step, "", room.priced(), ask());
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == ErrorKind::budget);
  CHECK(reply.error().held.find("are missing") != std::string::npos);
  CHECK(room.transport.sent.empty());
  CHECK(room.whole().reserved == 0);
}

TEST_CASE("a call that waits for money holds no place in flight, and goes when money has come back") {
  Room room;
  room.budget.set_cap({}, kBound + kAnswer);
  const CallHandle first = room.client.begin(room.step, "a", room.priced(), ask());
  const CallHandle second = room.client.begin(room.step, "b", room.priced(), ask());
  CHECK(room.transport.sent.size() == 1);
  CHECK(room.limiter.lanes().at(0).in_flight == 1);
  CHECK(room.limiter.lanes().at(0).waiting == 0);
  room.budget.set_cap({}, 3 * kBound);
  room.transport.replies.push_back(chat("x"));
  const auto answered = room.client.get(room.step, second);
  INFO((answered ? std::string() : answered.error().name() + " " + answered.error().message));
  CHECK(answered);
  CHECK(room.whole().settled == kAnswer);
  room.step.abandon(first);  // stopped in flight: possibly billed
  CHECK(room.whole().possible == kBound);
  CHECK(room.whole().reserved == 0);
}

TEST_CASE("a try that was refused for certain costs nothing, an ambiguous one stays as possible") {
  struct Row {
    WireReply failed;
    Pico possible;
  };
  for (const Row& row :
       {Row{reply_with(503, "{}"), 0}, {faulty("network", "reset", true), kBound}, {reply_with(200, "{"), kBound}}) {
    Room room;
    room.budget.set_cap({}, 10 * kBound);
    room.transport.replies = {row.failed, chat("x")};
    REQUIRE(room.client.call(room.step, "", room.priced(), ask()));
    CHECK(room.transport.sent.size() == 2);
    CHECK(room.whole().possible == row.possible);
    CHECK(room.whole().settled == kAnswer);
    CHECK(room.whole().reserved == 0);
  }
}

TEST_CASE("a model without a price is not asked under a budget, and is without one") {
  Room room;
  const ModelHandle unpriced = room.registry.callable("openai/gpt-4o");
  room.transport.replies.push_back(chat("x"));
  CHECK(room.client.call(room.step, "a", unpriced, ask()));
  room.budget.set_cap({}, 1'000'000'000'000);
  const auto reply = room.client.call(room.step, "b", unpriced, ask());
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == ErrorKind::unpriced);
  CHECK(room.transport.sent.size() == 1);
}

TEST_CASE("what a failed try may have cost is recorded as that: a later session starts from the records") {
  const std::string no_usage =
      R"({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}]})";
  for (const WireReply& failed : {reply_with(200, "{"), reply_with(200, no_usage)}) {
    Room room;
    room.budget.set_cap({}, 10 * kBound);
    room.transport.replies = {failed, chat("x")};
    const CallHandle call = room.client.begin(room.step, "", room.priced(), ask());
    REQUIRE(room.client.get(room.step, call));
    CHECK(room.whole().possible == kBound);
    const FakeRecord& kept = room.step.kept(call);
    REQUIRE(kept.tries.size() == 2);
    CHECK(kept.tries[0].ambiguous);  // the ledger adds its reservation
    CHECK(kept.record.possible == 0);
  }
}
