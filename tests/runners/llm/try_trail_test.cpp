// What every try of a call records beyond its columns, and what a call says it waits for.
#include <doctest/doctest.h>

#include <map>

#include "runners/llm/try_trail.hpp"
#include "tests/runners/llm/client_world.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

WireReply timed(WireReply reply, bool reused) {
  reply.t = {1'000, 20'000, 21'500, reused};
  return reply;
}

Json details(const TryRecord& one) { return one.details.empty() ? Json() : parse_json(one.details, "details"); }

}  // namespace

TEST_CASE("a failed try keeps target, times, code, hint raw and parsed, ids, limits, bytes and its connection") {
  World w;
  w.transport.replies.push_back(
      timed(reply_with(429, R"({"error":{"message":"slow down","code":"rate_limit_exceeded"}})",
                       {{"retry-after-ms", "1500", ""},
                        {"x-request-id", "req_7", ""},
                        {"x-ratelimit-remaining-requests", "0", ""},
                        {"content-type", "application/json", ""}}),
            false));
  w.transport.replies.push_back(timed(chat("4"), true));
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("2+2?"));
  REQUIRE(reply.has_value());
  const auto& tries = w.step.kept(0).tries;
  REQUIRE(tries.size() == 2);
  const Json first = details(tries[0]);
  CHECK(first.at("target") == "openai/gpt-4o");
  CHECK(first.at("code") == "rate_limit_exceeded");
  CHECK(first.at("hint").at("source") == "retry-after-ms");
  CHECK(first.at("hint").at("raw") == "1500");
  CHECK(first.at("hint").at("ms") == 1500);
  CHECK(first.at("request_ids").at("x-request-id") == "req_7");
  CHECK(first.at("limit_headers").at("x-ratelimit-remaining-requests") == "0");
  CHECK_FALSE(first.at("limit_headers").contains("content-type"));
  CHECK(first.at("connection") == "new");
  CHECK(first.at("bytes_in") == 62);
  CHECK(first.at("bytes_out").get<int>() > 50);
  CHECK(first.at("sent_ms") == 1.0);
  CHECK(first.at("first_byte_ms") == 20.0);
  CHECK(first.at("done_ms") == 21.5);
  CHECK(first.at("queued_at").get<std::int64_t>() <= first.at("admitted_at").get<std::int64_t>());
  CHECK(tries[0].wait_ms >= 1500);
  // The second: it waited as long as it was asked to, and says that it was answered on the same connection.
  const Json second = details(tries[1]);
  CHECK(second.at("connection") == "reused");
  CHECK_FALSE(second.contains("hint"));
  CHECK(second.at("queued_at").get<std::int64_t>() - first.at("admitted_at").get<std::int64_t>() >= 1'500'000);
}

TEST_CASE("a call that is answered at once has no details, but where its reply names an id or limits") {
  World w;
  w.transport.replies.push_back(timed(chat("4"), false));
  CHECK(w.client.call(w.step, "plain", w.gpt(), ask("2+2?")).has_value());
  CHECK(w.step.kept(0).tries.back().details.empty());
  WireReply named = timed(chat("4"), true);
  named.headers = {{"request-id", "req_8", ""}};
  w.transport.replies.push_back(named);
  CHECK(w.client.call(w.step, "named", w.gpt(), ask("2+3?")).has_value());
  CHECK(details(w.step.kept(1).tries.back()).at("request_ids").at("request-id") == "req_8");
}

TEST_CASE("an empty answer that is asked for again keeps what it took") {
  World w;
  w.transport.replies.push_back(timed(chat(""), false));
  w.transport.replies.push_back(timed(chat("4"), true));
  CHECK(w.client.call(w.step, "", w.gpt(), ask("2+2?")).has_value());
  const auto& tries = w.step.kept(0).tries;
  REQUIRE(tries.size() == 2);
  CHECK(tries[0].kind == "empty");
  const Json first = details(tries[0]);
  CHECK(first.at("usage").at("in") == 100);
  CHECK(first.at("usage").at("out") == 10);
  CHECK(first.at("cost_usd").get<double>() == doctest::Approx(100 * 2.5e-6 + 10 * 10e-6));
}

TEST_CASE("a key in a header of the reply is not kept in the details") {
  World w;
  w.transport.replies.push_back(
      timed(reply_with(400, R"({"error":{"message":"no"}})", {{"x-request-id", "sk-test-CANARY0123456789abcdef", ""}}),
            false));
  CHECK_FALSE(w.client.call(w.step, "", w.gpt(), ask("2+2?")).has_value());
  CHECK(w.step.kept(0).tries.back().details.find("CANARY") == std::string::npos);
  CHECK(w.step.kept(0).tries.back().details.find("[OPENAI_API_KEY]") != std::string::npos);
}

TEST_CASE("a call says what it waits for: its turn, the answer, the back-off, a target that cools down") {
  World w;
  struct Silent final : EffectPort {
    void post(std::unique_ptr<EffectMessage> message) override { last = std::move(message); }
    std::unique_ptr<EffectMessage> last;
  };
  const auto port = std::make_shared<Silent>();
  const auto effect = w.client.make_effect(ask("2+2?"), w.gpt());
  CHECK(effect->waiting(w.clock.steady()).what.empty());

  EffectAction action = effect->advance({EffectEvent::Kind::start, nullptr}, port, w.clock.steady());
  REQUIRE(std::holds_alternative<EffectRecordSent>(action));
  CHECK(effect->waiting(w.clock.steady()).what == "the answer of openai/gpt-4o");
  w.transport.replies.push_back(reply_with(503, R"({"error":{"message":"later"}})"));
  std::get<EffectRecordSent>(action).transmit(1, 1);
  REQUIRE(port->last != nullptr);
  action = effect->advance({EffectEvent::Kind::message, std::move(port->last)}, port, w.clock.steady());
  REQUIRE(std::holds_alternative<EffectWait>(action));
  const EffectWaiting back_off = effect->waiting(w.clock.steady());
  CHECK(back_off.what == "the back-off after overloaded (503) of openai/gpt-4o");
  CHECK(back_off.until.has_value());

  // Another call of the same lane, which is paused.
  w.limiter.pause(w.gpt()->lane(), w.clock.steady() + seconds(30));
  const auto second = w.client.make_effect(ask("2+3?"), w.gpt());
  action = second->advance({EffectEvent::Kind::start, nullptr}, port, w.clock.steady());
  REQUIRE(std::holds_alternative<EffectWait>(action));
  const std::string turn = second->waiting(w.clock.steady()).what;
  CHECK(turn.starts_with("the limits of openai/gpt-4o"));
  CHECK(turn.find("paused 30 s") != std::string::npos);
  second->abandon();
  effect->abandon();
}

TEST_CASE("a forecast reads the request as it would go out, and makes none") {
  World w;
  const EffectForecast forecast = w.client.make_effect(ask("How much is it?"), w.gpt())->forecast();
  CHECK(forecast.refused.empty());
  CHECK(forecast.bytes_in == 15);
  CHECK(forecast.tokens_out_most == 16);
  CHECK(forecast.priced);
  CHECK(forecast.cost_most == (15 + 16 + 64) * 2'500'000 + 16 * 10'000'000);
  ChatRequest open = ask("x");
  open.params.max_tokens.reset();
  CHECK_FALSE(w.client.make_effect(open, w.gpt())->forecast().tokens_out_most.has_value());
  CHECK_FALSE(w.client.make_effect(ChatRequest{}, w.gpt())->forecast().refused.empty());
  CHECK(w.transport.sent.empty());
}
