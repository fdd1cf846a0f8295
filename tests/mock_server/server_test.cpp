// The server as a whole: protocol, replies, rules, limits, accounts.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include "tests/mock_server/raw.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay::test;
using assay::Json;

namespace {

Json error_of(const std::string& answer) { return Json::parse(body_of(answer)).at("error"); }

}  // namespace

TEST_CASE("a chat request is answered in OpenAI's shape, with the sum of the message's numbers") {
  MockServer mock;
  const std::string answer = ask(mock.port(), "A: 12 B: 30");
  CHECK(status_of(answer) == 200);
  CHECK(header_of(answer, "Content-Type") == "application/json");
  CHECK(header_of(answer, "x-request-id") == "req_1");
  const Json body = Json::parse(body_of(answer));
  CHECK(body["object"] == "chat.completion");
  CHECK(body["model"] == "m1");
  CHECK(body["choices"][0]["message"]["content"] == "42");
  CHECK(body["choices"][0]["finish_reason"] == "stop");
  CHECK(body["usage"]["total_tokens"] ==
        body["usage"]["prompt_tokens"].get<int>() + body["usage"]["completion_tokens"].get<int>());
  CHECK(body["usage"]["prompt_tokens"].get<int>() > 5);
  CHECK(content_of(ask(mock.port(), "A: 0.1 B: 0.2")) == "0.3");
  CHECK(content_of(ask(mock.port(), "Which letter?")) == "The answer is (A).");
}

TEST_CASE("a reply template is filled from the request") {
  MockServer mock;
  mock.config(R"({"reply":"n={n} \"{prompt}\" {sum} {model} {other} {"})");
  CHECK(content_of(ask(mock.port(), "say \"hi\"\n1 2 \xc3\xa9")) == "n=1 \"say \"hi\"\n1 2 \xc3\xa9\" 3 m1 {other} {");
  mock.config(R"({"reply":"{echo}"})");
  CHECK(content_of(ask(mock.port(), "back")) == "back");
  mock.config(R"({"reply":"qa"})");
  std::set<std::string> letters;
  for (int i = 0; i < 40; ++i) {
    const std::string prompt = "Question " + std::to_string(i) + " (A) x (B) y (C) z";
    const std::string first = content_of(ask(mock.port(), prompt));
    CHECK(first == content_of(ask(mock.port(), prompt)));
    letters.insert(first);
  }
  CHECK(letters == std::set<std::string>{"The answer is (A).", "The answer is (B).", "The answer is (C)."});
}

TEST_CASE("requests that are wrong get the provider's own error") {
  MockServer mock;
  Raw raw(mock.port());
  const auto status = [&](const std::string& request) {
    raw.send(request);
    return status_of(raw.answer());
  };
  CHECK(status("GET /v1/chat/completions HTTP/1.1\r\n\r\n") == 405);
  CHECK(status(http_post("/v1/chat/completions", "not json")) == 400);
  for (const char* body :
       {R"({"messages":[{"role":"user","content":"x"}]})", R"({"model":"m"})", R"({"model":"m","messages":[]})",
        R"({"model":"m","messages":[{"content":"x"}]})", R"({"model":"m","messages":[{"role":"model","content":"x"}]})",
        R"({"model":"m","messages":[{"role":"user","content":null}]})",
        R"({"model":"m","temperature":2.5,"messages":[{"role":"user","content":"x"}]})"}) {
    CAPTURE(body);
    CHECK(status(http_post("/v1/chat/completions", body)) == 400);
  }
  CHECK(status(http_post("/v1/nowhere", "{}")) == 404);
  CHECK(status("GET /v1/models HTTP/1.1\r\nAuthorization: Bearer k\r\n\r\n") == 200);
  CHECK(status("GET /v1/models HTTP/1.1\r\n\r\n") == 401);
  CHECK(status("GET /health HTTP/1.1\r\n\r\n") == 200);
  CHECK(status(chat_request("x", "", kNoKey)) == 401);
  for (const char* header : {"x-api-key: sk-1\r\n", "API-Key: sk-1\r\n", "x-goog-api-key: sk-1\r\n"}) {
    CHECK(status(chat_request("x", "", header)) == 401);
  }
  mock.config(R"({"require_key":false})");
  CHECK(status(chat_request("x", "", kNoKey)) == 200);
}

TEST_CASE("pipelined requests are answered in order on one connection") {
  MockServer mock;
  mock.config(R"({"reply":"{echo}","latency":"uniform:0ms..3ms"})");
  Raw raw(mock.port());
  std::string all;
  for (int i = 0; i < 200; ++i) all += chat_request("p" + std::to_string(i));
  raw.send(all);
  for (int i = 0; i < 200; ++i) CHECK(content_of(raw.answer()) == "p" + std::to_string(i));
  CHECK(mock.stats()["by_status"]["200"] == 200);
}

TEST_CASE("a request may come byte by byte, chunked, or after 100-continue") {
  MockServer mock;
  Raw raw(mock.port());
  for (const char c : chat_request("A: 1 B: 1")) raw.send({&c, 1});
  CHECK(content_of(raw.answer()) == "2");
  raw.send(
      "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer k\r\nTransfer-Encoding: chunked\r\n\r\n"
      "e\r\n{\"model\":\"m\",\"\r\n"
      "38\r\nmessages\":[{\"role\":\"user\",\"content\":\"A: 2 B: 2\"}],\"n\":1}\r\n0\r\n\r\n");
  CHECK(content_of(raw.answer()) == "4");
  const std::string request = chat_request("A: 3 B: 3", "", "Expect: 100-continue\r\n");
  const std::size_t head = request.find("\r\n\r\n") + 4;
  raw.send(request.substr(0, head));
  CHECK(raw.until("100 Continue\r\n\r\n") == Ending::enough);
  raw.received.clear();
  raw.send(request.substr(head));
  CHECK(content_of(raw.answer()) == "6");
}

TEST_CASE("garbage ends its own connection and nothing else") {
  MockServer mock;
  std::uint64_t x = 1;
  for (int i = 0; i < 300; ++i) {
    Raw raw(mock.port());
    std::string bytes = i % 3 == 0 ? chat_request("ok") : i % 3 == 1 ? "POST /v1/chat/completions HTTP/1.1\r\n" : "";
    for (int k = 0; k < 400; ++k) {
      x = x * 6364136223846793005ULL + 1442695040888963407ULL;
      bytes += static_cast<char>(x >> 33);
    }
    raw.send(bytes + "\r\n\r\n" + chat_request("after"));
    raw.to_end(20, 100'000);
  }
  CHECK(content_of(ask(mock.port(), "A: 1 B: 1")) == "2");
  Raw tls(mock.port());
  tls.send("\x16\x03\x01\x02\x00\x01");
  CHECK(tls.to_end() == Ending::closed);
  CHECK(status_of(tls.received) == 400);
  CHECK(mock.stats()["bad_requests"].get<int>() > 100);
}

TEST_CASE("latency delays every answer alone and is listed") {
  MockServer mock({"--seed", "7"});
  mock.config(R"({"latency":"const:120ms"})");
  const double begin = now_s();
  std::vector<std::unique_ptr<Raw>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(std::make_unique<Raw>(mock.port()));
    all.back()->send(chat_request("q" + std::to_string(i)));
  }
  for (auto& raw : all) CHECK(status_of(raw->answer()) == 200);
  const double took = now_s() - begin;
  CHECK(took >= 0.12);
  CHECK(took < 2);
  CHECK(mock.stats()["in_flight"]["largest"] > 100);
  CHECK(mock.latencies().size() == 200);

  mock.reset(true);
  mock.config(R"({"latency":"lognormal:5ms,0.6"})");
  for (int i = 0; i < 20; ++i) ask(mock.port(), "x");
  const auto drawn = mock.latencies();
  mock.reset();
  for (int i = 0; i < 20; ++i) ask(mock.port(), "other");
  CHECK(drawn == mock.latencies());
  MockServer other({"--seed", "8", "--config", R"({"latency":"lognormal:5ms,0.6"})"});
  for (int i = 0; i < 20; ++i) ask(other.port(), "x");
  CHECK(drawn != other.latencies());
}

TEST_CASE("headers, first byte and chunks have their own delays") {
  MockServer mock;
  mock.config(R"({"latency":{"headers":"const:50ms","first":"const:150ms","chunk":"const:40ms"},"reply":"a b c"})");
  Raw raw(mock.port());
  double begin = now_s();
  raw.send(chat_request("x"));
  CHECK(raw.until("\r\n\r\n") == Ending::enough);
  const double headers = now_s() - begin;
  CHECK(headers >= 0.05);
  CHECK(headers < 0.19);
  CHECK(status_of(raw.answer()) == 200);
  CHECK(now_s() - begin >= 0.2);
  begin = now_s();
  raw.send(chat_request("x", R"(,"stream":true)"));
  CHECK(status_of(raw.answer()) == 200);
  CHECK(now_s() - begin >= 0.05 + 0.15 + 5 * 0.04);  // role, three words, finish, [DONE]: five gaps
}

TEST_CASE("a queueing server never rejects and answers as fast as its workers") {
  MockServer mock;
  mock.config(R"({"latency":"const:20ms","workers":4})");
  const double begin = now_s();
  std::vector<std::unique_ptr<Raw>> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(std::make_unique<Raw>(mock.port()));
    all.back()->send(chat_request("q" + std::to_string(i)));
  }
  for (auto& raw : all) CHECK(status_of(raw->answer()) == 200);
  CHECK(now_s() - begin >= 0.199);
  CHECK(now_s() - begin < 1);
}

TEST_CASE("list scheduling gives the ideal time of the drawn delays") {
  CHECK(list_schedule_seconds({100, 100, 100, 100}, 2) == doctest::Approx(0.2));
  CHECK(list_schedule_seconds({300, 100, 100, 100}, 2) == doctest::Approx(0.3));
  CHECK(list_schedule_seconds({}, 2) == 0);
}

TEST_CASE("the first rule that matches decides") {
  MockServer mock;
  mock.rules(R"([{"match":{"contains":"say \"no\""},"do":{"status":403}},
                 {"match":{"model":"m1","key":"sk-bad"},"do":"auth"},
                 {"match":{"path":"/other/"},"do":503},
                 {"match":{"contains":"nth","nth":2},"do":{"status":500}},
                 {"match":{"contains":"first","first":2},"do":{"status":502}},
                 {"match":{"contains":"every","every":3},"do":{"status":504}}])");
  const int port = mock.port();
  CHECK(status_of(ask(port, "please say \"no\"")) == 403);
  CHECK(status_of(ask(port, "x", "", "Authorization: Bearer sk-bad\r\n")) == 401);
  CHECK(status_of(ask(port, "x", "", "Authorization: Bearer sk-good\r\n")) == 200);
  const auto row = [&](const char* prompt) {
    std::vector<int> out;
    for (int i = 0; i < 6; ++i) out.push_back(status_of(ask(port, prompt)));
    return out;
  };
  CHECK(row("nth") == std::vector<int>{200, 500, 200, 200, 200, 200});
  CHECK(row("first") == std::vector<int>{502, 502, 200, 200, 200, 200});
  CHECK(row("every") == std::vector<int>{200, 200, 504, 200, 200, 504});
  Raw raw(port);
  raw.send(http_post("/other/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"x"}]})"));
  CHECK(status_of(raw.answer()) == 503);
}

TEST_CASE("a share is of the seed and the request: a run repeats, a retry may differ") {
  const auto pattern = [](const char* seed) {
    MockServer mock({"--seed", seed, "--rules", R"([{"match":{"share":0.3},"do":{"status":500}}])"});
    std::string out;
    for (int i = 0; i < 400; ++i) out += status_of(ask(mock.port(), "q" + std::to_string(i))) == 500 ? 'x' : '.';
    for (int i = 0; i < 40; ++i) out += status_of(ask(mock.port(), "same")) == 500 ? 'x' : '.';
    return out;
  };
  const std::string first = pattern("1");
  CHECK(first == pattern("1"));
  CHECK(first != pattern("2"));
  const auto failed = std::count(first.begin(), first.begin() + 400, 'x');
  CHECK(failed > 90);
  CHECK(failed < 150);
  CHECK(first.substr(400).find('x') != std::string::npos);
  CHECK(first.substr(400).find('.') != std::string::npos);
}

TEST_CASE("then answers the tries of the same request one after the other") {
  MockServer mock;
  mock.rules(R"([{"do":{"then":[{"status":429,"hint":{"form":"decimal","seconds":0.25}},500,200]}}])");
  for (const char* prompt : {"one", "two"}) {
    const std::string first = ask(mock.port(), prompt);
    CHECK(status_of(first) == 429);
    CHECK(header_of(first, "Retry-After") == "0.25");
    CHECK(status_of(ask(mock.port(), prompt)) == 500);
    CHECK(status_of(ask(mock.port(), prompt)) == 200);
    CHECK(status_of(ask(mock.port(), prompt)) == 200);
  }
}

TEST_CASE("a token bucket answers 429 with its hint, hidden or announced") {
  MockServer mock;
  mock.config(R"({"limit":{"kind":"token_bucket","rate":10,"burst":2,"announce":true,"hint":"retry-after-ms"}})");
  const std::string first = ask(mock.port(), "a");
  CHECK(header_of(first, "x-ratelimit-limit-requests") == "2");
  CHECK(header_of(first, "x-ratelimit-remaining-requests") == "1");
  CHECK(header_of(first, "x-ratelimit-reset-requests").find("ms") != std::string::npos);
  ask(mock.port(), "b");
  const std::string third = ask(mock.port(), "c");
  CHECK(status_of(third) == 429);
  CHECK(error_of(third)["code"] == "rate_limit_exceeded");
  const int wait_ms = std::atoi(header_of(third, "retry-after-ms").c_str());
  CHECK(wait_ms > 20);
  CHECK(wait_ms <= 100);
  // Another key is another lane.
  CHECK(status_of(ask(mock.port(), "c", "", "Authorization: Bearer other\r\n")) == 200);
  mock.config(R"({"limit":{"kind":"token_bucket","rate":0.001,"burst":1}})");
  CHECK(header_of(ask(mock.port(), "a"), "x-ratelimit-limit-requests").empty());
  const std::string hidden = ask(mock.port(), "b");
  CHECK(status_of(hidden) == 429);
  CHECK(header_of(hidden, "Retry-After").empty());
}

TEST_CASE("a concurrency limit counts requests until their answer is out or given up") {
  MockServer mock;
  mock.config(R"({"limit":{"kind":"concurrency","limit":2},"latency":"const:200ms"})");
  Raw a(mock.port());
  a.send(chat_request("a"));
  {
    Raw b(mock.port());
    b.send(chat_request("b"));
    while (mock.stats()["in_flight"]["now"] < 2) {
    }
    CHECK(status_of(ask(mock.port(), "c")) == 429);
  }
  while (mock.stats()["abandoned"] < 1) {
  }
  CHECK(status_of(ask(mock.port(), "d")) == 200);
  CHECK(status_of(a.answer()) == 200);
  CHECK(status_of(ask(mock.port(), "e")) == 200);
}

TEST_CASE("duplicates, ids and early retries are counted") {
  MockServer mock;
  mock.rules(R"([{"match":{"contains":"wait"},"do":{"then":[{"status":429,"hint":2},200]}}])");
  const int port = mock.port();
  ask(port, "once", "", "Idempotency-Key: k1\r\nX-Client-Request-Id: r1\r\n");
  ask(port, "twice", "", "Idempotency-Key: k2\r\nX-Client-Request-Id: r2\r\n");
  ask(port, "twice", R"(,"stream":true)", "Idempotency-Key: k2\r\nX-Client-Request-Id: r3\r\n");
  ask(port, "wait", "", "Authorization: Bearer k\r\n");
  ask(port, "wait", "", "Authorization: Bearer k\r\n");
  ask(port, "another", "", "Authorization: Bearer k\r\n");
  ask(port, "another key", "", "Authorization: Bearer l\r\n");
  const Json stats = mock.stats();
  CHECK(stats["requests"] == 7);
  CHECK(stats["answered"] == 6);
  CHECK(stats["by_status"]["429"] == 1);
  CHECK(stats["abandoned"] == 0);
  CHECK(stats["in_flight"]["now"] == 0);
  CHECK(stats["by_key"].size() == 3);
  CHECK(stats["connections"]["opened"].get<int>() >= 7);
  const Json& dup = stats["duplicates"];
  CHECK(dup["fingerprints"] == 5);
  CHECK(dup["asked_again"] == 2);
  CHECK(dup["answered_again"] == 1);
  CHECK(dup["extra"] == 1);
  CHECK(dup["idempotency_keys"]["extra"] == 1);
  CHECK(dup["client_request_ids"]["extra"] == 0);
  CHECK(stats["retry_after"]["given"] == 1);
  CHECK(stats["retry_after"]["fingerprint_early"] == 1);
  CHECK(stats["retry_after"]["key_early"] == 2);
  const Json log = mock.log(5);
  CHECK(log["next"] == 7);
  CHECK(log["entries"].size() == 2);
  CHECK(log["entries"][0][2] == 200);
  int answered = 0;
  const Json prints = mock.fingerprints();
  for (const auto& [print, counts] : prints.items()) answered += counts["answered"].get<int>();
  CHECK(answered == 6);
  mock.reset();
  CHECK(mock.stats()["requests"] == 0);
}

TEST_CASE("the bill is what the vendor would charge") {
  MockServer mock;
  mock.config(R"({"prices":{"m1":{"in":1000000,"out":2000000}},"usage":{"prompt_tokens":3,"completion_tokens":5}})");
  ask(mock.port(), "a");
  ask(mock.port(), "b");
  mock.config(R"({"body":"malformed"})");
  ask(mock.port(), "c");
  mock.config(R"({"body":null,"status":500})");
  ask(mock.port(), "d");
  const Json bill = mock.bill();
  CHECK(bill["calls"] == 3);
  CHECK(bill["usd"] == doctest::Approx(3 * 13.0));
  CHECK(bill["priced"] == true);
  mock.reset(true);
  mock.config(R"({"usage":"random"})");
  for (int i = 0; i < 50; ++i) {
    const Json body = Json::parse(body_of(ask(mock.port(), "x" + std::to_string(i), R"(,"max_tokens":9)")));
    CHECK(body["usage"]["completion_tokens"] >= 1);
    CHECK(body["usage"]["completion_tokens"] <= 9);
  }
}

TEST_CASE("settings that make no sense are refused with their name and change nothing") {
  MockServer mock;
  mock.config(R"({"reply":"kept"})");
  for (const char* bad :
       {R"({"nonsense":1})", R"({"latency":"soon"})", R"({"body":"odd"})", R"({"stream":"odd"})", R"({"reset":"odd"})",
        R"({"error":"odd"})", R"({"hint":"odd"})", R"({"limit":{"kind":"odd"}})", R"({"status":"x"})", "[]", "{"}) {
    CAPTURE(bad);
    CHECK_THROWS(mock.config(bad));
  }
  CHECK_THROWS(mock.rules(R"([{"match":{"odd":1},"do":200}])"));
  CHECK_THROWS(mock.rules(R"([{"match":{}}])"));
  CHECK(content_of(ask(mock.port(), "x")) == "kept");
}

TEST_CASE("an answer that the client did not wait for is abandoned, not answered") {
  MockServer mock;
  mock.config(R"({"latency":"const:100ms"})");
  {
    Raw raw(mock.port());
    raw.send(chat_request("a"));
    while (mock.stats()["in_flight"]["now"] < 1) {
    }
  }
  while (mock.stats()["in_flight"]["now"] > 0) {
  }
  const Json stats = mock.stats();
  CHECK(stats["abandoned"] == 1);
  CHECK(stats["answered"] == 0);
  CHECK(mock.bill()["calls"] == 1);
}

TEST_CASE("a connection may be limited to some requests") {
  MockServer mock;
  mock.config(R"({"max_per_connection":2})");
  Raw raw(mock.port());
  raw.send(chat_request("a"));
  CHECK(header_of(raw.answer(), "Connection").empty());
  raw.send(chat_request("b"));
  CHECK(header_of(raw.answer(), "Connection") == "close");
  CHECK(raw.to_end() == Ending::closed);
}

TEST_CASE("the server ends with its object, and with its test however that ends") {
  auto mock = std::make_unique<MockServer>();
  const pid_t pid = mock->pid();
  const int port = mock->port();
  CHECK(kill(pid, 0) == 0);
  mock.reset();
  CHECK(kill(pid, 0) != 0);
  CHECK_FALSE(Raw(port).connected());

  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto* lost = new MockServer;
    const int its_port = lost->port();
    if (write(ends[1], &its_port, sizeof its_port) < 0) _exit(1);
    raise(SIGKILL);
  }
  int its_port = 0;
  REQUIRE(read(ends[0], &its_port, sizeof its_port) == sizeof its_port);
  waitpid(child, nullptr, 0);
  const double begin = now_s();
  bool up = true;
  while (up && now_s() - begin < 3) {
    up = Raw(its_port).connected();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK_FALSE(up);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("hundreds of connections wait at the same time") {
  MockServer mock;
  mock.config(R"({"latency":"const:700ms"})");
  std::vector<std::unique_ptr<Raw>> all;
  for (int i = 0; i < 900; ++i) {
    all.push_back(std::make_unique<Raw>(mock.port()));
    REQUIRE(all.back()->connected());
    all.back()->send(chat_request("q" + std::to_string(i)));
  }
  for (auto& raw : all) CHECK(status_of(raw->answer(5000)) == 200);
  CHECK(mock.stats()["in_flight"]["largest"] == 900);
}
