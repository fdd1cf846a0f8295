// A second request for a call that is late: the first whole answer wins, the other is cancelled and counted.
#include <doctest/doctest.h>

#include "runners/llm/client.hpp"
#include "runners/llm/hedges.hpp"
#include "runners/llm/models_file.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;

namespace {

constexpr const char* kModels = R"(
version: 1
providers:
  a: {type: openai, base_url: "http://127.0.0.1:1/v1", key_env: none}
models:
  hedged: {model: a/one, price: {in: 1, out: 1}, hedge: 1s}
  narrow: {model: a/two, price: {in: 1, out: 1}, hedge: 1s, limits: {concurrency: 1}}
)";

/// Answers when the test says so.
class HeldTransport final : public Transport {
 public:
  std::vector<std::function<void(WireReply)>> waiting;
  std::vector<std::pair<CallId, int>> cancelled;
  std::function<void(std::size_t)> on_send;  // with the number of the request, from 1

  void send(WireRequest, std::function<void(WireReply)> done) override {
    waiting.push_back(std::move(done));
    if (on_send) on_send(waiting.size());
  }
  void cancel(CallId call, int try_no) override { cancelled.emplace_back(call, try_no); }
  Lookup lookup(CallId, int) override { return {}; }
  void settled(CallId, int) override {}
};

struct World {
  World() {
    budget.set_cap({}, 1'000'000'000'000);
    for (int i = 0; i < 20; ++i) {  // a twentieth of nothing is nothing
      transport.on_send = [this](std::size_t n) { transport.waiting[n - 1](chat("x")); };
      REQUIRE(ask("hedged").has_value());
      REQUIRE(ask("narrow").has_value());
    }
    transport.waiting.clear();
    before = budget.states(0).at(0);
  }
  tl::expected<ChatReply, CallError> ask(const std::string& model) {
    ChatRequest request;
    request.messages.emplace_back(Role::user, "Q" + std::to_string(++asked));
    request.params.max_tokens = 16;
    last = client.begin(step, std::to_string(asked), registry.callable(model), request);
    return client.get(step, last);
  }
  FakeClock clock;
  FakeEntropy entropy;
  HeldTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  Budget budget;
  ModelRegistry registry{[](std::string_view) { return std::optional<std::string>(); }, secrets,
                         parse_models_text(kModels, "models.yaml", "."), &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}, &budget}};
  FakeStep step{clock, &clock};
  BudgetState before;
  CallHandle last = 0;
  int asked = 0;
};

}  // namespace

TEST_CASE("a late answer is asked for a second time; the second wins, the first is cancelled and possibly billed") {
  World w;
  const SteadyTime begun = w.clock.steady();
  w.transport.on_send = [&](std::size_t n) {
    if (n == 2) w.transport.waiting[1](chat("second"));
  };
  const auto reply = w.ask("hedged");
  REQUIRE(reply.has_value());
  CHECK(reply->text == "second");
  CHECK(reply->flags.hedged);
  CHECK(w.clock.steady() - begun == std::chrono::seconds(1));
  REQUIRE(w.transport.cancelled.size() == 1);
  CHECK(w.transport.cancelled[0].second == 1);
  const FakeRecord& kept = w.step.kept(w.last);
  REQUIRE(kept.tries.size() == 2);
  CHECK(kept.tries[0].kind == "hedge");
  CHECK(kept.tries[0].ambiguous);
  const BudgetState now = w.budget.states(0).at(0);
  CHECK(now.settled - w.before.settled == 110'000'000);  // one answer of 100 + 10 tokens
  CHECK(now.possible > w.before.possible);               // the first one's bound
  CHECK(now.reserved == 0);
}

TEST_CASE("the first request may still win") {
  World w;
  w.transport.on_send = [&](std::size_t n) {
    if (n == 2) w.transport.waiting[0](chat("first"));
  };
  const auto reply = w.ask("hedged");
  REQUIRE(reply.has_value());
  CHECK(reply->text == "first");
  REQUIRE(w.transport.cancelled.size() == 1);
  CHECK(w.transport.cancelled[0].second == 2);
  CHECK(w.budget.states(0).at(0).reserved == 0);
}

TEST_CASE("one of the two fails: the other is waited for; both fail: the call is tried again") {
  World w;
  w.transport.on_send = [&](std::size_t n) {
    if (n == 2) {
      w.transport.waiting[1](reply_with(500, "{}"));
      w.transport.waiting[0](chat("first"));
    }
  };
  auto reply = w.ask("hedged");
  REQUIRE(reply.has_value());
  CHECK(reply->text == "first");
  CHECK(w.transport.cancelled.empty());
  CHECK(w.transport.waiting.size() == 2);

  for (int i = 0; i < 20; ++i) {
    w.transport.on_send = [&](std::size_t n) { w.transport.waiting[n - 1](chat("x")); };
    REQUIRE(w.ask("hedged").has_value());
  }
  w.transport.waiting.clear();
  w.transport.on_send = [&](std::size_t n) {
    if (n == 2) {
      w.transport.waiting[0](reply_with(500, "{}"));
      w.transport.waiting[1](reply_with(503, "{}"));
    }
    if (n == 3) w.transport.waiting[2](chat("third"));
  };
  reply = w.ask("hedged");
  REQUIRE(reply.has_value());
  CHECK(reply->text == "third");
  CHECK(w.budget.states(0).at(0).reserved == 0);
}

TEST_CASE("no second request without room in the limiter, nor beyond a twentieth of the calls") {
  World w;
  w.transport.on_send = [&](std::size_t) {};
  // Nothing else has a timer: the limit of all tries ends the wait.
  const auto reply = w.ask("narrow");
  REQUIRE_FALSE(reply.has_value());
  CHECK(w.transport.waiting.size() == 1);

  Hedges hedges;
  Hedge rule;
  rule.mode = Hedge::Mode::p95;
  int taken = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto delay = hedges.sent("lane", rule);
    CHECK(delay.has_value() == (i >= 20));
    if (hedges.take("lane")) ++taken;
    hedges.answered("lane", milliseconds(1 + i % 100));
  }
  CHECK(taken == 50);
  const auto delay = hedges.sent("lane", rule);
  REQUIRE(delay.has_value());
  CHECK(*delay >= milliseconds(92));
  CHECK(*delay <= milliseconds(98));
}

TEST_CASE("a first request that is still on its way to the disk is not late: a second one would take its place there") {
  World w;
  w.step.slow_disk = true;
  ChatRequest request;
  request.messages.emplace_back(Role::user, "Q");
  request.params.max_tokens = 16;
  const CallHandle call = w.client.begin(w.step, "slow", w.registry.callable("hedged"), request);
  for (int i = 0; i < 20; ++i) w.step.wait_for_something();
  CHECK(w.transport.waiting.empty());
  CHECK(w.step.kept(call).record.last_try.number == 1);
  w.step.slow_disk = false;
  w.transport.on_send = [&](std::size_t n) {
    if (n == 2) {
      w.transport.waiting[1](reply_with(500, "{}"));
      w.transport.waiting[0](chat("first"));
    }
  };
  w.step.commit(call);
  const auto reply = w.client.get(w.step, call);
  REQUIRE(reply.has_value());
  CHECK(reply->text == "first");
}
