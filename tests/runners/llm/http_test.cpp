// The HTTP thread against the mock server: the fault modes of reliability.md 6, time limits, one sending per try.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <iostream>
#include <thread>

#include "core/text/error.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/http.hpp"
#include "tests/support/fake_step.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;
using Real = std::chrono::steady_clock;

namespace {

/// A client over real sockets.
struct World {
  explicit World(const std::string& base_url) : base(base_url) {}
  std::string base;
  SystemClock clock;
  SystemEntropy entropy;
  SecretStore secrets;
  InProcessTransport transport{secrets};
  Limiter limiter{clock};
  std::map<std::string, std::string, std::less<>> settings{
      {"retry.network", "3 1ms 5ms"}, {"retry.server", "3 1ms 5ms"},       {"retry.overloaded", "3 1ms 5ms"},
      {"retry.timeout", "1 1ms 5ms"}, {"retry.bad_response", "2 1ms 5ms"}, {"retry.rate_limit", "any 1ms 5ms"}};
  ModelRegistry registry{[this](std::string_view name) -> std::optional<std::string> {
                           if (name == "OPENAI_API_KEY") return "sk-test-CANARY0123456789abcdef";
                           if (name == "OPENAI_BASE_URL") return base;
                           return std::nullopt;
                         },
                         secrets,
                         {},
                         &limiter};
  ChatClient client{ClientOptions{clock,
                                  entropy,
                                  transport,
                                  secrets,
                                  limiter,
                                  [this, fallback = default_llm_settings()](std::string_view name) {
                                    const auto found = settings.find(name);
                                    return found == settings.end() ? fallback(name) : found->second;
                                  },
                                  "0123456789abcdef",
                                  "1.0",
                                  {}}};
  CallId next_call = 1;

  struct Outcome {
    tl::expected<ChatReply, CallError> reply;
    FakeRecord kept;
    double seconds = 0;
  };
  Outcome ask(const std::string& text = "2+2", StreamMode stream = StreamMode::never) {
    FakeStep step(clock, nullptr, next_call);
    next_call += 1;
    ChatRequest request;
    request.messages.emplace_back(Role::user, text);
    request.params.max_tokens = 16;
    request.stream = stream;
    const auto begun = Real::now();
    Outcome outcome{client.call(step, "", registry.callable("openai/gpt-4o"), request), {}, 0};
    outcome.seconds = std::chrono::duration<double>(Real::now() - begun).count();
    outcome.kept = step.kept(0);
    return outcome;
  }
};

std::string name_of(const World::Outcome& outcome) { return outcome.reply ? "answered" : outcome.reply.error().name(); }

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return static_cast<std::size_t>(std::stoul(line.substr(6)));
  }
  return 0;
}

}  // namespace

TEST_CASE("a call over HTTP is answered, streamed or not, and connections are kept") {
  MockServer server;
  World w(server.base_url());
  for (int i = 0; i < 20; ++i) {
    const auto outcome = w.ask(std::to_string(i) + "+1", i % 2 == 0 ? StreamMode::never : StreamMode::always);
    REQUIRE(name_of(outcome) == "answered");
    CHECK(outcome.reply->text == std::to_string(i + 1));
    CHECK(outcome.reply->usage.has_value());
  }
  CHECK(server.stats()["answered"] == 20);
  CHECK(w.transport.statistics().connections == 1);
}

TEST_CASE("every fault mode ends as it is declared, and the next call works") {
  struct Row {
    const char* mode;
    const char* rule;
    const char* outcome;
    int requests;  // at the server; 0: not counted
    bool ambiguous;
    StreamMode stream = StreamMode::never;
  };
  const std::vector<Row> rows = {
      {"1 normal", R"({"status":200})", "answered", 1, false},
      {"2 429 with seconds",
       R"({"then":[{"error":"rate_limit","hint":{"form":"retry-after","seconds":1}},{"status":200}]})", "answered", 2,
       false},
      {"4 500 with HTML", R"({"error":"server_html"})", "server", 3, false},
      {"5 529", R"({"error":"site_overloaded"})", "overloaded", 3, false},
      {"6 reset before any byte", R"({"reset":"after_reading"})", "network/reset", 3, true},
      {"7 reset after the headers", R"({"reset":"after_headers"})", "network/cut", 3, true},
      {"7 reset in mid-body", R"({"reset":"mid_body"})", "network/cut", 3, true},
      {"8 body shorter than announced", R"({"body":"length_short"})", "network/cut", 3, true},
      {"9 cut JSON", R"({"body":"truncated"})", "bad_response/not_json", 2, true},
      {"9 malformed JSON", R"({"body":"malformed"})", "bad_response/not_json", 2, true},
      {"10 HTML", R"({"body":"html"})", "bad_response/not_json", 2, true},
      {"11 empty", R"({"body":"empty"})", "bad_response/not_json", 2, true},
      {"12 error in a 200", R"({"body":"error_in_200"})", "server", 3, false},
      {"13 invalid UTF-8", R"({"body":"invalid_utf8"})", "answered", 1, false},
      {"13 lone surrogate", R"({"body":"lone_surrogate"})", "answered", 1, false},
      {"14 NUL and OSC 52", R"({"body":"nul"})", "answered", 1, false},
      {"15 depth 201", R"({"body":"depth_201"})", "bad_response/too_deep", 2, true},
      {"15 depth 200,000", R"({"body":"depth_200000"})", "bad_response/too_deep", 2, true},
      {"16 slow loris", R"({"slow":{"bytes_per_s":2}})", "timeout/attempt", 1, true},
      {"17 silence, attempt", R"({"slow":"silence"})", "timeout/attempt", 1, true},
      {"18 4 GiB chunked", R"({"body":"chunked_4gib"})", "bad_response/too_big", 2, true},
      {"18 64 MiB", R"({"body":"size_64mib"})", "bad_response/too_big", 2, true},
      {"18 endless", R"({"body":"endless"})", "bad_response/too_big", 2, true},
      {"19 99 GB announced", R"({"body":"length_99gb"})", "bad_response/too_big", 2, true},
      {"20 gzip bomb", R"({"body":"gzip_bomb"})", "bad_response/too_big", 2, true},
      {"21 100 MB of headers", R"({"body":"headers_100mb"})", "bad_response/too_big", 2, true},
      {"22 redirect to file:", R"({"error":"redirect_file"})", "bad_request/redirect", 1, false},
      {"23 redirect to another host", R"({"error":"redirect"})", "bad_request/redirect", 1, false},
      {"24 stream cut", R"({"stream":{"mode":"cut","after":2}})", "network/cut", 3, true, StreamMode::always},
      {"24 stream reset", R"({"stream":{"mode":"reset","after":2}})", "network/cut", 3, true, StreamMode::always},
      {"stream error event", R"({"stream":{"mode":"error","after":2}})", "server", 3, false, StreamMode::always},
      {"stream bad event", R"({"stream":{"mode":"bad_event","after":2}})", "bad_response/bad_event", 2, true,
       StreamMode::always},
      {"stream stall", R"({"stream":{"mode":"stall","after":2}})", "timeout/stall", 1, true, StreamMode::always},
      {"stream keep-alive for ever", R"({"stream":{"mode":"keepalive_forever","after":2}})", "timeout/attempt", 1, true,
       StreamMode::always},
      {"stream CRLF", R"({"stream":"crlf"})", "answered", 1, false, StreamMode::always},
      {"stream CR", R"({"stream":"cr"})", "answered", 1, false, StreamMode::always},
      {"stream BOM", R"({"stream":"bom"})", "answered", 1, false, StreamMode::always},
      {"stream bytes", R"({"stream":"bytes"})", "answered", 1, false, StreamMode::always},
      {"stream no last blank", R"({"stream":"no_last_blank"})", "answered", 1, false, StreamMode::always},
      {"stream no done", R"({"stream":"no_done"})", "answered", 1, false, StreamMode::always},
      {"stream asked, JSON came", R"({"stream":"json"})", "answered", 1, false, StreamMode::always},
      {"gzip", R"({"body":"gzip"})", "answered", 1, false},
      {"blank lines", R"({"body":"blank_lines"})", "answered", 1, false},
      {"wrong content type", R"({"body":"wrong_content_type"})", "answered", 1, false},
      {"refusal", R"({"body":"refusal"})", "answered", 1, false},
      {"no choices", R"({"body":"no_choices"})", "bad_response/no_choices", 2, true},
      {"400", R"({"error":"bad_request"})", "bad_request", 1, false},
      {"401 on a key that has worked", R"({"error":"auth"})", "auth", 2, false},
      {"403", R"({"error":"permission"})", "permission", 1, false},
      {"404", R"({"error":"not_found"})", "not_found", 1, false},
      {"413", R"({"error":"too_large"})", "too_large", 1, false},
      {"422", R"({"error":"unprocessable"})", "bad_request", 1, false},
      {"402", R"({"error":"payment_required"})", "quota", 1, false},
      {"quota", R"({"error":"insufficient_quota"})", "quota", 1, false},
      {"content filter", R"({"error":"content_filter"})", "content_filter", 1, false},
      {"context length", R"({"error":"context_length"})", "context_length", 1, false},
  };
  MockServer server;
  World w(server.base_url());
  w.settings["timeout.attempt"] = "1500ms";
  w.settings["timeout.stall"] = "700ms";
  w.ask();
  const std::size_t memory_before = resident_kib();
  for (const Row& row : rows) {
    const std::string mode = row.mode;
    CAPTURE(mode);
    server.reset(true);
    server.rules(std::string(R"([{"match":{"contains":"fault"},"do":)") + row.rule + "}]");
    if (std::string(row.mode) == "16 slow loris") w.settings["timeout.stall"] = "60s";
    if (std::string(row.mode).find("keep-alive for ever") != std::string::npos) w.settings["timeout.stall"] = "60s";
    std::this_thread::sleep_for(milliseconds(60));  // settings are read again after 50 ms
    const auto outcome = w.ask("fault 1+1", row.stream);
    w.settings["timeout.stall"] = "700ms";
    CHECK(name_of(outcome) == row.outcome);
    CHECK(outcome.seconds < 1.5 + 0.25 + (row.requests == 2 ? 1.6 : 0));
    CHECK(server.stats()["requests"] == row.requests);
    CHECK(outcome.kept.tries.size() == static_cast<std::size_t>(row.requests));
    CHECK(outcome.kept.record.last_try.ambiguous == row.ambiguous);
    CHECK(w.limiter.lanes().at(0).in_flight == 0);
    if (mode == "13 invalid UTF-8" || mode == "13 lone surrogate") CHECK(outcome.reply->flags.utf8_repaired);
    if (mode == "refusal") CHECK(outcome.reply->flags.refused);
    w.client.try_targets_again();
    CHECK(name_of(w.ask("next 1+1")) == "answered");
  }
#ifdef __SANITIZE_ADDRESS__
  std::cout << "skipped: memory bound, AddressSanitizer keeps what was freed (" << resident_kib() - memory_before
            << " KiB)\n";
#else
  CHECK(resident_kib() - memory_before < 64 * 1024);
#endif
}

TEST_CASE("connect, first byte, stall, attempt and total each fire at their time with their sub") {
  MockServer server;
  World w(server.base_url());
  struct Row {
    const char *limit, *rule, *outcome;
  };
  for (const Row& row : {Row{"timeout.first_byte", R"({"slow":"silence"})", "timeout/first_byte"},
                         Row{"timeout.attempt", R"({"slow":"silence"})", "timeout/attempt"},
                         Row{"timeout.total", R"({"slow":"silence"})", "timeout/total"},
                         Row{"timeout.stall", R"({"stream":{"mode":"stall","after":1}})", "timeout/stall"}}) {
    CAPTURE(row.limit);
    server.rules(std::string(R"([{"match":{},"do":)") + row.rule + "}]");
    w.settings.erase("timeout.first_byte");
    w.settings.erase("timeout.attempt");
    w.settings.erase("timeout.total");
    w.settings.erase("timeout.stall");
    w.settings[row.limit] = "800ms";
    std::this_thread::sleep_for(milliseconds(60));
    const auto outcome = w.ask("1+1", StreamMode::always);
    CHECK(name_of(outcome) == row.outcome);
    CHECK(outcome.seconds >= 0.8);
    CHECK(outcome.seconds <= 1.05);
  }
  // A listening socket whose queue is full: Linux drops the SYN, the connection is never made.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listener, 0) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::vector<int> fillers;
  for (int i = 0; i < 3; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), size);
  }
  World full("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/v1");
  full.settings["timeout.connect"] = "600ms";
  const auto outcome = full.ask();
  CHECK(name_of(outcome) == "timeout/connect");
  CHECK(outcome.seconds >= 0.6);
  CHECK(outcome.seconds <= 0.85);
  CHECK(!outcome.kept.record.last_try.ambiguous);
  for (const int filler : fillers) close(filler);
  close(listener);
}

TEST_CASE("nobody listens: network/connect, not ambiguous") {
  std::string url;
  {
    MockServer server;
    url = server.base_url();
  }
  World w(url);
  const auto outcome = w.ask();
  CHECK(name_of(outcome) == "network/connect");
  CHECK(!outcome.kept.record.last_try.ambiguous);
  CHECK(outcome.kept.tries.size() == 3);
}

TEST_CASE("TLS against plain text is network/tls and no key has left") {
  MockServer server;
  std::string url = server.base_url();
  url.replace(0, 4, "https");
  World w(url);
  const auto outcome = w.ask();
  CHECK(name_of(outcome) == "network/tls");
  CHECK(!outcome.kept.record.last_try.ambiguous);
  CHECK(server.stats()["requests"] == 0);
}

TEST_CASE("a connection that dies under its second request: the server's count is the recorded tries") {
  MockServer server;
  server.rules(R"([{"match":{},"do":{"reset":"second_request"}}])");
  World w(server.base_url());
  w.settings["retry.network"] = "6 1ms 2ms";
  std::size_t tries = 0;
  int answered = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto outcome = w.ask(std::to_string(i) + "+1");
    tries += outcome.kept.tries.size();
    answered += outcome.reply.has_value() ? 1 : 0;
  }
  CHECK(answered == 1000);
  CHECK(server.stats()["requests"].get<std::size_t>() == tries);
  CHECK(tries > 1200);
}

TEST_CASE("echoed headers never show the key") {
  MockServer server;
  server.rules(R"([{"match":{},"do":{"error":"bad_request","echo_headers":true}}])");
  World w(server.base_url());
  const auto outcome = w.ask();
  CHECK(name_of(outcome) == "bad_request");
  CHECK(outcome.reply.error().message.find("CANARY") == std::string::npos);
  CHECK(outcome.kept.reply.find("CANARY") == std::string::npos);
  CHECK(outcome.kept.reply.find("[OPENAI_API_KEY]") != std::string::npos);
}

TEST_CASE("no ceiling: 3,000 calls of a second are all in flight together") {
  MockServer server;
  server.config(R"({"latency":"const:1s"})");
  SecretStore secrets;
  InProcessTransport transport(secrets);
  if (transport.statistics().width < 3200) {
    std::cout << "skipped: only " << transport.statistics().width << " descriptors\n";
    return;
  }
  std::mutex mutex;
  std::condition_variable ready;
  int done = 0;
  int good = 0;
  const int n = 3000;
  for (int i = 0; i < n; ++i) {
    WireRequest request;
    request.call = static_cast<CallId>(i + 1);
    request.url = server.chat_url();
    request.headers = {{"Content-Type", "application/json", ""}, {"Authorization", "Bearer k", ""}};
    request.body = R"({"model":"m","messages":[{"role":"user","content":"1+1"}]})";
    transport.send(std::move(request), [&](WireReply reply) {
      const std::lock_guard lock(mutex);
      ++done;
      good += reply.http == 200 && !reply.fault ? 1 : 0;
      ready.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  CHECK(ready.wait_for(lock, std::chrono::seconds(30), [&] { return done == n; }));
  CHECK(good == n);
  CHECK(server.stats()["in_flight"]["largest"].get<int>() >= 2950);
  CHECK(transport.statistics().shards >= 2);
}

TEST_CASE("a cancelled transfer ends at once; lookup knows what is in flight") {
  MockServer server;
  server.rules(R"([{"match":{},"do":{"slow":"silence"}}])");
  SecretStore secrets;
  InProcessTransport transport(secrets);
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<WireReply> reply;
  WireRequest request;
  request.call = 5;
  request.url = server.chat_url();
  request.body = "{}";
  transport.send(request, [&](WireReply given) {
    const std::lock_guard lock(mutex);
    reply = std::move(given);
    ready.notify_one();
  });
  CHECK(transport.lookup(5, 1).state == Lookup::State::in_flight);
  CHECK(transport.lookup(5, 2).state == Lookup::State::unknown);
  std::this_thread::sleep_for(milliseconds(100));
  const auto begun = Real::now();
  transport.cancel(5, 1);
  std::unique_lock lock(mutex);
  REQUIRE(ready.wait_for(lock, std::chrono::seconds(5), [&] { return reply.has_value(); }));
  CHECK(std::chrono::duration<double>(Real::now() - begun).count() < 0.25);
  REQUIRE(reply->fault.has_value());
  CHECK(reply->fault->kind == "cancelled");
  CHECK(reply->fault->sent);
  CHECK(transport.lookup(5, 1).state == Lookup::State::unknown);
}

TEST_CASE("a missing secret or a header with a line end is not sent") {
  MockServer server;
  SecretStore secrets;
  InProcessTransport transport(secrets);
  for (const auto& [header, kind] : {std::pair{Header{"Authorization", "Bearer ", "NOT_SET"}, "no_key"},
                                     std::pair{Header{"X", "a\r\nHost: evil", ""}, "bad_request"}}) {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<WireReply> reply;
    WireRequest request;
    request.url = server.chat_url();
    request.headers = {header};
    request.body = "{}";
    transport.send(request, [&](WireReply given) {
      const std::lock_guard lock(mutex);
      reply = std::move(given);
      ready.notify_one();
    });
    std::unique_lock lock(mutex);
    REQUIRE(ready.wait_for(lock, std::chrono::seconds(5), [&] { return reply.has_value(); }));
    REQUIRE(reply->fault.has_value());
    CHECK(reply->fault->kind == kind);
  }
  CHECK(server.stats()["requests"] == 0);
}

TEST_CASE("a Retry-After over HTTP: no request of the lane before it is over") {
  MockServer server;
  server.config(R"({"limit":{"kind":"token_bucket","rate":20,"burst":5,"hint":{"form":"retry-after","seconds":1}}})");
  World w(server.base_url());
  FakeStep step(w.clock, nullptr);
  const ModelHandle model = w.registry.callable("openai/gpt-4o");
  std::vector<CallHandle> handles;
  for (int i = 0; i < 10; ++i) {
    ChatRequest request;
    request.messages.emplace_back(Role::user, std::to_string(i) + "+1");
    request.params.max_tokens = 16;
    handles.push_back(w.client.begin(step, std::to_string(i), model, request));
  }
  for (const CallHandle handle : handles) CHECK(w.client.get(step, handle).has_value());
  const Json early = server.stats()["retry_after"];
  CHECK(early["fingerprint_early"] == 0);
  // Those that were on their way when the first 429 was given; none after it was read.
  CHECK(early["key_early"].get<int>() <= 4);
  CHECK(server.stats()["requests"] == 15);
}
