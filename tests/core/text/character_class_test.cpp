#include "core/text/character_class.hpp"

#include <doctest/doctest.h>

#include "core/text/python_json.hpp"
#include "core/text/python_literal.hpp"

namespace assay {
namespace {

TEST_CASE("characters are of the classes that Python gives them") {
  struct Case {
    char32_t point;
    bool word, digit, blank, printable;
  };
  for (const Case& c : {Case{U'a', true, false, false, true},
                        {U'_', true, false, false, true},
                        {U'7', true, true, false, true},
                        {U'-', false, false, false, true},
                        {U' ', false, false, true, true},
                        {U'\n', false, false, true, false},
                        {U'\x1c', false, false, true, false},
                        {U'\x7f', false, false, false, false},
                        {U'\u00a0', false, false, true, false},
                        {U'\u00e9', true, false, false, true},
                        {U'\u00b2', true, false, false, true},   // superscript two: a number, no decimal digit
                        {U'\u0661', true, true, false, true},    // Arabic-Indic digit
                        {U'\u2167', true, false, false, true},   // Roman numeral
                        {U'\u0301', false, false, false, true},  // a mark
                        {U'\u200b', false, false, false, false},
                        {U'\u2028', false, false, true, false},
                        {U'\u3000', false, false, true, false},
                        {U'\u4e00', true, false, false, true},
                        {U'\U0001F608', false, false, false, true}}) {
    CAPTURE(static_cast<unsigned>(c.point));
    CHECK(is_word_character(c.point) == c.word);
    CHECK(is_decimal_digit(c.point) == c.digit);
    CHECK(is_blank_character(c.point) == c.blank);
    CHECK(is_printable_character(c.point) == c.printable);
  }
}

TEST_CASE("literals of Python are read back from their repr") {
  for (const char* json : {R"(["it's", "say \"x\"", "both ' and \"", "\\ \n \u0085 \ud83d\ude08"])", "[]",
                           R"([[], [1, -2, 2.5, 1e+22], true, false, null])", R"("a")", "-7"}) {
    const Json value = parse_json(json, "test");
    CHECK(read_python_literal(python_repr(value)) == value);
    const std::string longer = python_repr(value) + ", and so on";
    std::string_view rest = longer;
    CHECK(take_python_literal(rest) == value);
    CHECK(rest == ", and so on");
  }
  for (const char* text : {"", "[", "['a'", "['a' 'b']", "x", "['\\x4']", "1.2.3", "'a' b"}) {
    CAPTURE(text);
    CHECK_FALSE(read_python_literal(text));
  }
}

}  // namespace
}  // namespace assay
