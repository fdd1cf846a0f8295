#include "tests/mock_server/server/scan.hpp"

#include <doctest/doctest.h>

#include "tests/mock_server/server/http.hpp"

using namespace assay::mock;

TEST_CASE("the sum of the two numbers of a message is exact") {
  struct Case {
    const char* text;
    const char* sum;  // "": none
  };
  for (const Case& c :
       {Case{"A: 1 B: 2", "3"}, Case{"A: -5 B: 2", "-3"}, Case{"A: 0.1 B: 0.2", "0.3"}, Case{"A: 1.5 B: 1.5", "3"},
        Case{"A: -0.25 B: 0.2", "-0.05"}, Case{"A: 0 B: 0", "0"},
        Case{"A: 999999999999999999 B: 1", "1000000000000000000"}, Case{"Example A: 1 B: 1. Now A: 10 B: 20", "30"},
        Case{"What is 17 plus 4?", "21"}, Case{"12 and -4", "8"}, Case{"1 2 3", ""}, Case{"one number: 7", ""},
        Case{"", ""}, Case{"A: x B: 2", ""}, Case{"A: 99999999999999999999999 B: 1", ""}}) {
    CAPTURE(c.text);
    CHECK(sum_of_two(c.text).value_or("") == c.sum);
  }
}

TEST_CASE("the scanner finds what the answer needs") {
  ChatFacts f;
  scan_chat(
      R"( {"model" : "a\"b", "messages":[{"role":"system","content":"S"},{"content":"he said \"x\\\"","role":"user"}],
                 "max_tokens": 17,"stream":true,"stream_options":{"include_usage":true}} )",
      f);
  CHECK(f.object);
  CHECK(f.has_messages);
  CHECK(f.model == R"(a\"b)");
  CHECK(f.prompt() == R"(he said \"x\\\")");
  CHECK(f.stream);
  CHECK(f.include_usage);
  CHECK(f.max_tokens == 17);
  scan_chat(
      R"({"model":"m","messages":[{"content":[{"type":"text","text":"one "},{"type":"image_url"},{"type":"text","text":"two"}]}]})",
      f);
  CHECK(f.prompt() == "one two");
  CHECK_FALSE(f.stream);
}

TEST_CASE("the fingerprint leaves out stream fields and nothing else") {
  const auto print = [](const char* body) {
    ChatFacts f;
    scan_chat(body, f);
    return f.fingerprint;
  };
  const auto plain = print(R"({"model":"m","messages":[{"content":"x"}],"seed":1})");
  CHECK(
      plain ==
      print(
          R"({"model":"m","messages":[{"content":"x"}],"seed":1,"stream":true,"stream_options":{"include_usage":true}})"));
  CHECK(plain == print(R"({"stream":false,"model":"m","messages":[{"content":"x"}],"seed":1})"));
  CHECK(plain != print(R"({"model":"m","messages":[{"content":"y"}],"seed":1})"));
  CHECK(plain != print(R"({"model":"m","messages":[{"content":"x"}],"seed":2})"));
  CHECK(plain != print(R"({"model":"m","messages":[{"content":"x"}]})"));
}

TEST_CASE("bodies that are no object are told, and never read past their end") {
  for (const char* body : {"", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":[[[", "{\"a\":1",
                           "{\"a\":1,", "{a:1}", "nonsense", "{\"messages\":[{\"content\":\"", "{\"a\":}"}) {
    ChatFacts f;
    scan_chat(std::string(body), f);
    CAPTURE(body);
    CHECK_FALSE(f.object);
  }
  ChatFacts f;
  scan_chat(R"({"model":"m","messages":)" + std::string(300'000, '[') + std::string(300'000, ']') + "}", f);
  CHECK(f.object);
}

TEST_CASE("offered letters are counted") {
  CHECK(count_options("Q (A) x (B) y (C) z") == 3);
  CHECK(count_options("A. x\nB. y") == 2);
  CHECK(count_options("no letters") == 4);
}

TEST_CASE("a request is taken whole, by any split, and only if it is one") {
  const std::string text =
      "POST /v1/x?y=1 HTTP/1.1\r\nauthorization:  Bearer sk-1 \r\ncontent-LENGTH: 4\r\n\r\nbodyNEXT";
  HttpRequest r;
  for (std::size_t n = 1; n < text.size() - 4; ++n) {
    const Parsed p = parse_request(std::string_view(text).substr(0, n), r);
    REQUIRE(p.state == Parse::incomplete);
    REQUIRE(p.need > n);
  }
  const Parsed p = parse_request(text, r);
  REQUIRE(p.state == Parse::complete);
  CHECK(p.used == text.size() - 4);
  CHECK(r.path == "/v1/x");
  CHECK(r.query == "y=1");
  CHECK(r.key == "sk-1");
  CHECK(r.body == "body");

  for (const char* bad :
       {"GET\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "\x16\x03\x01 hello", "get it\r\n\r\n", "GET nowhere HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CAPTURE(bad);
    CHECK(parse_request(bad, r).state == Parse::bad);
  }
  CHECK(parse_request("POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", r).state == Parse::too_large);
  CHECK(parse_request("GET / HTTP/1.1\r\n" + std::string(300'000, 'h'), r).state == Parse::too_large);
  CHECK(
      parse_request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", r).state ==
      Parse::complete);
  CHECK(r.body == "abcde");
}
