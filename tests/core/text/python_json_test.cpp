#include "core/text/python_json.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace assay {
namespace {

TEST_CASE("numbers and containers are written as Python writes them") {
  for (const auto& [value, text] : {std::pair{0.7, "0.7"},
                                    {1.0, "1.0"},
                                    {0.0, "0.0"},
                                    {-2.5, "-2.5"},
                                    {1e-4, "0.0001"},
                                    {1e-5, "1e-05"},
                                    {1.5e-7, "1.5e-07"},
                                    {1e15, "1000000000000000.0"},
                                    {1e16, "1e+16"},
                                    {1.25e22, "1.25e+22"},
                                    {1e300, "1e+300"},
                                    {0.1 + 0.2, "0.30000000000000004"},
                                    {1.0 / 0.0, "inf"}}) {
    CHECK(python_float(value) == text);
  }
  std::string indented;
  append_python_json(indented, Json{{"a", Json::array()}, {"b", Json::object()}, {"c", {1, 0.5, true, nullptr}}});
  CHECK(indented ==
        "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1,\n        0.5,\n        true,\n        null\n    "
        "]\n}");
}

TEST_CASE("json.dumps on one line has blanks after its separators and is ASCII") {
  for (const auto& [json, line] :
       {std::pair{R"({"b":[1,2.50,true,null],"a":{}})", R"({"b": [1, 2.5, true, null], "a": {}})"},
        {R"(["a/b","\u007f\u00e9\u2028\ud83d\ude08","\"\\\n\r\t\b\f\u0000"])",
         R"(["a/b", "\u007f\u00e9\u2028\ud83d\ude08", "\"\\\n\r\t\b\f\u0000"])"},
        {R"([])", "[]"},
        {R"([[],[{}]])", "[[], [{}]]"},
        {R"({"\u00e9":1})", R"({"\u00e9": 1})"},
        {R"("'")", R"("'")"}}) {
    CHECK(python_json_line(parse_json(json, "test")) == line);
  }
}

TEST_CASE("repr and str of values are Python's") {
  // JSON, what Python 3.11 prints of it as repr() and as str().
  struct Case {
    const char *json, *repr, *str;
  };
  for (const Case& c :
       {Case{R"("plain")", "'plain'", "plain"},
        {R"("it's")", R"("it's")", "it's"},
        {R"("say \"no\"")", R"('say "no"')", R"(say "no")"},
        {R"("both ' and \"")", R"('both \' and "')", R"(both ' and ")"},
        {R"("back\\slash\n\r\t")", R"('back\\slash\n\r\t')", "back\\slash\n\r\t"},
        {R"("\u0000\b\f\u001f\u007f\u0085\u00a0\u00ad")", R"('\x00\x08\x0c\x1f\x7f\x85\xa0\xad')", nullptr},
        {R"("na\u00efve \u2014 \u0141 \ud83d\ude08")", "'na\u00efve \u2014 \u0141 \U0001F608'", nullptr},
        {R"("\u200b\u2028\u3000\ue000\ufeff\u0378")", R"('\u200b\u2028\u3000\ue000\ufeff\u0378')", nullptr},
        {R"("\udb40\udc01\udbff\udffd")", R"('\U000e0001\U0010fffd')", nullptr},
        {R"("e\u0301")", "'e\u0301'", nullptr},
        {"[\"a\",\"b's\",[1,2.0],{\"k\":null}]", R"(['a', "b's", [1, 2.0], {'k': None}])", nullptr},
        {"[]", "[]", "[]"},
        {"{}", "{}", "{}"},
        {"31", "31", "31"},
        {"-1", "-1", "-1"},
        {"18446744073709551615", "18446744073709551615", nullptr},
        {"1e22", "1e+22", nullptr},
        {"0.1", "0.1", "0.1"},
        {"true", "True", "True"},
        {"false", "False", "False"},
        {"null", "None", "None"}}) {
    const Json value = parse_json(c.json, "test");
    CHECK(python_repr(value) == c.repr);
    if (c.str != nullptr) CHECK(python_str(value) == c.str);
  }
}

}  // namespace
}  // namespace assay
