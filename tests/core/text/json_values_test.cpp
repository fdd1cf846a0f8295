#include "core/text/json_values.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

// Hands out a text in pieces of the given size, as a pipe might.
class Pieces : public InputBytes {
 public:
  Pieces(std::string_view text, std::size_t piece) : text_(text, "f.json"), piece_(piece) {}
  std::size_t read(char* to, std::size_t size) override { return text_.read(to, std::min(size, piece_)); }
  const std::string& name() const override { return text_.name(); }

 private:
  InputText text_;
  std::size_t piece_;
};

struct Got {
  JsonShape shape = JsonShape::empty;
  std::string values;  // "LINE:JSON " each
};

Got read(std::string_view text, std::size_t piece = 7, const JsonValuesOptions& options = {}) {
  Pieces input(text, piece);
  Got got;
  std::size_t index = 0;
  got.shape = read_json_values(input, options, [&](Json&& value, const JsonPlace& place) {
    CHECK(place.index == index++);
    got.values += std::to_string(place.line) + ":" + dump_json(value) + " ";
  });
  return got;
}

TEST_CASE("an array, an object with rows and JSON lines are read element by element with their lines") {
  struct Case {
    std::string text;
    JsonShape shape;
    std::string values;
    std::string rows = "rows";
  };
  const std::vector<Case> cases = {
      {"", JsonShape::empty, ""},
      {" \n\t\r\n", JsonShape::empty, ""},
      {"[]", JsonShape::array, ""},
      {"\xEF\xBB\xBF [1,\n {\"a\":\"]\\\"}\"} , [2,[3]]\n,\"x\", null,-1.5]\n", JsonShape::array,
       "1:1 2:{\"a\":\"]\\\"}\"} 2:[2,[3]] 3:\"x\" 3:null 3:-1.5 "},
      {"{\"a\":1}\n\n{\"a\":2}\r\n  {\"a\":3}", JsonShape::lines, "1:{\"a\":1} 3:{\"a\":2} 4:{\"a\":3} "},
      {"{\"a\":1}", JsonShape::lines, "1:{\"a\":1} "},
      {"1\n\"two\"\n[3]\n", JsonShape::lines, "1:1 2:\"two\" 3:[3] "},
      {"{\"meta\":{\"rows\":[9]},\n\"rows\":[\n{\"i\":1},\n{\"i\":2}],\"n\":2}\n", JsonShape::rows,
       "3:{\"i\":1} 4:{\"i\":2} "},
      {"{\"rows\":[]}", JsonShape::rows, ""},
      {"{\"\\u0072ows\":[1]}", JsonShape::rows, "1:1 "},
      {"{\"rows\":5}\n{\"rows\":6}", JsonShape::lines, "1:{\"rows\":5} 2:{\"rows\":6} "},
      {"{\"x\":[1],\"data\":{\"k\":0,\"items\":[1,2],\"l\":0},\"y\":1}", JsonShape::rows, "1:1 1:2 ", "data.items"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    JsonValuesOptions options;
    options.rows = c.rows;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      const Got got = read(c.text, piece, options);
      CHECK(got.shape == c.shape);
      CHECK(got.values == c.values);
    }
  }
}

TEST_CASE("a damaged file is refused with its line and byte") {
  struct Case {
    std::string text, message;
    std::string rows = "rows";
  };
  const std::vector<Case> cases = {
      {"[1,\n2,\n{\"a\":x}]", "f.json:3: column 6 (byte 13): "},
      {"[1,\n2", "f.json:2: column 2 (byte 6): the text ends within the array"},
      {"[1,\n {\"a\":", "f.json:2: column 2 (byte 6): the text ends within the value that begins here"},
      {"[1 2]", "f.json:1: column 4 (byte 4): ',' or ']' was expected"},
      {"[1,]", "f.json:1: column 4 (byte 4): "},
      {"[1]\nx", "f.json:2: column 1 (byte 5): text after the end of the array"},
      {"{\"a\":1}\n{\"a\":\n{\"a\":3}", "f.json:2: column 6 (byte 14): "},
      {"{\"a\":1} x\n", "text after the end of the object"},
      {"{\n\"a\":1}\n", "f.json:1: column 1 (byte 1): an object without an array at \"rows\""},
      {"{\"a\":1}\n", "an object without an array at \"data\"", "data"},
      {"{\"rows\":[1],\"rows\":[2]}", "(byte 13): the key \"rows\" stands a second time"},
      {"{\"rows\":[1],\"b\":x}", "(byte 17): "},
      {"{\"rows\":[1]", "the text ends within an object"},
      {"{\"a\" 1}", "':' was expected"},
      {"{a:1}", "a key in quotes was expected"},
      {"[\"a\xFF\"]", "(byte 4): invalid UTF-8"},
      {"x", "f.json:1: column 1 (byte 1): "},
      {"]", "f.json:1: column 1 (byte 1): "},
      {"[1," + std::string(300, '[') + "]", "(byte 204): deeper than 200 levels"},
      {"[{\"a\":1,\"a\":2}]", "(byte 9): the key \"a\" stands a second time"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    JsonValuesOptions options;
    options.rows = c.rows;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      try {
        read(c.text, piece, options);
        FAIL("accepted");
      } catch (const Error& error) {
        CAPTURE(std::string(error.what()));
        CHECK(std::string(error.what()).find(c.message) != std::string::npos);
      }
    }
  }
}

TEST_CASE("the limit of bytes holds for one element, not for the file") {
  JsonValuesOptions options;
  options.json.limits.max_bytes = 100;
  const std::string fits = "\"" + std::string(98, 'x') + "\"", large = "\"" + std::string(99, 'x') + "\"";
  std::string many = "[" + fits, lines = fits;
  for (int i = 0; i < 50; ++i) many += ", " + fits, lines += "\n" + fits;
  CHECK_NOTHROW(read(many + "]", 33, options));
  CHECK_NOTHROW(read(lines, 33, options));
  CHECK_NOTHROW(read("{\"rows\":" + many + "]}", 33, options));
  CHECK_THROWS_WITH_AS(read(many + "," + large + "]", 33, options), doctest::Contains("more than 100 bytes"), Error);
  CHECK_THROWS_WITH_AS(read(lines + "\n" + large, 33, options), doctest::Contains("f.json:52"), Error);
  CHECK_THROWS_AS(read("{\"a\":[" + fits + "," + fits + "],\"rows\":[]}", 33, options), Error);
}

// An endless array, to see that memory stays flat and that what the callback throws gets through.
class Endless : public InputBytes {
 public:
  std::size_t read(char* to, std::size_t size) override {
    const std::string_view element = begun_ ? "{\"question\":\"why?\",\"answer\":42},\n" : "[";
    begun_ = true;
    std::size_t count = 0;
    for (; count + element.size() <= size && (count == 0 || element.size() > 1); count += element.size()) {
      element.copy(to + count, element.size());
    }
    return count;
  }
  const std::string& name() const override { return name_; }

 private:
  bool begun_ = false;
  std::string name_ = "endless";
};

TEST_CASE("an endless array is read until the callback throws") {
  Endless input;
  std::size_t count = 0;
  struct Enough {};
  CHECK_THROWS_AS(read_json_values(input, {},
                                   [&](Json&&, const JsonPlace& place) {
                                     REQUIRE(place.line == count + 1);
                                     if (++count == 100'000) throw Enough();
                                   }),
                  Enough);
  CHECK(count == 100'000);
}

TEST_CASE("however a file is cut into pieces, the outcome is the same") {
  std::mt19937 random(7);
  const std::string alphabet = "{}[]\",:\\ \n1ax";
  const std::vector<std::string> seeds = {"[1,{\"a\":\"x\\\"\"},[2]]", "{\"a\":1}\n{\"b\":[2]}\n",
                                          "{\"n\":0,\"rows\":[{\"a\":1},2]}"};
  std::size_t good = 0;
  for (int i = 0; i < 6'000; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (std::size_t n = random() % 3; n > 0; --n) text[random() % text.size()] = alphabet[random() % alphabet.size()];
    const auto outcome = [&](std::size_t piece) {
      try {
        return read(text, piece).values;
      } catch (const Error& error) {
        return "error " + std::string(error.what());
      }
    };
    const std::string whole = outcome(100'000);
    REQUIRE(outcome(1) == whole);
    REQUIRE(outcome(5) == whole);
    good += whole.rfind("error", 0) == 0 ? 0 : 1;
  }
  CHECK(good > 1'000);
}

}  // namespace
}  // namespace assay
