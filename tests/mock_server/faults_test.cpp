// Each fault the server can play, looked at byte for byte.

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/mock_server/raw.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay::test;
using assay::Json;

namespace {

std::string config_of(const char* key, const std::string& value) {
  Json config;
  config[key] = value;
  return config.dump();
}

std::vector<std::string> payloads(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; (at = text.find("data:", at)) != std::string::npos;) {
    at += 5;
    const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    out.push_back(text.substr(at, end - at));
  }
  return out;
}

}  // namespace

TEST_CASE("every error comes with its status, type and code") {
  struct Case {
    const char* name;
    int status;
    const char* code;  // "": null; "-": no JSON
  };
  MockServer mock;
  for (const Case& c : {Case{"rate_limit", 429, "rate_limit_exceeded"},
                        Case{"insufficient_quota", 429, "insufficient_quota"},
                        Case{"billing_not_active", 429, "billing_not_active"},
                        Case{"credit_limit", 402, ""},
                        Case{"auth", 401, "invalid_api_key"},
                        Case{"permission", 403, ""},
                        Case{"not_found", 404, "model_not_found"},
                        Case{"context_length", 400, "context_length_exceeded"},
                        Case{"content_filter", 400, "content_filter"},
                        Case{"bad_request", 400, ""},
                        Case{"too_large", 413, "request_too_large"},
                        Case{"unprocessable", 422, ""},
                        Case{"server", 500, ""},
                        Case{"server_html", 500, "-"},
                        Case{"bad_gateway", 502, "-"},
                        Case{"overloaded", 503, "overloaded"},
                        Case{"gateway_timeout", 504, ""},
                        Case{"site_overloaded", 529, "overloaded"},
                        Case{"redirect", 301, "-"},
                        Case{"slow_down", 503, "slow_down"}}) {
    mock.rules(R"([{"do":{"error":")" + std::string(c.name) + "\"}}]");
    const std::string answer = ask(mock.port(), "x");
    CAPTURE(c.name);
    CHECK(status_of(answer) == c.status);
    const Json body = Json::parse(body_of(answer), nullptr, false);
    if (std::string(c.code) == "-") {
      CHECK(body.is_discarded());
    } else {
      const Json& code = body.at("error").at("code");
      CHECK((code.is_null() ? "" : code.get<std::string>()) == c.code);
      CHECK_FALSE(body["error"]["message"].get<std::string>().empty());
    }
  }
  for (const int status :
       {400, 401, 402, 403, 404, 409, 413, 418, 422, 425, 429, 500, 501, 502, 503, 504, 524, 529, 599}) {
    mock.rules("[{\"do\":" + std::to_string(status) + "}]");
    CHECK(status_of(ask(mock.port(), "x")) == status);
  }
  mock.rules(R"([{"do":{"error":"redirect","location":"http://other.example/"}}])");
  CHECK(header_of(ask(mock.port(), "x"), "Location") == "http://other.example/");
  mock.rules(R"([{"do":{"error":"redirect_file"}}])");
  CHECK(header_of(ask(mock.port(), "x"), "Location").substr(0, 5) == "file:");
}

TEST_CASE("a hint is written in the form asked for") {
  struct Case {
    const char *form, *header, *contains;
  };
  MockServer mock;
  for (const Case& c :
       {Case{"retry-after", "Retry-After", "3"}, Case{"decimal", "Retry-After", "2.5"},
        Case{"http-date", "Retry-After", " GMT"}, Case{"http-date-850", "Retry-After", "day, "},
        Case{"http-date-asctime", "Retry-After", " 20"}, Case{"year-2099", "Retry-After", "2099"},
        Case{"huge", "Retry-After", "1000000000"}, Case{"retry-after-ms", "retry-after-ms", "2500"},
        Case{"go-reset", "x-ratelimit-reset-requests", "2.5s"},
        Case{"rfc3339-reset", "x-ratelimit-reset-requests", "T"}, Case{"unix-reset", "x-ratelimit-reset-requests", "1"},
        Case{"unix-ms-reset", "x-ratelimit-reset-requests", "1"}, Case{"unreadable", "Retry-After", "soon"}}) {
    mock.rules(R"([{"do":{"status":429,"hint":{"form":")" + std::string(c.form) + R"(","seconds":2.5}}}])");
    const std::string answer = ask(mock.port(), "x");
    CAPTURE(answer);
    CHECK(status_of(answer) == 429);
    CHECK(header_of(answer, c.header).find(c.contains) != std::string::npos);
  }
  mock.rules(R"([{"do":{"status":429,"hint":{"form":"retry-info","seconds":2.5}}}])");
  CHECK(Json::parse(body_of(ask(mock.port(), "x")))["error"]["details"][0]["retryDelay"] == "2.5s");
  mock.rules(R"([{"do":{"status":429,"hint":{"form":"text","seconds":2.5}}}])");
  CHECK(body_of(ask(mock.port(), "x")).find("try again in 2.5s") != std::string::npos);
  mock.rules(R"([{"do":{"status":429,"hint":"none"}}])");
  CHECK(header_of(ask(mock.port(), "x"), "Retry-After").empty());
}

TEST_CASE("a reset comes at its place") {
  MockServer mock;
  for (const char* place : {"before_reading", "after_reading"}) {
    mock.config(config_of("reset", place));
    Raw raw(mock.port());
    raw.send(chat_request("x"));
    CHECK(raw.to_end() == Ending::reset);
    CHECK(raw.received.empty());
  }
  {
    mock.config(R"({"reset":"after_headers"})");
    Raw raw(mock.port());
    raw.send(chat_request("x"));
    CHECK(raw.to_end() == Ending::reset);
    CHECK(status_of(raw.received) == 200);
    CHECK(body_of(raw.received).empty());
  }
  {
    mock.config(R"({"reset":"mid_body"})");
    Raw raw(mock.port());
    raw.send(chat_request("x"));
    CHECK(raw.to_end() == Ending::reset);
    const std::string body = body_of(raw.received);
    CHECK(body.size() > 20);
    CHECK(body.size() < std::strtoull(header_of(raw.received, "Content-Length").c_str(), nullptr, 10));
  }
  mock.config(R"({"reset":"second_request"})");
  Raw raw(mock.port());
  raw.send(chat_request("a"));
  CHECK(status_of(raw.answer()) == 200);
  raw.send(chat_request("b"));
  CHECK(raw.to_end() == Ending::reset);
  CHECK(mock.stats()["resets"] == 5);
  CHECK(mock.stats()["answered"] == 1);
}

TEST_CASE("a body is spoilt as asked") {
  MockServer mock;
  mock.config(R"({"reply":"fine"})");
  const auto with = [&](const std::string& form) {
    mock.rules(R"([{"do":{"body":")" + form + "\"}}]");
    return ask(mock.port(), "x");
  };
  const auto parses = [](const std::string& answer) {
    return !Json::parse(body_of(answer), nullptr, false).is_discarded();
  };
  for (const char* form : {"malformed", "truncated", "html", "empty", "invalid_utf8", "lone_surrogate"}) {
    CAPTURE(form);
    const std::string answer = with(form);
    CHECK(status_of(answer) == 200);
    CHECK_FALSE(parses(answer));
    CHECK(header_of(answer, "Content-Length") == std::to_string(body_of(answer).size()));
  }
  CHECK(body_of(with("empty")).empty());
  CHECK(header_of(with("html"), "Content-Type") == "text/html");
  CHECK(header_of(with("wrong_content_type"), "Content-Type") == "text/plain");
  CHECK(content_of(with("wrong_content_type")) == "fine");
  CHECK(Json::parse(body_of(with("error_in_200"))).contains("error"));
  CHECK(content_of(with("nul")).find(std::string("\0\x1b]52;", 6)) != std::string::npos);
  CHECK(body_of(with("blank_lines")).substr(0, 2) == "\n\n");
  CHECK(content_of(with("blank_lines")) == "fine");
  CHECK_FALSE(Json::parse(body_of(with("missing_usage"))).contains("usage"));
  CHECK(content_of(with("null_content")) == "null");
  CHECK(Json::parse(body_of(with("reasoning_first")))["choices"][0]["message"]["reasoning_content"] ==
        "First I think. ");
  CHECK(Json::parse(body_of(with("refusal")))["choices"][0]["message"]["refusal"].is_string());
  CHECK(Json::parse(body_of(with("empty_length")))["choices"][0]["finish_reason"] == "length");
  CHECK(Json::parse(body_of(with("content_filter")))["choices"][0]["finish_reason"] == "content_filter");
  CHECK(Json::parse(body_of(with("no_choices")))["choices"].empty());
  CHECK(Json::parse(body_of(with("content_list")))["choices"][0]["message"]["content"][0]["text"] == "fine");
  const std::string deep = body_of(with("depth_201"));
  CHECK(deep.find(std::string(200, '[')) != std::string::npos);
  CHECK(deep.find(std::string(201, '[')) == std::string::npos);
  CHECK(body_of(with("depth_200000")).size() > 399'000);
  const std::string zipped = with("gzip");
  CHECK(header_of(zipped, "Content-Encoding") == "gzip");
  CHECK(body_of(zipped).substr(0, 2) == "\x1f\x8b");
  CHECK_THROWS(mock.rules(R"([{"do":{"body":"unheard_of"}}])"));
}

TEST_CASE("bodies without end or measure are sent as far as one reads") {
  MockServer mock;
  const auto open = [&](const std::string& form) {
    mock.rules(R"([{"do":{"body":")" + form + "\"}}]");
    auto raw = std::make_unique<Raw>(mock.port());
    raw->send(chat_request("x"));
    return raw;
  };
  auto raw = open("size_64mib");
  CHECK(raw->answer(20'000).size() > (64U << 20));
  for (const char* form : {"endless", "chunked_4gib"}) {
    raw = open(form);
    CHECK(raw->to_end(20'000, 8U << 20) == Ending::enough);
    CHECK(header_of(raw->received, "Transfer-Encoding") == "chunked");
  }
  raw = open("length_short");
  CHECK(raw->to_end() == Ending::closed);
  CHECK(std::stoul(header_of(raw->received, "Content-Length")) == body_of(raw->received).size() + 1000);
  raw = open("length_under");
  CHECK(raw->to_end() == Ending::closed);
  CHECK(std::stoul(header_of(raw->received, "Content-Length")) == body_of(raw->received).size() / 2);
  raw = open("length_99gb");
  CHECK(raw->to_end(200) == Ending::timeout);
  CHECK(header_of(raw->received, "Content-Length") == "99000000000");
  raw = open("headers_100mb");
  CHECK(raw->to_end(20'000, 2U << 20) == Ending::enough);
  CHECK(raw->received.find("\r\n\r\n") == std::string::npos);
  raw = open("gzip_bomb");
  const std::size_t bomb = raw->answer(20'000).size();
  CHECK(bomb > 1'500'000);
  CHECK(bomb < 3'000'000);
  raw.reset();
  CHECK(content_of((mock.rules("[]"), ask(mock.port(), "A: 1 B: 1"))) == "2");
}

TEST_CASE("a stream comes in the form asked for") {
  MockServer mock;
  mock.config(R"({"reply":"one two three"})");
  const auto with = [&](const std::string& stream, std::string_view more = "") {
    mock.rules(R"([{"do":{"stream":)" + stream + "}}]");
    return unchunk(body_of(ask(mock.port(), "x", R"(,"stream":true)" + std::string(more))));
  };
  const auto text = [](const std::vector<std::string>& events) {
    std::string out;
    for (const std::string& e : events) {
      const Json event = Json::parse(e, nullptr, false);
      if (!event.is_object() || !event.contains("choices") || event["choices"].empty()) continue;
      out += event["choices"][0]["delta"].value("content", "");
    }
    return out;
  };
  for (const char* mode :
       {"normal", "crlf", "cr", "no_blank", "comments", "bom", "bytes", "no_last_blank", "no_done"}) {
    const std::string bytes = with("\"" + std::string(mode) + "\"");
    CAPTURE(mode);
    CHECK(text(payloads(bytes)) == "one two three");
    CHECK((bytes.find("[DONE]") != std::string::npos) == (std::string(mode) != "no_done"));
    CHECK(bytes.find("\"finish_reason\":\"stop\"") != std::string::npos);
  }
  CHECK(with("\"crlf\"").find("}\r\n\r\n") != std::string::npos);
  CHECK(with("\"cr\"").find('\n') == std::string::npos);
  CHECK(with("\"no_blank\"").find("data: ") == std::string::npos);
  CHECK(with("\"comments\"").find("\n: OPENROUTER") != std::string::npos);
  CHECK(with("\"bom\"").substr(0, 3) == "\xEF\xBB\xBF");
  const std::string open_end = with("\"no_last_blank\"");
  CHECK(open_end.substr(open_end.size() - 12) == "data: [DONE]");
  CHECK(with("\"normal\"").find("\"usage\"") == std::string::npos);
  CHECK(with("\"normal\"", R"(,"stream_options":{"include_usage":true})").find("\"choices\":[],\"usage\"") !=
        std::string::npos);
  CHECK(text(payloads(with(R"({"mode":"normal","chunk_bytes":1})"))) == "one two three");
  CHECK(payloads(with(R"({"mode":"normal","chunk_bytes":1})")).size() == 1 + 13 + 1 + 1);

  const std::string failed = with(R"({"mode":"error","after":2})");
  CHECK(payloads(failed).size() == 3);
  CHECK(Json::parse(payloads(failed)[2]).contains("error"));
  const std::string spoilt = with(R"({"mode":"bad_event","after":2})");
  CHECK(Json::parse(payloads(spoilt).back(), nullptr, false).is_discarded());
  mock.rules(R"([{"do":{"stream":"json"}}])");
  CHECK(content_of(ask(mock.port(), "x", R"(,"stream":true)")) == "one two three");
  CHECK(mock.stats()["answered"].get<int>() == mock.stats()["by_status"]["200"].get<int>() - 2);
}

TEST_CASE("a stream that is cut, stalls or only keeps alive never comes to its end") {
  MockServer mock;
  const auto open = [&](const std::string& mode) {
    mock.rules(R"([{"do":{"reply":"a b c","stream":{"mode":")" + mode + R"(","after":2}}}])");
    auto raw = std::make_unique<Raw>(mock.port());
    raw->send(chat_request("x", R"(,"stream":true)"));
    return raw;
  };
  auto raw = open("cut");
  CHECK(raw->to_end() == Ending::closed);
  CHECK(payloads(raw->received).size() == 2);
  CHECK(raw->received.find("0\r\n\r\n") == std::string::npos);
  raw = open("reset");
  CHECK(raw->to_end() == Ending::reset);
  raw = open("stall");
  CHECK(raw->to_end(250) == Ending::timeout);
  CHECK(payloads(raw->received).size() == 2);
  raw = open("keepalive_forever");
  CHECK(raw->to_end(900) == Ending::timeout);
  CHECK(raw->received.find(": keep-alive\n\n\r\ne\r\n: keep-alive") != std::string::npos);
}

TEST_CASE("slow, silent and strange servers") {
  MockServer mock;
  mock.rules(R"([{"do":{"slow":{"bytes_per_s":20}}}])");
  Raw slow(mock.port());
  slow.send(chat_request("x"));
  CHECK(slow.to_end(1000) == Ending::timeout);
  CHECK(slow.received.size() >= 8);
  CHECK(slow.received.size() <= 25);
  mock.rules(R"([{"do":{"slow":"silence"}}])");
  Raw silent(mock.port());
  silent.send(chat_request("x"));
  CHECK(silent.to_end(200) == Ending::timeout);
  CHECK(silent.received.empty());
  mock.rules("[]");
  mock.config(R"({"accept":"tls_garbage"})");
  Raw garbage(mock.port());
  garbage.send(chat_request("x"));
  CHECK(garbage.to_end() == Ending::closed);
  CHECK(garbage.received.substr(0, 2) == "\x15\x03");
  mock.config(R"({"accept":"silence"})");
  Raw mute(mock.port());
  mute.send(chat_request("x"));
  CHECK(mute.to_end(200) == Ending::timeout);
  mock.config(R"({"accept":"reset"})");
  Raw reset(mock.port());
  reset.send(chat_request("x"));
  CHECK(reset.to_end() == Ending::reset);
  mock.config(R"({"accept":"refuse","accept_for":"300ms"})");
  CHECK_FALSE(Raw(mock.port()).connected());
  const double begin = now_s();
  while (!Raw(mock.port()).connected() && now_s() - begin < 3) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  CHECK(now_s() - begin > 0.2);
  CHECK(content_of(ask(mock.port(), "A: 1 B: 1")) == "2");
}

TEST_CASE("the request's headers, key included, come back in the error on demand") {
  MockServer mock;
  mock.rules(R"([{"do":{"status":400,"echo_headers":true}}])");
  const std::string answer = ask(mock.port(), "x", "", "Authorization: Bearer sk-canary\r\n");
  CHECK(Json::parse(body_of(answer))["error"]["message"].get<std::string>().find("Bearer sk-canary") !=
        std::string::npos);
}
