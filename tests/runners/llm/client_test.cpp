#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "core/text/error.hpp"
#include "tests/runners/llm/client_world.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

WireReply error_with(int status, const std::string& code, std::vector<Header> headers = {}) {
  return reply_with(status, R"({"error":{"message":"m","code":")" + code + "\"}}", std::move(headers));
}

}  // namespace

TEST_CASE("the simulated model answers through the whole path of a recorded call") {
  World w;
  ChatRequest request = ask("2+2?");
  request.hint = Hint{"4", {"3", "4"}};
  const ModelHandle model = w.registry.callable("sim/qa?accuracy=1&latency=const:200ms");
  const auto reply = w.client.call(w.step, "", model, request);
  REQUIRE(reply.has_value());
  CHECK(reply->text == "The answer is (4).");
  CHECK(reply->stop == Stop::stop);
  CHECK(reply->usage->out == 5);
  CHECK(w.elapsed() == doctest::Approx(0.2));
  const FakeRecord& kept = w.step.kept(0);
  CHECK(kept.record.state == CallState::answered);
  CHECK(kept.reply.find("chat.completion") != std::string::npos);
  CHECK(kept.request.find("The answer") == std::string::npos);
  CHECK(kept.record.request_hash == xxh3_128(kept.request));
  CHECK(kept.tries.size() == 1);
}

TEST_CASE("a recorded call is served from its raw bytes, and nothing is sent") {
  World w;
  w.transport.replies.push_back(chat("one"));
  REQUIRE(w.client.call(w.step, "k", w.gpt(), ask("Q"))->text == "one");
  FakeStep again(w.clock, &w.clock);
  again.recorded["k"] = w.step.kept(0);
  const auto reply = w.client.call(again, "k", w.gpt(), ask("Q"));
  REQUIRE(reply.has_value());
  CHECK(reply->text == "one");
  CHECK(reply->source == ReplySource::replay);
  CHECK(reply->cost == w.step.kept(0).record.cost);
  CHECK(w.transport.sent.size() == 1);
  SUBCASE("a request that differs goes out anew") {
    w.transport.replies.push_back(chat("two"));
    FakeStep third(w.clock, &w.clock);
    third.recorded["k"] = w.step.kept(0);
    CHECK(w.client.call(third, "k", w.gpt(), ask("Q "))->text == "two");
  }
}

TEST_CASE("what goes over the wire: body, headers, the key by its variable's name only") {
  World w;
  w.transport.replies.push_back(chat("x"));
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE(reply.has_value());
  REQUIRE(w.transport.sent.size() == 1);
  const WireRequest& sent = w.transport.sent[0];
  CHECK(sent.url == "https://api.openai.com/v1/chat/completions");
  CHECK(sent.body == R"({"max_tokens":16,"messages":[{"content":"Q","role":"user"}],"model":"gpt-4o"})");
  std::map<std::string, Header> headers;
  for (const Header& header : sent.headers) headers[header.name] = header;
  CHECK(headers["Authorization"].value == "Bearer ");
  CHECK(headers["Authorization"].secret == "OPENAI_API_KEY");
  CHECK(headers["User-Agent"].value == "assay/1.0");
  CHECK(headers["Idempotency-Key"].value.starts_with("assay-"));
  CHECK(headers["X-Client-Request-Id"].value.size() == 16);
  CHECK(reply->cost == 100 * 2'500'000 + 10 * 10'000'000);
  CHECK(w.step.kept(0).record.cost == reply->cost);
  CHECK(w.transport.settled_calls.size() == 1);
}

TEST_CASE("calls of one step run at the same time") {
  World w;
  const ModelHandle model = w.registry.callable("sim/echo?latency=const:1s");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 3; ++i) {
    handles.push_back(w.client.begin(w.step, "agent/" + std::to_string(i), model, ask("text " + std::to_string(i))));
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(w.client.get(w.step, handles[i])->text == "text " + std::to_string(i));
  CHECK(w.elapsed() == doctest::Approx(1.0));
}

TEST_CASE("how many requests a failure costs, by kind") {
  struct Row {
    const char* name;
    WireReply reply;
    std::size_t requests;
    const char* error;
  };
  const std::vector<Row> rows = {
      {"400", error_with(400, "invalid"), 1, "bad_request"},
      {"401", error_with(401, "invalid_api_key"), 1, "auth"},
      {"403", error_with(403, "x"), 1, "permission"},
      {"404", error_with(404, "model_not_found"), 1, "not_found"},
      {"413", error_with(413, "x"), 1, "too_large"},
      {"422", error_with(422, "x"), 1, "bad_request"},
      {"context", error_with(400, "context_length_exceeded"), 1, "context_length"},
      {"filter", error_with(400, "content_filter"), 1, "content_filter"},
      {"quota", error_with(429, "insufficient_quota"), 1, "quota"},
      {"402", error_with(402, "x"), 1, "quota"},
      {"redirect", reply_with(301, "", {{"location", "http://other.example/x", ""}}), 1, "bad_request/redirect"},
      {"500", error_with(500, "x"), 6, "server"},
      {"529", error_with(529, "x"), 8, "overloaded"},
      {"reset", faulty("network", "reset", true), 6, "network/reset"},
      {"timeout", faulty("timeout", "first_byte", true), 3, "timeout/first_byte"},
      {"html in a 200", reply_with(200, "<html>"), 2, "bad_response/not_json"},
      {"x-should-retry: false", error_with(500, "x", {{"x-should-retry", "false", ""}}), 1, "server"},
      {"x-should-retry: true", error_with(400, "x", {{"x-should-retry", "true", ""}}), 1, "bad_request"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    World w;
    for (int i = 0; i < 20; ++i) w.transport.replies.push_back(row.reply);
    const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
    REQUIRE(!reply.has_value());
    CHECK(reply.error().name() == row.error);
    CHECK(w.transport.sent.size() == row.requests);
    CHECK(w.step.kept(0).tries.size() == row.requests);
    CHECK(w.step.kept(0).record.state == CallState::failed);
    CHECK(w.limiter.lanes().at(0).in_flight == 0);
  }
}

TEST_CASE("a server error is tried again and then answered; each try keeps its number and ids of its own") {
  World w;
  w.transport.replies = {error_with(500, "x"), error_with(503, "y"), chat("done")};
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE(reply.has_value());
  CHECK(reply->tries.size() == 3);
  CHECK(reply->tries[0].kind == "server");
  CHECK(reply->tries[1].kind == "overloaded");
  CHECK(w.step.kept(0).tries[1].number == 2);
  const auto header = [&](std::size_t i, const char* name) {
    for (const Header& h : w.transport.sent[i].headers) {
      if (h.name == name) return h.value;
    }
    return std::string();
  };
  CHECK(header(0, "Idempotency-Key") == header(2, "Idempotency-Key"));
  CHECK(header(0, "X-Client-Request-Id") != header(2, "X-Client-Request-Id"));
  CHECK(w.step.kept(0).record.doubt == CallDoubt::none);
}

TEST_CASE("a 429 with Retry-After waits that long, and every call of the lane with it") {
  World w;
  w.transport.replies = {error_with(429, "rate_limit_exceeded", {{"retry-after", "7", ""}}), chat("a"), chat("b")};
  const CallHandle first = w.client.begin(w.step, "a", w.gpt(), ask("A"));
  w.step.wait_for_something();  // reads the 429
  CHECK(w.pauses.size() == 1);
  CHECK(w.pauses.at(0).duration_ms == 7000);
  CHECK(w.pauses.at(0).source == "retry-after 7");
  const CallHandle second = w.client.begin(w.step, "b", w.gpt(), ask("B"));
  CHECK(w.transport.sent.size() == 1);
  CHECK(w.client.get(w.step, second).has_value());
  CHECK(w.elapsed() >= 7.0);
  CHECK(w.client.get(w.step, first).has_value());
  CHECK(w.elapsed() <= 7.0 + 0.7 + 0.01);
  CHECK(w.transport.sent.size() == 3);
}

TEST_CASE("a pause of the last session is obeyed after a restart") {
  World w;
  PauseInfo pause;
  pause.lane = w.gpt()->lane();
  pause.duration_ms = 5000;
  pause.set_at = w.clock.wall();
  SUBCASE("same boot: what is left by the boot clock, whatever the wall clock says") {
    pause.until_boot_us = w.clock.boot_us() + 3'000'000;
    pause.until = w.clock.wall() + 86'400'000'000;
    w.limiter.restore({pause}, true);
  }
  SUBCASE("another boot: by wall time, never more than the pause was long") {
    pause.until = w.clock.wall() + 86'400'000'000;
    pause.duration_ms = 3000;
    w.limiter.restore({pause}, false);
  }
  w.transport.replies = {chat("x")};
  CHECK(w.client.call(w.step, "", w.gpt(), ask("Q")).has_value());
  CHECK(w.elapsed() == doctest::Approx(3.0).epsilon(0.01));
}

TEST_CASE("a pause beyond the longest wait holds no run: its job goes on when the pause is over") {
  World w;
  w.settings["limit.longest_wait"] = "20s";
  w.transport.replies = {error_with(429, "rate_limit_exceeded", {{"retry-after", "3600", ""}}), chat("x")};
  const auto refused = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::held);
  REQUIRE(refused.error().held_until.has_value());
  const double wait = std::chrono::duration<double>(*refused.error().held_until - w.clock.steady()).count();
  CHECK(wait >= 3600);
  CHECK(wait <= 3602);
  CHECK(refused.error().held.starts_with("waiting until "));
  CHECK(w.elapsed() < 1);
  // Nobody else of the lane waits in a run either, nor is anything sent.
  const auto other = w.client.call(w.step, "b", w.gpt(), ask("R"));
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().held_until.has_value());
  CHECK(w.transport.sent.size() == 1);
  w.clock.advance_to(*refused.error().held_until);
  REQUIRE(w.client.call(w.step, "c", w.gpt(), ask("S")).has_value());
  CHECK(w.transport.sent.size() == 2);
}

TEST_CASE("an absurd hint pauses the lane for at most a day") {
  World w;
  w.settings["limit.longest_wait"] = "48h";
  w.transport.replies = {error_with(429, "x", {{"retry-after", "2300000000", ""}}), chat("x")};
  CHECK(w.client.call(w.step, "", w.gpt(), ask("Q")).has_value());
  CHECK(w.elapsed() >= 86400);
  CHECK(w.elapsed() <= 86402);
}

TEST_CASE("waits without a hint are full jitter") {
  World w;
  std::array<double, 4> sum{}, least{}, most{};
  least.fill(1e9);
  const int rounds = 1500;
  for (int i = 0; i < rounds; ++i) {
    FakeStep step(w.clock, &w.clock);
    for (int k = 0; k < 4; ++k) w.transport.replies.push_back(error_with(429, "rate_limit_exceeded"));
    w.transport.replies.push_back(chat("x"));
    CHECK(w.client.call(step, "", w.gpt(), ask("Q")).has_value());
    for (std::size_t k = 0; k < 4; ++k) {
      const auto wait = static_cast<double>(step.kept(0).tries.at(k).wait_ms);
      sum.at(k) += wait;
      least.at(k) = std::min(least.at(k), wait);
      most.at(k) = std::max(most.at(k), wait);
    }
  }
  for (std::size_t k = 0; k < 4; ++k) {
    const double bound = 500 * std::pow(2, k);
    CHECK(sum.at(k) / rounds == doctest::Approx(bound / 2).epsilon(0.05));
    CHECK(least.at(k) < 0.05 * bound);
    CHECK(most.at(k) > 0.95 * bound);
  }
}

TEST_CASE("the total limit ends a call at its time, waiting for limits not counted") {
  World w;
  w.settings["timeout.total"] = "20s";
  w.transport.on_send = [&] { w.transport.replies.push_back(error_with(429, "x")); };
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE(!reply.has_value());
  CHECK(reply.error().name() == "timeout/total");
  CHECK(w.elapsed() >= 20);  // the lane's pauses come on top

  World paused;
  paused.settings["timeout.total"] = "20s";
  paused.limiter.pause(paused.gpt()->lane(), paused.clock.steady() + seconds(60));
  paused.transport.replies = {chat("x")};
  CHECK(paused.client.call(paused.step, "", paused.gpt(), ask("Q")).has_value());
  CHECK(paused.elapsed() == doctest::Approx(60).epsilon(0.01));
}

TEST_CASE("silence until the total limit cancels the transfer and counts as possibly paid") {
  World w;
  w.settings["timeout.total"] = "5s";
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE(!reply.has_value());
  CHECK(reply.error().name() == "timeout/total");
  CHECK(reply.error().ambiguous);
  CHECK(w.transport.cancelled.size() == 1);
  CHECK(w.step.kept(0).record.possible > 0);
  CHECK(w.step.kept(0).record.doubt == CallDoubt::ambiguous);
  CHECK(w.limiter.lanes().at(0).in_flight == 0);
}

TEST_CASE("retry.ambiguous off: what may have been executed is not sent again") {
  World w;
  w.settings["retry.ambiguous"] = "off";
  w.transport.replies = {faulty("network", "reset", true), chat("x")};
  CHECK(w.client.call(w.step, "a", w.gpt(), ask("Q")).error().name() == "network/reset");
  CHECK(w.transport.sent.size() == 1);
  w.transport.replies = {faulty("network", "connect", false), chat("x")};
  CHECK(w.client.call(w.step, "b", w.gpt(), ask("Q")).has_value());
}

TEST_CASE("a retry after an ambiguous failure keeps the mark") {
  World w;
  w.transport.replies = {faulty("network", "reset", true), chat("x")};
  CHECK(w.client.call(w.step, "", w.gpt(), ask("Q")).has_value());
  CHECK(w.step.kept(0).record.doubt == CallDoubt::ambiguous);
  CHECK(w.step.kept(0).tries.at(0).ambiguous);
}

TEST_CASE("an empty answer is asked for once more, then delivered as empty") {
  World w;
  w.transport.replies = {chat(""), chat(""), chat("never")};
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  REQUIRE(reply.has_value());
  CHECK(reply->flags.empty);
  CHECK(w.transport.sent.size() == 2);
  CHECK(reply->cost == 2 * (100 * 2'500'000 + 10 * 10'000'000));
}

TEST_CASE("refused, truncated and filtered replies are delivered with their flags, not tried again") {
  World w;
  w.transport.replies = {chat("half", "length"), chat("par", "content_filter")};
  CHECK(w.client.call(w.step, "a", w.gpt(), ask("Q"))->flags.truncated);
  CHECK(w.client.call(w.step, "b", w.gpt(), ask("Q"))->flags.filtered);
  CHECK(w.transport.sent.size() == 2);
}

TEST_CASE("401 on a key that has worked gets one more try") {
  World w;
  w.transport.replies = {chat("x"), error_with(401, "invalid_api_key"), chat("y")};
  CHECK(w.client.call(w.step, "a", w.gpt(), ask("Q")).has_value());
  CHECK(w.client.call(w.step, "b", w.gpt(), ask("Q")).has_value());
  CHECK(w.elapsed() == doctest::Approx(1.0));
}

TEST_CASE("a request that holds a key is not sent") {
  World w;
  const ModelHandle model = w.gpt();
  const auto reply = w.client.call(w.step, "", model, ask("my key is sk-test-CANARY0123456789abcdef, keep it"));
  REQUIRE(!reply.has_value());
  CHECK(reply.error().kind == ErrorKind::secret);
  CHECK(w.transport.sent.empty());
  CHECK(w.step.kept(0).request.find("CANARY") == std::string::npos);
}

TEST_CASE("a key that a provider echoes reaches no record") {
  World w;
  w.transport.replies = {reply_with(400, R"({"error":{"message":"got Bearer sk-test-CANARY0123456789abcdef"}})")};
  const auto reply = w.client.call(w.step, "", w.gpt(), ask("Q"));
  CHECK(reply.error().message == "got Bearer [OPENAI_API_KEY]");
  CHECK(w.step.kept(0).record.last_try.message == "got Bearer [OPENAI_API_KEY]");
  CHECK(w.step.kept(0).reply.find("CANARY") == std::string::npos);
}

TEST_CASE("a request that cannot be built fails without being sent") {
  World w;
  ChatRequest none;
  const auto reply = w.client.call(w.step, "", w.gpt(), none);
  CHECK(reply.error().kind == ErrorKind::bad_request);
  CHECK(w.transport.sent.empty());
}

TEST_CASE("giving up a call in flight cancels its transfer and frees its place") {
  World w;
  const CallHandle handle = w.client.begin(w.step, "", w.gpt(), ask("Q"));
  CHECK(w.limiter.lanes().at(0).in_flight == 1);
  w.step.abandon(handle);
  CHECK(w.transport.cancelled.size() == 1);
  CHECK(w.limiter.lanes().at(0).in_flight == 0);
}

TEST_CASE("requests per minute: the bucket's rate holds and all calls go, in order") {
  World w;
  w.settings["limit.rpm"] = "600";  // 10/s, burst 10
  const ModelHandle model = w.registry.callable("sim/echo");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 60; ++i)
    handles.push_back(w.client.begin(w.step, std::to_string(i), model, ask(std::to_string(i))));
  double last = 0;
  for (int i = 0; i < 60; ++i) {
    CHECK(w.client.get(w.step, handles[static_cast<std::size_t>(i)]).has_value());
    CHECK(w.elapsed() >= last);
    last = w.elapsed();
  }
  CHECK(last == doctest::Approx(5.0).epsilon(0.01));
}

TEST_CASE("a number in flight: never more, and no slot is lost") {
  World w;
  w.settings["limit.concurrency"] = "4";
  const ModelHandle model = w.registry.callable("sim/echo?latency=const:100ms&fail=server:0.3&seed=3");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 40; ++i)
    handles.push_back(w.client.begin(w.step, std::to_string(i), model, ask(std::to_string(i))));
  std::int64_t most = 0;
  for (const CallHandle handle : handles) {
    while (!w.step.done(handle)) {
      w.step.wait_for_something();
      most = std::max(most, w.limiter.lanes().at(0).in_flight);
    }
  }
  CHECK(most == 4);
  CHECK(w.limiter.lanes().at(0).in_flight == 0);
  CHECK(w.limiter.lanes().at(0).waiting == 0);
}

TEST_CASE("set changes a limit for a running job") {
  World w;
  w.settings["limit.concurrency"] = "1";
  const ModelHandle model = w.registry.callable("sim/echo?latency=const:1s");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 10; ++i)
    handles.push_back(w.client.begin(w.step, std::to_string(i), model, ask(std::to_string(i))));
  CHECK(w.client.get(w.step, handles[0]).has_value());
  w.settings["limit.concurrency"] = "none";
  w.clock.advance(milliseconds(60));  // settings are read again after 50 ms
  handles.push_back(w.client.begin(w.step, "more", model, ask("more")));
  for (const CallHandle handle : handles) {
    if (handle != handles[0]) CHECK(w.client.get(w.step, handle).has_value());
  }
  CHECK(w.elapsed() <= 2.1);
}

TEST_CASE("the simulated model's hidden limits are answered as 429 and all calls still end well") {
  World w;
  const ModelHandle model = w.registry.callable("sim/echo?rps=20&burst=20&latency=const:500ms&retry_after=1");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 60; ++i)
    handles.push_back(w.client.begin(w.step, std::to_string(i), model, ask(std::to_string(i))));
  int rejected = 0;
  for (const CallHandle handle : handles) {
    CHECK(w.client.get(w.step, handle).has_value());
    rejected += static_cast<int>(w.step.kept(handle).tries.size()) - 1;
  }
  CHECK(rejected > 0);
  CHECK(w.elapsed() < 10);
}

TEST_CASE("accuracy of the simulated model over 20,000 calls, and three days in an instant") {
  World w;
  const ModelHandle model = w.registry.callable("sim/qa?accuracy=0.8&latency=exp:13s");
  int right = 0;
  const int n = 20'000;
  for (int i = 0; i < n; ++i) {
    FakeStep step(w.clock, &w.clock);
    ChatRequest request = ask("question " + std::to_string(i));
    request.hint = Hint{"B", {"A", "B", "C", "D"}};
    right += w.client.call(step, "", model, request)->text == "The answer is (B)." ? 1 : 0;
  }
  CHECK(std::fabs(right / static_cast<double>(n) - 0.8) < 0.01);
  CHECK(w.elapsed() > 2.5 * 86400);
}

TEST_CASE("names of the simulated model are checked where they are written") {
  World w;
  CHECK_THROWS_WITH_AS(w.registry.callable("sim/qa?accurcy=1"), "sim: unknown key \"accurcy\"", Error);
  CHECK_THROWS_AS(w.registry.callable("sim/nothing"), Error);
  CHECK_THROWS_AS(w.registry.callable("sim/qa?latency=fast"), Error);
  CHECK_THROWS_AS(w.registry.callable("anthropic/claude"), Error);
}

TEST_CASE("a pinned entry comes back as it was, and sends no key to a foreign host") {
  World w;
  const ModelHandle model = w.gpt();
  const ModelHandle again = w.registry.callable_pinned(to_json(*model));
  CHECK(to_json(*again) == to_json(*model));
  CHECK(again->lane() == model->lane());
  CHECK(to_json(*model).dump().find("CANARY") == std::string::npos);
  Json foreign = to_json(*model);
  foreign["url"] = "https://evil.example/v1/chat/completions";
  CHECK_THROWS_AS(w.registry.callable_pinned(foreign), Error);
}

TEST_CASE(".env: export, quotes and comments; a bad line is named") {
  const auto values = parse_env_text("# c\nexport A=1\nB = 'x # y'\nC=\"a\\nb\" # c\nD=plain # c\n\nE=\n", ".env");
  CHECK(values.at("A") == "1");
  CHECK(values.at("B") == "x # y");
  CHECK(values.at("C") == "a\nb");
  CHECK(values.at("D") == "plain");
  CHECK(values.at("E").empty());
  CHECK_THROWS_WITH_AS(parse_env_text("A=1\nnonsense", ".env"), ".env:2: not KEY=VALUE", Error);
}

TEST_CASE("a request of 40 one-byte variations has 40 hashes; streaming and the key change none") {
  World w;
  std::set<std::string> hashes;
  std::string text = "The quick brown fox jumps over the lazy dog";
  for (std::size_t i = 0; i < 40; ++i) {
    std::string varied = text;
    varied[i] = varied[i] == 'z' ? 'y' : 'z';
    hashes.insert(to_hex(w.client.make_effect(ask(varied), w.gpt())->request_hash()));
  }
  CHECK(hashes.size() == 40);
  ChatRequest streamed = ask(text);
  streamed.stream = StreamMode::always;
  CHECK(w.client.make_effect(streamed, w.gpt())->request_hash() ==
        w.client.make_effect(ask(text), w.gpt())->request_hash());
}

TEST_CASE("a parameter the model does not take is corrected once, resent at once, and remembered") {
  World w;
  const auto unsupported = [](const std::string& param) {
    return reply_with(400, R"({"error":{"message":"m","code":"unsupported_parameter","param":")" + param + "\"}}");
  };
  w.transport.replies = {unsupported("max_tokens"), unsupported("temperature"), chat("x"), chat("y")};
  ChatRequest request = ask("Q");
  request.params.temperature = 0;
  const auto reply = w.client.call(w.step, "a", w.gpt(), request);
  REQUIRE(reply.has_value());
  CHECK(w.elapsed() == 0);
  CHECK(reply->tries.size() == 3);
  CHECK(reply->dropped == std::vector<std::string>{"max_tokens", "temperature"});
  CHECK(Json::parse(w.transport.sent[2].body)["max_completion_tokens"] == 16);
  CHECK(!Json::parse(w.transport.sent[2].body).contains("temperature"));
  CHECK(w.client.call(w.step, "b", w.gpt(), request).has_value());
  CHECK(w.transport.sent.size() == 4);
  CHECK(w.step.kept(0).record.request_hash == w.step.kept(1).record.request_hash);

  World never;
  for (int i = 0; i < 5; ++i) never.transport.replies.push_back(unsupported("max_tokens"));
  CHECK(never.client.call(never.step, "", never.gpt(), request).error().kind == ErrorKind::bad_request);
  CHECK(never.transport.sent.size() == 2);
}

TEST_CASE("the settings' own defaults pass their own checks, and bad values are refused") {
  for (const SettingSpec& row : llm_settings()) {
    CAPTURE(row.name);
    CHECK_NOTHROW(row.check(row.default_text));
    CHECK(!row.help.empty());
  }
  for (const auto& [name, bad] :
       {std::pair{"timeout.stall", "0s"}, std::pair{"timeout.connect", "soon"}, std::pair{"limit.rpm", "-1"},
        std::pair{"limit.concurrency", "0"}, std::pair{"retry.server", "0 1s 2s"}, std::pair{"retry.server", "3 1s"},
        std::pair{"retry.ambiguous", "maybe"}}) {
    CAPTURE(name);
    for (const SettingSpec& row : llm_settings()) {
      if (row.name == name) CHECK_THROWS_AS(row.check(bad), Error);
    }
  }
}

TEST_CASE("a script answers line by line, and says what it could not match") {
  const std::string path = std::string(ASSAY_BUILD_DIR) + "/sim_script.jsonl";
  {
    std::ofstream file(path);
    file << R"({"match":{"contains":"red"},"reply":"apple","times":1})" << "\n"
         << R"({"match":{"re":"^b.*e$"},"reply":"sky","stop":"max_tokens"})" << "\n"
         << R"({"match":{"contains":"bad"},"error":{"kind":"bad_request","message":"no"}})" << "\n";
  }
  World w;
  const ModelHandle model = w.registry.callable("sim/script:" + path);
  CHECK(w.client.call(w.step, "1", model, ask("what is red"))->text == "apple");
  CHECK(w.client.call(w.step, "2", model, ask("blue"))->flags.truncated);
  CHECK(w.client.call(w.step, "3", model, ask("bad")).error().message == "no");
  CHECK(w.client.call(w.step, "4", model, ask("what is red")).error().message ==
        "no line of the script matches: what is red");
}
