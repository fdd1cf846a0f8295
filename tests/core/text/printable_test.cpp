#include "core/text/printable.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

std::string utf8(char32_t point) {
  std::string out;
  append_utf8(out, point);
  return out;
}

TEST_CASE("what a terminal might obey is shown instead") {
  struct Case {
    std::string text, one_line, many_lines;
  };
  const std::vector<Case> cases = {
      {"plain ~", "plain ~", "plain ~"},
      {"a\nb\tc", "a\\nb\\tc", "a\nb\tc"},
      {"a\r\n", "a\\x0d\\n", "a\\x0d\n"},
      {"\x1b[31m", "\\x1b[31m", "\\x1b[31m"},
      {std::string("\0\x07\x7f", 3), "\\x00\\x07\\x7f", "\\x00\\x07\\x7f"},
      {"\x9b"
       "31m",
       "\\x9b31m", "\\x9b31m"},
      {utf8(0x9B), "\\u{9b}", "\\u{9b}"},
      {utf8(0x202E) + "x", "\\u{202e}x", "\\u{202e}x"},
      {utf8(0xE0041), "\\u{e0041}", "\\u{e0041}"},
      {"\xF0\x9F\x98", "\\xf0\\x9f\\x98", "\\xf0\\x9f\\x98"},
      {"caf\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x98\x80 \xE2\x9D\xA4\xEF\xB8\x8F",
       "caf\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x98\x80 \xE2\x9D\xA4\xEF\xB8\x8F",
       "caf\xC3\xA9 \xE4\xBD\xA0 \xF0\x9F\x98\x80 \xE2\x9D\xA4\xEF\xB8\x8F"},
      {"\\x1b", "\\x1b", "\\x1b"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(safe(c.text, true).text() == c.one_line);
    CHECK(safe(c.text, false).text() == c.many_lines);
    CHECK(safe(safe(c.text).view()) == safe(c.text));
  }
}

TEST_CASE("exactly the code points of the specification are escaped") {
  const std::vector<std::pair<char32_t, char32_t>> ranges = {
      {0x00, 0x08},     {0x0B, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x115F, 0x1160},
      {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
      {0xFE00, 0xFE0E}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE01EF}};
  std::size_t wrong = 0;
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    bool listed = false;
    for (const auto& [first, last] : ranges) listed = listed || (point >= first && point <= last);
    const std::string text = utf8(point);
    if (is_unsafe(point) != listed || (safe(text, false).text() != text) != listed) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("random strings: safe text stays safe, alone, joined and cut") {
  std::mt19937 random(11);
  const std::vector<std::string> parts = {"\x1b", "\xC2",         "\x9B", "\xE2\x80",    "\xAE", "\xF3\xA0\x81\x81",
                                          "a",    "\xE4\xBD\xA0", "\n",   "\xEF\xBB\xBF"};
  const auto unsafe = [](std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint point = code_point_at(text, at);
      if (!point.valid || is_unsafe(point.value)) return true;
      at += point.length;
    }
    return false;
  };
  Printable previous;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 8; n > 0; --n)
      text += random() % 2 == 0 ? parts[random() % parts.size()] : std::string(1, static_cast<char>(random()));
    const Printable shown = safe(text, i % 2 == 0);
    REQUIRE_FALSE(unsafe(shown.view()));
    REQUIRE(safe(shown.view(), i % 2 == 0) == shown);
    REQUIRE_FALSE(unsafe((previous + shown).view()));
    const Printable cut = shown.truncated(random() % 10);
    REQUIRE_FALSE(unsafe(cut.view()));
    previous = shown;
  }
}

TEST_CASE("JSON for a terminal holds no unsafe code point and means the same") {
  Json value;
  value["t"] = "a" + utf8(0x202E) + utf8(0x9B) + utf8(0x7F) + utf8(0xE0041) + "\x1b\n\xC3\xA9";
  for (const int indent : {-1, 2}) {
    const std::string text = json_escape_unsafe(dump_json(value, indent));
    CHECK(text.find("\\u202e\\u009b\\u007f\\udb40\\udc41\\u001b\\n\xC3\xA9") != std::string::npos);
    CHECK(parse_json(text, "t") == value);
  }
  CHECK(json_escape_unsafe("\"\xFF\"") == "\"\\ufffd\"");
}

TEST_CASE("safe() keeps up with plain text") {
  const std::string text(32U << 20, 'x');
  const auto begin = std::chrono::steady_clock::now();
  CHECK(safe(text).text().size() == text.size());
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  MESSAGE("safe(): " << static_cast<double>(text.size()) / time.count() / 1e6 << " MB/s of ASCII");
}

}  // namespace
}  // namespace assay
