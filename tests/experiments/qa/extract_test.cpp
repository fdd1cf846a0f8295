#include "experiments/qa/extract.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "experiments/qa/numbers.hpp"
#include "tests/experiments/qa/shared_data.hpp"

namespace assay {
namespace {

std::string found(const std::string& spec, const std::string& reply, const AnswerForm& form) {
  const Found f = Extractor(spec).find(reply, form);
  return f.value ? *f.value + "/" + f.rule : "nothing";
}

TEST_CASE("the shared texts come out of every rule as their originals read them") {
  const auto path = shared_qa("vectors/answer_extraction.json");
  if (!path) return;
  const Json cases = parse_json(read_file(*path), "answer_extraction.json").at("cases");
  REQUIRE(cases.size() >= 225);
  std::map<std::string, Extractor> extractors;
  std::size_t compared = 0;
  for (const Json& one : cases) {
    const auto text = one.at("text").get<std::string>();
    for (const auto& [name, want] : one.items()) {
      if (name == "text") continue;
      if (!extractors.contains(name)) extractors.emplace(name, Extractor(name));
      const bool numeric = name == "gsm8k" || name.starts_with("du_gsm") || name == "cue_number";
      const Found got = extractors.at(name).find(text, numeric ? AnswerForm::number() : AnswerForm::choice(10));
      const Json value = got.value ? Json(*got.value) : Json();
      CHECK_MESSAGE(value == want, name, " on ", text.substr(0, 200), ": ", dump_json(value), " for ", dump_json(want));
      CHECK(got.rule.empty() == !got.value);
      ++compared;
    }
  }
  CHECK(compared == cases.size() * 13);
}

TEST_CASE("letter: each rule of its own, in order, only labels of the item") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"so \\boxed{\\text{C}} and the answer is (B).", "C/boxed"},
      {"The answer is (B). No, the answer is **D**", "D/cue"},
      {"The best answer would be option c)", "C/cue"},
      {"It must be E: see above. It is C.", "C/is"},
      {"I'd go for (A) over (B)", "B/paren"},
      {"B", "B/lead"},
      {"**C**\nbecause it fits", "C/lead"},
      {"A. one\nB. two\nC. three\nnone of them", "nothing"},
      {"I can't say.\n D.\n\n", "D/tail"},
      {"I cannot provide an answer", "nothing"},
      {"The answer is (Z).", "nothing"},
      {"", "nothing"},
      {"The answer is (A).\n\nQuestion: another?\nThe answer is (B).", "A/cue"},
      {"hm\n**Question**: another?\nThe answer is (B).", "B/cue"},
      {"the answer is \xff(C)", "C/paren"},
      {"answer: \xff\xfe the answer is (C)", "C/cue"},
  };
  for (const auto& [reply, want] : cases) CHECK_MESSAGE(found("letter", reply, AnswerForm::choice(5)) == want, reply);
  CHECK(found("letter", "The answer is (Z).", AnswerForm{AnswerForm::Kind::choice, {}}) == "Z/cue");
}

TEST_CASE("gsm8k and boxed read numbers as people write them") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"3 + 4 = 7\n#### 1,007", "1007/hashes"},
      {"so \\boxed{\\$14{,}000.50} in 3 days", "14000.5/boxed"},
      {"she has -5 dollars", "-5/last"},
      {"it costs $.75", "0.75/last"},
      {"12.", "12/last"},
      {"#### 5\nQ: next\n#### 9", "5/hashes"},
      {"none", "nothing"},
      {"\\boxed{x} but 3", "3/last"},
  };
  for (const auto& [reply, want] : cases) CHECK_MESSAGE(found("gsm8k", reply, AnswerForm::number()) == want, reply);
  CHECK(found("boxed", "\\boxed{ a {b} } \\boxed{open", AnswerForm{}) == "a {b}/boxed");
  CHECK(found("boxed", "\\boxed{AB, (C)}", AnswerForm::choice(4)) == "C/boxed");
}

TEST_CASE("patterns, JSON paths, exact replies and chains are rules too") {
  const AnswerForm text;
  CHECK(found("regex:ans=(\\w+)", "ans=x ans=y", text) == "y/regex");
  CHECK(found("regexfirst:ans=(\\w+)", "ans=x ans=y", text) == "x/regexfirst");
  CHECK(found("regex:[a-z]>[a-z]", "a>b", text) == "a>b/regex");
  CHECK(found("regex:ans=(\\w+)>gsm8k", "about 17", text) == "17/last");
  CHECK(found("json:a.b.0", R"({"a":1} then {"a":{"b":["{x}",2]}} end)", text) == "{x}/json");
  CHECK(found("json:n", R"(```json
{"n": 2.50}
```)",
              text) == "2.5/json");
  CHECK(found("exact", "  yes \n", text) == "yes/exact");
  CHECK(found("mad>boxed>letter", "B", AnswerForm::choice(3)) == "B/lead");
  CHECK(found("du_arith", "it is 3,5 or 1_000 .", text) == "1000/float");
  CHECK(found("du_arith", "it is 3,5 or so", text) == "3.5/float");
  CHECK_THROWS_WITH_AS(Extractor("leter"), "extract: unknown extractor 'leter'", Error);
  CHECK_THROWS_AS(Extractor("regex:("), Error);
}

TEST_CASE("numbers have one canonical form") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"$1,000.00", "1000"}, {" 5. ", "5"},
      {"-0", "0"},           {"-$3.50", "-3.5"},
      {".5", "0.5"},         {"1e3", "1000"},
      {"+7", "7"},           {"0.1", "0.1"},
      {"007", "7"},          {"1e15", "1000000000000000.0"},
      {"1e16", "1e+16"},     {"0.00001", "1e-05"},
      {"0.0001", "0.0001"},  {"twelve", "-"},
      {"1 2", "-"},          {"", "-"},
      {"nan", "-"},          {"0x10", "-"},
  };
  for (const auto& [text, want] : cases) CHECK_MESSAGE(canonical_number(text).value_or("-") == want, text);
}

double milliseconds_of(const Extractor& extractor, const std::string& text) {
  const auto start = std::chrono::steady_clock::now();
  (void)extractor.find(text, AnswerForm::choice(10));
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

TEST_CASE("long lines take linear time in every rule") {
  // 16 times the text: 16 times the time when linear, 256 times when quadratic.
  for (const char* piece :
       {"answer:", "\\boxed{", "is (", "{1", "answer is ", "A ", "9,", "\nQ:", "Answer: A answer:"}) {
    std::string small, big;
    while (small.size() < 1U << 16U) small += piece;
    for (int i = 0; i < 16; ++i) big += small;
    for (const auto& name : Extractor::names()) {
      const Extractor extractor(name);
      const double base = std::max({milliseconds_of(extractor, small), milliseconds_of(extractor, small), 0.5});
      const double time = milliseconds_of(extractor, big);
      if (time > 50) std::cout << name << " on 1 MiB of " << piece << ": " << time << " ms\n";
      CHECK_MESSAGE(time < 100 * base, name, " on 1 MiB of ", piece, ": ", time, " ms, a sixteenth takes ", base);
    }
  }
}

}  // namespace
}  // namespace assay
