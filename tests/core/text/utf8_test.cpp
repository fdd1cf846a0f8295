#include "core/text/utf8.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace assay {
namespace {

constexpr const char* kFffd = "\xEF\xBF\xBD";

TEST_CASE("invalid UTF-8 is found at its first byte, each maximal part becomes one U+FFFD") {
  const std::string f = kFffd;
  struct Case {
    std::string text;
    int invalid_at;
    std::string repaired;
  };
  const std::vector<Case> cases = {
      {"", -1, ""},
      {"plain text, long enough for words", -1, "plain text, long enough for words"},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", -1, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"abcdefgh\x80", 8, "abcdefgh" + f},
      {"\xC0\xAF", 0, f + f},
      {"\xE0\x80\xAF", 0, f + f + f},
      {"\xED\xA0\x80", 0, f + f + f},
      {"\xF4\x91\x92\x93\xFF", 0, f + f + f + f + f},
      {"\xF0\x80\x80\x41", 0, f + f + f + "A"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 0, f + f + f + f + "A"},  // Unicode table 3-11
      {"a\xE2\x82", 1, "a" + f},
      {"\xF4\x8F\xBF\xBF", -1, "\xF4\x8F\xBF\xBF"},
      {"\xF5\x80", 0, f + f},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto at = find_invalid_utf8(c.text);
    CHECK((at ? static_cast<int>(*at) : -1) == c.invalid_at);
    CHECK(repair_utf8(c.text) == c.repaired);
    CHECK(is_valid_utf8(repair_utf8(c.text)));
    CHECK(count_code_points(c.text) == count_code_points(c.repaired));
  }
}

TEST_CASE("every code point survives writing and reading") {
  std::size_t wrong = 0;
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, point);
    const CodePoint back = code_point_at(text, 0);
    if (!back.valid || back.value != point || back.length != text.size() || !is_valid_utf8(text)) ++wrong;
  }
  CHECK(wrong == 0);
  std::string text;
  append_utf8(text, 0xD800);
  CHECK(text == kFffd);
}

TEST_CASE("case is mapped one code point at a time") {
  CHECK(to_upper(U'\u00E9') == U'\u00C9');
  CHECK(to_lower(U'\u0416') == U'\u0436');
  CHECK(to_upper("stra\xC3\x9F"
                 "e \xC3\xA9 1\xFF") ==
        "STRA\xE1\xBA\x9E"
        "E \xC3\x89 1\xFF");
  CHECK(to_lower("ABC \xC3\x89") == "abc \xC3\xA9");
}

TEST_CASE("widths are those of a terminal, and a cut never splits a character") {
  struct Case {
    std::string text;
    std::size_t width;
    std::string at_3;
  };
  const std::vector<Case> cases = {
      {"", 0, ""},
      {"abc", 3, "abc"},
      {"abcd", 4, "ab\xE2\x80\xA6"},
      {"\xE4\xBD\xA0\xE5\xA5\xBD", 4, "\xE4\xBD\xA0\xE2\x80\xA6"},
      {"a\xE4\xBD\xA0\xE5\xA5\xBD", 5, "a\xE2\x80\xA6"},
      {"e\xCC\x81"
       "e\xCC\x81"
       "e\xCC\x81"
       "e\xCC\x81",
       4,
       "e\xCC\x81"
       "e\xCC\x81\xE2\x80\xA6"},
      {"\xF0\x9F\x98\x80", 2, "\xF0\x9F\x98\x80"},
      {"\xE2\x9D\xA4\xEF\xB8\x8F", 2, "\xE2\x9D\xA4\xEF\xB8\x8F"},
      {"\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7", 2, "\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(display_width(c.text) == c.width);
    CHECK(truncate_to_width(c.text, 3) == c.at_3);
    CHECK(display_width(truncate_to_width(c.text, 3)) <= 3);
    CHECK(truncate_to_width(c.text, 0) == "");
    CHECK(truncate_to_width(c.text, 100) == c.text);
  }
}

TEST_CASE("random bytes: repair is idempotent, widths add up, cuts fit") {
  std::mt19937 random(3);
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random() % 12, ' ');
    for (char& c : text) c = static_cast<char>(random() % 2 == 0 ? random() : 0x80 + random() % 0x80);
    const std::string repaired = repair_utf8(text);
    REQUIRE(is_valid_utf8(repaired));
    REQUIRE(repair_utf8(repaired) == repaired);
    REQUIRE(is_valid_utf8(text) == (repaired == text));
    const std::size_t columns = random() % 6;
    REQUIRE(display_width(truncate_to_width(repaired, columns)) <= columns);
  }
}

}  // namespace
}  // namespace assay
