// The two forms of streams as events: server-sent events by the WHATWG rules, JSON lines, and telling them apart.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "runners/llm/sse.hpp"

using namespace assay;

namespace {

template <typename Parser>
std::vector<std::string> events_of(const std::string& bytes, std::size_t piece, std::size_t max_line = 1000) {
  std::vector<std::string> events;
  Parser parser([&](const StreamEvent& event) { events.push_back(event.type + "|" + event.data); }, max_line);
  bool fits = true;
  for (std::size_t at = 0; at < bytes.size(); at += piece) fits = parser.feed(bytes.substr(at, piece)) && fits;
  parser.finish();
  if (!fits) events.emplace_back("TOO LONG");
  return events;
}

struct Case {
  const char* name;
  std::string bytes;
  std::vector<std::string> events;
};

template <typename Parser>
void check_all(const std::vector<Case>& cases) {
  for (const Case& item : cases) {
    CAPTURE(item.name);
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
      CAPTURE(piece);
      CHECK(events_of<Parser>(item.bytes, piece) == item.events);
    }
  }
}

}  // namespace

TEST_CASE("server-sent events: every form of a line, at any split") {
  check_all<SseParser>({
      {"plain", "data: a\n\ndata: b\n\n", {"|a", "|b"}},
      {"no blank after the colon, one blank removed of two", "data:a\n\ndata:  b\n\n", {"|a", "| b"}},
      {"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", {"|a", "|b"}},
      {"CR", "data: a\r\rdata: b\r\r", {"|a", "|b"}},
      {"a BOM",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       {"|a"}},
      {"several data lines", "data: a\ndata\ndata: b\n\n", {"|a\n\nb"}},
      {"an event's name holds for one event", "event: x\ndata: a\n\ndata: b\n\n", {"x|a", "|b"}},
      {"comments and unknown fields", ": hi\nid: 3\nretry: 9\nfoo: bar\nfoo\ndata: a\n\n: bye\n\n", {"|a"}},
      {"an event without data", "event: x\n\ndata: a\n\n", {"|a"}},
      {"a character split over reads", "data: \xC3\xBC\n\n", {"|\xC3\xBC"}},
      {"an unfinished event is dropped", "data: a\n\ndata: b\n", {"|a"}},
      {"an unfinished line is dropped", "data: a\n\ndata: b", {"|a"}},
      {"an unfinished [DONE] counts", "data: a\n\ndata: [DONE]", {"|a", "|[DONE]"}},
      {"[DONE] without its blank line counts", "data: [DONE]\n", {"|[DONE]"}},
      {"nothing", "", {}},
  });
  CHECK(events_of<SseParser>("data: a\n\ndata: " + std::string(2000, 'x') + "\n\ndata: b\n\n", 5000) ==
        std::vector<std::string>{"|a", "TOO LONG"});
  CHECK(events_of<SseParser>("data: a\n\ndata: " + std::string(2000, 'x') + "\n\ndata: b\n\n", 1) ==
        std::vector<std::string>{"|a", "TOO LONG"});
  std::string many = "data: a\n\n";
  for (int i = 0; i < 300; ++i) many += "data: 0123456789\n";
  for (const std::size_t piece : {1U, 100U, 10'000U}) {
    CHECK(events_of<SseParser>(many + "\n", piece) == std::vector<std::string>{"|a", "TOO LONG"});
  }
}

TEST_CASE("JSON lines: one value a line, at any split") {
  check_all<JsonLinesParser>({
      {"plain", "{\"a\":1}\n{\"b\":2}\n", {"|{\"a\":1}", "|{\"b\":2}"}},
      {"CRLF, blanks and blank lines", "\n  {\"a\":1} \r\n\r\n\n{\"b\":2}\r\n", {"|{\"a\":1}", "|{\"b\":2}"}},
      {"a BOM", "\xEF\xBB\xBF{\"a\":1}\n", {"|{\"a\":1}"}},
      {"a last line that is whole counts", "{\"a\":1}\n{\"b\":2}", {"|{\"a\":1}", "|{\"b\":2}"}},
      {"a last line that is not whole is dropped", "{\"a\":1}\n{\"b\":", {"|{\"a\":1}"}},
      {"nor what is no object", "{\"a\":1}\n12", {"|{\"a\":1}"}},
      {"rubbish is an event", "{\"a\":1}\nrubbish\n", {"|{\"a\":1}", "|rubbish"}},
  });
  for (const std::size_t piece : {1U, 64U, 10'000U}) {
    CHECK(events_of<JsonLinesParser>("{}\n" + std::string(2000, 'x') + "\n{}\n", piece) ==
          std::vector<std::string>{"|{}", "TOO LONG"});
  }
}

TEST_CASE("a body is told by its bytes") {
  CHECK(looks_like_sse("data: x"));
  CHECK(looks_like_sse("\n\r\n: comment"));
  CHECK(
      looks_like_sse("\xEF\xBB\xBF"
                     "event: x"));
  CHECK(looks_like_sse("id:1\n"));
  CHECK_FALSE(looks_like_sse("{\"data\":1}"));
  CHECK_FALSE(looks_like_sse("\n\n"));
  CHECK_FALSE(looks_like_sse(""));
  CHECK(looks_like_json_lines("{}\n{}", true));
  CHECK(looks_like_json_lines("\n {} \r\n\n{", true));
  CHECK(looks_like_json_lines("{}\nrubbish", false));
  CHECK_FALSE(looks_like_json_lines("{}\nrubbish", true));
  CHECK_FALSE(looks_like_json_lines("{}\n", false));
  CHECK_FALSE(looks_like_json_lines("{\n\"a\":1}\n", false));
  CHECK_FALSE(looks_like_json_lines("[]\n{}", false));
  CHECK_FALSE(looks_like_json_lines("", false));
}
