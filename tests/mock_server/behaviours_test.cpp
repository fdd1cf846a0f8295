// Behaviours at every provider: limits announced, hints, latency, resets, streams, side paths.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "tests/mock_server/asking.hpp"
#include "tests/mock_server/raw.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay::test;
using assay::Json;

namespace {

std::string get(int port, const std::string& path, const std::string& headers = "Authorization: Bearer k\r\n") {
  Raw raw(port);
  raw.send("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n");
  return raw.answer();
}

struct Ended {
  std::string provider, received;
  Ending how;
};

// Asks every provider at the same time and looks how the connections are after so long, or at their end.
std::vector<Ended> at_all(MockServer& mock, const std::string& what, int wait_ms, bool stream = false) {
  mock.rules("[{\"do\":" + what + "}]");
  std::vector<std::unique_ptr<Raw>> all;
  for (const std::string& provider : providers()) {
    all.push_back(std::make_unique<Raw>(mock.port()));
    all.back()->send(bytes_of(question(provider, "x", stream)));
  }
  const double end = now_s() + wait_ms / 1e3;
  std::vector<Ended> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Ending how = all[i]->to_end(std::max(1, static_cast<int>((end - now_s()) * 1e3)));
    out.push_back({providers()[i], all[i]->received, how});
  }
  return out;
}

bool lines(const std::string& provider) { return provider == "ollama" || provider == "cohere-v1"; }

}  // namespace

TEST_CASE("a limit is announced in the headers of each provider, or not at all") {
  struct Case {
    const char *provider, *limit, *header, *value;  // "": any value; header "" : none of all
  };
  const char* requests = R"({"kind":"fixed_window","limit":60,"window":"60s","announce":true})";
  const char* tokens = R"({"kind":"tokens","limit":30000,"window":"60s","announce":true})";
  MockServer mock;
  for (const Case& c :
       {Case{"openai", requests, "x-ratelimit-remaining-requests", "59"},
        Case{"openai", tokens, "x-ratelimit-limit-tokens", "30000"},
        Case{"azure", requests, "x-ratelimit-limit-requests", "60"},
        Case{"anthropic", requests, "anthropic-ratelimit-requests-remaining", "59"},
        Case{"anthropic", requests, "anthropic-ratelimit-requests-reset", ""},
        Case{"anthropic", tokens, "anthropic-ratelimit-tokens-limit", "30000"},
        Case{"anthropic", R"({"kind":"tokens","limit":8000,"window":"60s","of":"out","announce":true})",
             "anthropic-ratelimit-output-tokens-remaining", "8000"},
        Case{"anthropic", R"({"kind":"tokens","limit":8000,"window":"60s","of":"in","announce":true})",
             "anthropic-ratelimit-input-tokens-limit", "8000"},
        Case{"cohere", requests, "x-ratelimit-reset", ""}, Case{"together", requests, "x-ratelimit-limit", "60"},
        Case{"together", tokens, "x-tokenlimit-limit", "30000"},
        Case{"groq", requests, "x-ratelimit-limit-requests", "60"}, Case{"gemini", requests, "", ""},
        Case{"ollama", requests, "", ""}, Case{"llama", requests, "", ""}}) {
    CAPTURE(c.provider);
    CAPTURE(c.header);
    mock.reset(true);
    mock.config(R"({"limit":)" + std::string(c.limit) + "}");
    const std::string answer = ask_provider(mock.port(), c.provider, "x");
    CHECK(status_of(answer) == 200);
    if (*c.header == '\0') {
      CHECK(answer.find("limit") == std::string::npos);
      continue;
    }
    CHECK_FALSE(header_of(answer, c.header).empty());
    if (*c.value != '\0') CHECK(header_of(answer, c.header) == c.value);
  }
  mock.reset(true);
  mock.config(R"({"limit":{"kind":"fixed_window","limit":60,"window":"60s","announce":true}})");
  CHECK(header_of(ask_provider(mock.port(), "anthropic", "x"), "anthropic-ratelimit-requests-reset").find("T") == 10);
  const std::string azure = header_of(ask_provider(mock.port(), "azure", "x"), "x-ratelimit-reset-requests");
  CHECK(azure.find_first_not_of("0123456789") == std::string::npos);
  CHECK(header_of(ask_provider(mock.port(), "openai", "x"), "x-ratelimit-reset-requests").find("s") !=
        std::string::npos);
}

TEST_CASE("requests weigh against a limit of tokens as each provider counts") {
  MockServer mock;
  const auto remaining = [&](const char* provider, const char* header, const char* of) {
    mock.reset(true);
    mock.config(R"({"limit":{"kind":"tokens","limit":1000,"window":"1000000s","announce":true,"of":")" +
                std::string(of) + R"("},"usage":{"prompt_tokens":9,"completion_tokens":40}})");
    const Json more = {{"max_tokens", 100}};
    std::string answer;
    for (int i = 0; i < 3; ++i) answer = ask_provider(mock.port(), provider, "x", false, more);
    return std::stoi(header_of(answer, header));
  };
  // One message of "x" is 31 bytes of JSON: 8 tokens.
  CHECK(remaining("openai", "x-ratelimit-remaining-tokens", "both") == 1000 - 3 * 100);
  CHECK(remaining("azure", "x-ratelimit-remaining-tokens", "both") == 1000 - 3 * 108);
  CHECK(remaining("together", "x-tokenlimit-remaining", "both") == 1000 - 3 * 8 - 2 * 40);
  CHECK(remaining("anthropic", "anthropic-ratelimit-input-tokens-remaining", "in") == 1000 - 3 * 8);
  CHECK(remaining("anthropic", "anthropic-ratelimit-output-tokens-remaining", "out") == 1000 - 2 * 40);
}

TEST_CASE("a rejection comes in each provider's words, hidden or with its hint") {
  MockServer mock;
  for (const std::string& provider : providers()) {
    CAPTURE(provider);
    mock.reset(true);
    mock.config(R"({"limit":{"kind":"token_bucket","rate":0.5,"burst":1}})");
    ask_provider(mock.port(), provider, "x");
    const std::string hidden = ask_provider(mock.port(), provider, "y");
    CHECK(status_of(hidden) == 429);
    CHECK(hidden.find("etry-") == std::string::npos);
    mock.reset(true);
    mock.config(R"({"limit":{"kind":"token_bucket","rate":0.5,"burst":1,"hint":"both"}})");
    ask_provider(mock.port(), provider, "x");
    const std::string hinted = ask_provider(mock.port(), provider, "y");
    CHECK(header_of(hinted, "Retry-After") == "2");
    const int ms = std::atoi(header_of(hinted, "retry-after-ms").c_str());
    CHECK(ms > 1500);
    CHECK(ms <= 2000);
  }
}

TEST_CASE("a reset hint stands in the header that the provider has for it") {
  struct Case {
    const char *provider, *form, *header;
  };
  MockServer mock;
  for (const Case& c :
       {Case{"openai", "go-reset", "x-ratelimit-reset-requests"},
        Case{"anthropic", "rfc3339-reset", "anthropic-ratelimit-requests-reset"},
        Case{"cohere", "unix-reset", "x-ratelimit-reset"}, Case{"together", "unix-ms-reset", "x-ratelimit-reset"},
        Case{"gemini", "ietf-reset", "ratelimit-reset"}, Case{"openai", "raw", "Retry-After"}}) {
    mock.rules(R"([{"do":{"status":429,"hint":{"form":")" + std::string(c.form) +
               R"(","seconds":30,"value":"1e3"}}}])");
    CAPTURE(c.provider);
    CHECK_FALSE(header_of(ask_provider(mock.port(), c.provider, "x"), c.header).empty());
  }
  CHECK(header_of(ask_provider(mock.port(), "openai", "x"), "Retry-After") == "1e3");
  mock.rules(R"([{"do":{"error":"rate_limit","hint":{"form":"retry-info","seconds":22}}}])");
  const Json body = Json::parse(body_of(ask_provider(mock.port(), "gemini", "x")));
  CHECK(body["error"]["details"][1]["retryDelay"] == "22s");
}

TEST_CASE("every way of a stream works at every provider") {
  MockServer mock;
  mock.config(R"({"reply":"one two \u00fc three"})");
  for (const std::string& provider : providers()) {
    CAPTURE(provider);
    const auto with = [&](const std::string& stream) {
      mock.rules(R"([{"do":{"stream":)" + stream + "}}]");
      return unchunk(body_of(ask_provider(mock.port(), provider, "x", true)));
    };
    for (const char* mode :
         {"normal", "crlf", "cr", "no_blank", "comments", "bom", "bytes", "no_last_blank", "no_done"}) {
      CAPTURE(mode);
      // Byte by byte takes its time: one provider of each framing.
      const bool told = provider == "openai" || provider == "cohere" || provider == "gemini" || provider == "ollama";
      if (std::string(mode) == "bytes" && !told) continue;
      CHECK(text_of_stream(provider, with("\"" + std::string(mode) + "\"")) == "one two \xc3\xbc three");
    }
    CHECK(text_of_stream(provider, with(R"({"chunk_bytes":1})")) == "one two \xc3\xbc three");
    const std::string cut = text_of_stream(provider, with(R"("no_finish")"));
    if (provider != "gemini") CHECK(cut.find("three") != std::string::npos);  // there the last piece says the end, too
    if (provider != "cohere-v1") CHECK(cut.find("(unfinished)") != std::string::npos);
    const std::string failed = with(R"({"mode":"error","after":1,"error":"overloaded"})");
    CHECK(events_of(failed, lines(provider)).size() == 2);
    CHECK((failed.find("error") != std::string::npos || failed.find("ERROR") != std::string::npos ||
           failed.find("503") != std::string::npos));
    CHECK(Json::parse(events_of(with(R"({"mode":"bad_event","after":1})"), lines(provider)).back().data, nullptr, false)
              .is_discarded());
    mock.rules(R"([{"do":{"stream":"json"}}])");
    CHECK(text_in(provider, body_of(ask_provider(mock.port(), provider, "x", true))) == "one two \xc3\xbc three");
  }
  mock.rules(R"([{"do":{"stream":{"mode":"error","after":2,"error":"overloaded"}}}])");
  const auto events = events_of(unchunk(body_of(ask_provider(mock.port(), "anthropic", "x", true))));
  CHECK(events.back().name == "error");
  CHECK(Json::parse(events.back().data)["error"]["type"] == "overloaded_error");
}

TEST_CASE("streams end early, stall or reset at every provider") {
  MockServer mock;
  const auto with = [&](const char* mode) {
    return R"({"reply":"a b c","stream":{"mode":")" + std::string(mode) + R"(","after":1}})";
  };
  for (const Ended& e : at_all(mock, with("cut"), 2000, true)) {
    CAPTURE(e.provider);
    CHECK(e.how == Ending::closed);
    CHECK(events_of(unchunk(body_of(e.received)), lines(e.provider)).size() == 1);
  }
  for (const Ended& e : at_all(mock, with("reset"), 2000, true)) CHECK(e.how == Ending::reset);
  for (const Ended& e : at_all(mock, with("stall"), 200, true)) {
    CHECK(e.how == Ending::timeout);
    CHECK(events_of(unchunk(body_of(e.received)), lines(e.provider)).size() == 1);
  }
  for (const Ended& e : at_all(mock, with("keepalive_forever"), 350, true)) {
    CAPTURE(e.provider);
    CHECK(e.how == Ending::timeout);
    const bool in_lines = lines(e.provider);
    CHECK(e.received.find(in_lines ? "1\r\n\n\r\n1\r\n\n" : ": keep-alive\n\n\r\ne\r\n: keep") != std::string::npos);
  }
}

TEST_CASE("resets, slowness and latency work at every provider") {
  MockServer mock;
  for (const char* place : {"before_reading", "after_reading", "after_headers", "mid_body"}) {
    for (const Ended& e : at_all(mock, R"({"reset":")" + std::string(place) + "\"}", 2000)) {
      CAPTURE(e.provider);
      CAPTURE(place);
      CHECK(e.how == Ending::reset);
      CHECK(e.received.empty() == (place[0] == 'b' || place[6] == 'r'));
    }
  }
  for (const Ended& e : at_all(mock, R"({"slow":{"bytes_per_s":50}})", 300)) {
    CHECK(e.how == Ending::timeout);
    CHECK(e.received.size() > 3);
    CHECK(e.received.size() < 25);
  }
  for (const Ended& e : at_all(mock, R"({"slow":"silence"})", 100)) {
    CHECK(e.how == Ending::timeout);
    CHECK(e.received.empty());
  }
  mock.rules(R"([{"do":{"latency":{"headers":"const:10ms","first":"const:20ms","chunk":"const:1ms"}}}])");
  for (const std::string& provider : providers()) {
    for (const bool stream : {false, true}) {
      const double begin = now_s();
      CHECK(status_of(ask_provider(mock.port(), provider, "x", stream)) == 200);
      CHECK(now_s() - begin >= 0.03);
    }
  }
}

TEST_CASE("damaged bodies, errors in a 200 and echoed headers come at every provider") {
  MockServer mock;
  for (const std::string& provider : providers()) {
    CAPTURE(provider);
    mock.rules(R"([{"do":{"error":"bad_request","echo_headers":true}}])");
    CHECK(ask_provider(mock.port(), provider, "x").find("sk-test") != std::string::npos);
    mock.rules(R"([{"do":{"body":"error_in_200","error":"rate_limit"}}])");
    const std::string error = ask_provider(mock.port(), provider, "x");
    CHECK(status_of(error) == 200);
    CHECK(text_in(provider, body_of(error)) == "");
    for (const char* form : {"malformed", "truncated", "empty", "html"}) {
      mock.rules(R"([{"do":{"body":")" + std::string(form) + "\"}}]");
      CHECK(Json::parse(body_of(ask_provider(mock.port(), provider, "x")), nullptr, false).is_discarded());
    }
  }
}

TEST_CASE("a server lists its models in its provider's form") {
  MockServer mock;
  mock.config(R"({"models":["one","two"]})");
  const auto json = [&](const std::string& path, const std::string& headers = "Authorization: Bearer k\r\n") {
    return Json::parse(body_of(get(mock.port(), path, headers)));
  };
  CHECK(json("/v1/models")["data"][1]["id"] == "two");
  CHECK(json("/v1/models", "x-api-key: k\r\n")["data"][0]["type"] == "model");
  CHECK(json("/v1beta/models", "x-goog-api-key: k\r\n")["models"][0]["name"] == "models/one");
  CHECK(json("/api/tags", "")["models"][1]["name"] == "two");
  CHECK(json("/together/v1/models")["data"][0]["id"] == "one");
  CHECK(status_of(get(mock.port(), "/v1/models", "")) == 401);
  CHECK(status_of(get(mock.port(), "/llama/nowhere", "")) == 404);
  CHECK(mock.stats()["other_by_path"]["/v1/models"] == 3);
}

TEST_CASE("a llama-server tells health, slots and properties, loads, and refuses what is too long") {
  MockServer mock;
  mock.config(R"({"llama":{"slots":3,"n_ctx":256},"models":["tiny"]})");
  CHECK(body_of(get(mock.port(), "/health", "")) == R"({"status":"ok"})");
  const Json props = Json::parse(body_of(get(mock.port(), "/props", "")));
  CHECK(props["total_slots"] == 3);
  CHECK(props["default_generation_settings"]["n_ctx"] == 256);
  CHECK(props["modalities"]["vision"] == false);
  const Json slots = Json::parse(body_of(get(mock.port(), "/llama/slots", "")));
  CHECK(slots.size() == 3);
  CHECK(slots[0]["n_ctx"] == 256);
  const std::string long_one = ask_provider(mock.port(), "llama", std::string(5000, 'x'));
  CHECK(status_of(long_one) == 400);
  CHECK(Json::parse(body_of(long_one))["error"]["type"] == "exceed_context_size_error");
  const Json image = Json::parse(
      R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]})");
  CHECK(status_of(ask_provider(mock.port(), "llama", "x", false, image)) == 500);
  CHECK(status_of(ask_provider(mock.port(), "openai", "x", false, image)) == 200);
  mock.config(R"({"llama":{"loading":"150ms"},"provider":"llama"})");
  const std::string loading = get(mock.port(), "/health", "");
  CHECK(status_of(loading) == 503);
  CHECK(Json::parse(body_of(loading))["error"]["type"] == "unavailable_error");
  CHECK(status_of(ask(mock.port(), "x", "", kNoKey)) == 503);
  std::this_thread::sleep_for(std::chrono::milliseconds(170));
  CHECK(status_of(get(mock.port(), "/health", "")) == 200);
  CHECK(Json::parse(body_of(ask(mock.port(), "x", "", kNoKey))).contains("timings"));
}

TEST_CASE("a rule that names a path reaches the paths that generate nothing; other rules don't") {
  MockServer mock;
  mock.rules(R"([{"match":{"path":"/health","first":1},"do":{"error":"loading","hint":1}},
                 {"match":{"path":"/v1/models"},"do":{"body":"malformed"}},
                 {"match":{"path":"/props"},"do":{"reset":"after_reading"}},
                 {"do":{"status":500}}])");
  const std::string loading = get(mock.port(), "/health", "");
  CHECK(status_of(loading) == 503);
  CHECK(header_of(loading, "Retry-After") == "1");
  CHECK(status_of(get(mock.port(), "/health", "")) == 200);
  CHECK(Json::parse(body_of(get(mock.port(), "/v1/models")), nullptr, false).is_discarded());
  Raw raw(mock.port());
  raw.send("GET /props HTTP/1.1\r\n\r\n");
  CHECK(raw.to_end() == Ending::reset);
  CHECK(status_of(get(mock.port(), "/slots", "")) == 200);
  CHECK(status_of(ask(mock.port(), "x")) == 500);
}

TEST_CASE("a setting that makes no sense leaves the server as it was") {
  MockServer mock;
  mock.config(R"({"reply":"kept"})");
  mock.rules(R"([{"match":{"contains":"ruled"},"do":{"status":403}}])");
  for (const char* bad : {R"({"provider":"nobody"})", R"({"require_key":3})", R"({"batch":{"in_progress":"soon"}})",
                          R"({"batch":{"expired":2}})", R"({"batch":{"odd":1}})", R"({"llama":{"odd":1}})",
                          R"({"prices":{"m":{"odd":1}}})", R"({"limit":{"kind":"tokens","limit":5,"of":"odd"}})",
                          R"({"stream":{"mode":"error","error":"odd"}})"}) {
    CAPTURE(bad);
    CHECK_THROWS(mock.config(bad));
  }
  CHECK(content_of(ask(mock.port(), "x")) == "kept");
  CHECK(status_of(ask(mock.port(), "ruled")) == 403);
}
