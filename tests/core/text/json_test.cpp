#include "core/text/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string many_keys(std::size_t count) {
  std::string text = "{";
  for (std::size_t i = 0; i < count; ++i)
    text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
  return text + "}";
}

// CPU time, so that a busy machine does not matter.
double seconds(const std::function<void()>& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

TEST_CASE("what parse_json accepts comes back from dump_json in one canonical form") {
  struct Case {
    std::string text, dumped;
  };
  const std::vector<Case> cases = {
      {"null", "null"},
      {" [1, 2,\t3 ]\r\n", "[1,2,3]"},
      {R"({"b":1,"a":{"z":[],"y":{}}})", R"({"b":1,"a":{"z":[],"y":{}}})"},
      {"\xEF\xBB\xBF{}", "{}"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"1.0", "1.0"},
      {"0.1", "0.1"},
      {"100000.0", "100000.0"},
      {"1e22", "1e+22"},
      {"1e-7", "1e-07"},
      {"1e-999", "0.0"},
      {"-0.0", "-0.0"},
      {"123456789012345678901.5", "123456789012345680000.0"},
      {R"("A\u0000\n\u001f\/")", R"("A\u0000\n\u001f/")"},
      {R"("\ud83d\ude00 é")", "\"\xF0\x9F\x98\x80 é\""},
      {R"("\ud800x \udc00 \ud800\ud83d\ude00")", "\"\xEF\xBF\xBDx \xEF\xBF\xBD \xEF\xBF\xBD\xF0\x9F\x98\x80\""},
      {R"("\\ud800")", R"("\\ud800")"},
      {nested(200), nested(200)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(dump_json(parse_json(c.text, "t")) == c.dumped);
    CHECK(dump_json(parse_json(c.dumped, "t")) == c.dumped);
  }
}

TEST_CASE("what parse_json refuses is named with its line and byte") {
  struct Case {
    std::string text, where, what;
  };
  const std::vector<Case> cases = {
      {"", "line 1, column 1 (byte 1)", "unexpected end of input"},
      {"{\n \"a\": 1,\n \"b\": x}", "line 3, column 7 (byte 18)", "invalid literal"},
      {"[1,2", "line 1, column 5 (byte 5)", "unexpected end of input"},
      {"{} {}", "line 1, column 4 (byte 4)", "expected end of input"},
      {std::string("1\0 x", 4), "line 1, column 2 (byte 2)", "NUL"},
      {"[1,\n 12345678901234567890123]", "line 2, column 2 (byte 6)", "12345678901234567890123"},
      {"-9223372036854775809", "(byte 1)", "beyond 64 bits"},
      {"[1e999]", "(byte 2)", "1e999"},
      {"[-1.5E+400]", "(byte 2)", "-1.5E+400"},
      {"{\"a\":1,\n\"b\":{\"a\":2},\n\"a\":3}", "line 3, column 1 (byte 22)",
       "\"a\" stands a second time (first 2 lines"},
      {R"({"a":1,"\u0061":2})", "(byte 8)", "second time (first at byte 2)"},
      {"[{\"x\":1},{\"y\":1,\"y\":[{}]}]", "(byte 17)", "\"y\" stands a second time"},
      {"\"a\xFFz\"", "(byte 3)", "invalid UTF-8"},
      {"\"\xED\xA0\x80\"", "(byte 2)", "invalid UTF-8"},
      {"\"\xC0\x80\"", "(byte 2)", "invalid UTF-8"},
      {nested(201), "(byte 201)", "deeper than 200 levels"},
      {"[1,]", "(byte 4)", "unexpected"},
      {"\"a\nb\"", "(byte 3)", "control character"},
      {"'a'", "(byte 1)", "begins no JSON value"},
      {"[01]", "(byte 3)", ""},
      {"[\"\\ud800\",\n\"\\ud800\" x]", "line 2, column 10 (byte 21)", "invalid literal"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    try {
      parse_json(c.text, "x.json");
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == "json");
      CHECK(error.place() == "x.json");
      CAPTURE(error.message());
      CHECK(error.message().find(c.where) != std::string::npos);
      CHECK(error.message().find(c.what) != std::string::npos);
    }
  }
}

TEST_CASE("each limit accepts its own value and refuses one more") {
  JsonLimits limits;
  limits.max_depth = 3;
  limits.max_values = 4;
  limits.max_bytes = 20;
  CHECK_NOTHROW(parse_json("[[[]]]", "t", limits));
  CHECK_THROWS_AS(parse_json("[[[[]]]]", "t", limits), Error);
  CHECK_NOTHROW(parse_json("{\"a\":1,\"b\":2,\"c\":3}", "t", limits));  // keys are no values
  CHECK_THROWS_AS(parse_json("[1,2,3,4]", "t", limits), Error);
  CHECK_NOTHROW(parse_json("\"" + std::string(18, 'x') + "\"", "t", limits));
  CHECK_THROWS_AS(parse_json("\"" + std::string(19, 'x') + "\"", "t", limits), Error);
}

TEST_CASE("choices of the reader let through what a setting allows, and count it") {
  JsonOptions options;
  options.numbers_as_text = true;
  options.replace_invalid_utf8 = true;
  options.allow_repeated_keys = true;
  JsonNotes notes;
  const Json value = parse_json(
      "{\"n\":[1e999,123456789012345678901234],\"s\":\"\\ud800\xFF\",\"n2\":1,\"n2\":2,\"z\":0}", "t", options, &notes);
  CHECK(dump_json(value) ==
        "{\"n\":[\"1e999\",\"123456789012345678901234\"],\"s\":\"\xEF\xBF\xBD\xEF\xBF\xBD\",\"n2\":2,\"z\":0}");
  CHECK(notes.numbers_as_text == 2);
  CHECK(notes.lone_surrogates == 1);
  CHECK(notes.repeated_keys == 1);
  CHECK(notes.utf8_repaired);
  // Quoted numbers do not shift where a later fault is reported.
  JsonOptions numbers;
  numbers.numbers_as_text = true;
  CHECK_THROWS_WITH_AS(parse_json("[1e999,1e999,x]", "t", numbers, nullptr), doctest::Contains("(byte 14)"), Error);
}

TEST_CASE("the origin of a text shifts line, column and byte of its faults") {
  const JsonOrigin origin{17, 5, 1000};
  CHECK_THROWS_WITH_AS(parse_json("[x]", "f", JsonOptions{}, nullptr, &origin),
                       doctest::Contains("f:17: column 6 (byte 1002)"), Error);
  CHECK_THROWS_WITH_AS(parse_json("[1,\nx]", "f", JsonOptions{}, nullptr, &origin),
                       doctest::Contains("f:18: column 1 (byte 1005)"), Error);
}

TEST_CASE("a provider's reply is read as well as it can be") {
  struct Case {
    std::string text, dumped;
    bool repaired;
  };
  const std::vector<Case> cases = {
      {R"({"a":1,"a":2,"b":3})", R"({"a":2,"b":3})", false},
      {"[123456789012345678901234567890]", "[1.2345678901234568e+29]", false},
      {"\"a\xE2\x82z\"", "\"a\xEF\xBF\xBDz\"", true},
      {R"("\udfff")", "\"\xEF\xBF\xBD\"", true},
      {"{}", "{}", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    bool repaired = !c.repaired;
    std::string why;
    const auto value = parse_json_lenient(c.text, {}, &repaired, &why);
    REQUIRE(value);
    CHECK(dump_json(*value) == c.dumped);
    CHECK(repaired == c.repaired);
    CHECK(why.empty());
  }
  for (const std::string& text : {std::string("<html>"), std::string("{\"a\":"), std::string(), nested(201)}) {
    std::string why;
    CHECK_FALSE(parse_json_lenient(text, {}, nullptr, &why));
    CHECK(why.find("byte ") == 0);
    CHECK_FALSE(parse_json_lenient(text));
  }
}

TEST_CASE("a value of any depth is written, and destroyed, without using the stack") {
  Json deep = 1;
  for (int i = 0; i < 200'000; ++i) {
    Json outer = Json::array();
    outer.get_ref<Json::array_t&>().push_back(std::move(deep));
    deep = std::move(outer);
  }
  const std::string text = dump_json(deep);
  CHECK(text.size() == 400'001);
  CHECK(text.substr(199'999, 3) == "[1]");
}

TEST_CASE("depth 200,000 is refused before anything is built") {
  for (const std::string& text : {nested(200'000), std::string(200'000, '['), std::string(200'000, '{')}) {
    CHECK_THROWS_WITH_AS(parse_json(text, "t"), doctest::Contains("deeper than 200"), Error);
  }
}

TEST_CASE("values that JSON lacks are written as null, invalid UTF-8 as U+FFFD") {
  Json value;
  value["nan"] = std::numeric_limits<double>::quiet_NaN();
  value["inf"] = -std::numeric_limits<double>::infinity();
  value["text"] = "a\xF0\x9F\x98z\x80";
  value["bad\xFFkey"] = true;
  CHECK(dump_json(value) ==
        "{\"nan\":null,\"inf\":null,\"text\":\"a\xEF\xBF\xBDz\xEF\xBF\xBD\",\"bad\xEF\xBF\xBDkey\":true}");
  CHECK(dump_json(parse_json("{\"a\":[1,{\"b\":[]}],\"c\":{}}", "t"), 2) ==
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
}

TEST_CASE("every double reads back as it was") {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const Json back = parse_json(dump_json(Json(value)), "t");
    REQUIRE(back.is_number_float());
    REQUIRE(back.get<double>() == value);
  }
}

TEST_CASE("an object of 200,000 keys costs no more per key than one of 20,000") {
  const std::string small = many_keys(20'000), large = many_keys(200'000);
  std::size_t keys = 0;
  double small_time = 1e9, large_time = 1e9;
  for (int i = 0; i < 3; ++i) {
    small_time = std::min(small_time, seconds([&] { keys = parse_json(small, "t").size(); }));
    CHECK(keys == 20'000);
    large_time = std::min(large_time, seconds([&] { keys = parse_json(large, "t").size(); }));
    CHECK(keys == 200'000);
  }
  MESSAGE("20,000 keys " << small_time * 1e3 << " ms, 200,000 keys " << large_time * 1e3 << " ms");
  CHECK(large_time < 40 * small_time);  // quadratic would be 100
  CHECK_THROWS_WITH_AS(parse_json(large.substr(0, large.size() - 1) + ",\"k77\":0}", "t"),
                       doctest::Contains("\"k77\" stands a second time"), Error);
}

TEST_CASE("one key of 20 MB is a value like any other") {
  const std::string key(20U << 20, 'k');
  CHECK(parse_json("{\"" + key + "\":1}", "t").begin().key() == key);
  try {
    parse_json("{\"" + key + "\":x}", "t");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.message().size() < 500);
  }
}

TEST_CASE("random bytes and mutations never crash, and what is accepted survives a round trip") {
  std::mt19937 random(20240917);
  const std::string seed_text =
      R"({"a":[1,-2.5e3,"x\ud83d\ude00\n",null,true,{"b":{}}],"é":"\u00e9","n":18446744073709551615})";
  const std::string alphabet = "{}[]\",:\\u0123456789eE+-.truefalsn \n\xC3\xA9\xF0\xFF";
  std::size_t accepted = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = i % 3 == 0 ? std::string(random() % 40, ' ') : seed_text;
    if (i % 3 == 0) {
      for (char& c : text) c = i % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    } else {
      for (std::size_t n = random() % 3; n > 0; --n)
        text[random() % text.size()] = alphabet[random() % alphabet.size()];
      if (random() % 4 == 0) text.resize(random() % text.size());
    }
    try {
      const std::string dumped = dump_json(parse_json(text, "t"));
      REQUIRE(dump_json(parse_json(dumped, "t")) == dumped);
      ++accepted;
    } catch (const Error& error) {
      REQUIRE(error.kind() == "json");
    }
    if (const auto value = parse_json_lenient(text)) REQUIRE(parse_json_lenient(dump_json(*value)));
  }
  CHECK(accepted > 3'000);
}

}  // namespace
}  // namespace assay
