#include "runners/judge/reading.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "core/text/error.hpp"
#include "core/text/input.hpp"

using namespace assay;

namespace {

ReadingRules rules_of(JudgeMode mode, std::string_view labels = "", const std::string& parse = "strict",
                      std::string_view scale = "1-10", std::string_view choices = "") {
  ReadingRules rules;
  rules.mode = mode;
  rules.labels = verdict_labels(labels, mode, true, choices);
  rules.scale = judge_scale(scale);
  rules.parse = parse;
  return rules;
}

/// "exact positive", "lenient 8", "lenient 8 7", "partial a=4 b=null", "failed".
std::string show(const Reading& reading) {
  std::string out(to_text(reading.status));
  const auto number = [](double value) { return value == value ? dump_json(Json(value)) : std::string("null"); };
  if (reading.values) {
    out += " " + number(reading.values->first) + " " + number(reading.values->second);
  } else if (!reading.verdict.empty()) {
    out += " " + reading.verdict;
  } else if (!reading.scores.empty()) {
    for (const auto& [name, score] : reading.scores) out += " " + name + "=" + number(score);
  } else if (reading.value == reading.value) {
    out += " " + number(reading.value);
  }
  return out;
}

std::string read(const ReadingRules& rules, std::string_view text, bool cut = false) {
  return show(read_verdict(rules, {text, cut, false, nullptr}));
}

struct Case {
  const char *text, *want;
};

const std::string kVectors = std::string(ASSAY_SHARED_DATA) + "/judge/parser_vectors/";

std::optional<Json> vectors(const std::string& name) {
  if (!std::filesystem::exists(kVectors + name)) {
    std::printf("skipped: %s is not here\n", name.c_str());
    return std::nullopt;
  }
  return parse_json(read_file(kVectors + name), name);
}

}  // namespace

TEST_CASE("a verdict of 0 or 1 is read where it stands alone, and nowhere else") {
  const Case cases[] = {
      {"1", "exact positive"},
      {"**0**", "exact negative"},
      {"\"1\".", "exact positive"},
      {"“1”!", "exact positive"},
      {"[[0]]", "exact negative"},
      {"<1>", "exact positive"},
      {"10", "failed"},
      {"1/10", "failed"},
      {"The answer is 0 because 1+1=2", "failed"},
      {"0\n1", "ambiguous"},
      {"0\n\n0", "lenient negative"},
      {"Score: 1", "lenient positive"},
      {"The final verdict is: **1**", "lenient positive"},
      {"my judgement = 0", "lenient negative"},
      {"Reasoning.\n# Overall rating: `1`\n", "lenient positive"},
      {"verdict: 1\nverdict: 0", "ambiguous"},
      {"The scores: 1", "failed"},
      {"Verdict: 1 of course", "failed"},
      {"It is [[1]], surely", "lenient positive"},
      {"[[1]] or [[0]]?", "ambiguous"},
      {"[[1]] or [[0]]?\n[[0]]\n", "lenient negative"},
      {"[[1]]\n[[0]] [[1]]", "ambiguous"},
      {"[[1]] first.\n[[0]] second.\nthe end", "ambiguous"},
      // What is in brackets decides before what a line says.
      {"Verdict: 0\n[[1]]", "lenient positive"},
      {"Verdict: 0\n1", "lenient negative"},
      {"[[maybe]]\nVerdict: 0", "lenient negative"},
      {"[[[1]]]x", "lenient positive"},
      {"yes", "failed"},
      {"", "empty"},
      {" \n ", "empty"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(rules_of(JudgeMode::binary), one.text) == one.want);
  }
}

TEST_CASE("labels of words may begin the text, those of a letter may not") {
  const ReadingRules yesno = rules_of(JudgeMode::binary, "yesno");
  const Case cases[] = {{"No. 1 point deducted", "lenient negative"},
                        {"YES", "exact positive"},
                        {"Yes, and well", "lenient positive"},
                        {"Yes — it is", "failed"},
                        {"Yes— it is", "lenient positive"},
                        {"Yes\nbecause", "lenient positive"},
                        {"Yes because", "failed"},
                        {"Nothing", "failed"},
                        {"I think yes", "failed"},
                        {"'no'", "exact negative"}};
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(yesno, one.text) == one.want);
  }
  CHECK(read(rules_of(JudgeMode::pairwise), "A. is better") == "failed");
  CHECK(read(rules_of(JudgeMode::pairwise), "A is better") == "failed");
  CHECK(read(rules_of(JudgeMode::pairwise), "Tie: neither") == "lenient tie");
  CHECK(read(rules_of(JudgeMode::binary, "x:grün,rot"), "GRÜN: ja") == "lenient grün");
}

TEST_CASE("verdicts between two answers") {
  const ReadingRules ab = rules_of(JudgeMode::pairwise), ab5 = rules_of(JudgeMode::pairwise, "AB5");
  CHECK(read(ab, "Long.\n\nFinal Verdict: [[A]]") == "lenient A");
  CHECK(read(ab, "[[C]]") == "exact tie");
  CHECK(read(ab, "[[c]] it is") == "lenient tie");
  CHECK(read(rules_of(JudgeMode::pairwise, "AB2"), "[[C]]") == "failed");
  CHECK(read(rules_of(JudgeMode::pairwise, "mM"), "m") == "exact A");
  CHECK(read(rules_of(JudgeMode::pairwise, "mM"), "'M'.") == "exact B");
  CHECK(read(ab5, "[[A >> B]]") == "exact A");
  CHECK(read_verdict(ab5, {"so [[A>>B]]"}).games == 3);
  CHECK(read_verdict(ab5, {"so [[A>B]]"}).games == 1);
  CHECK(read(ab5, "[[A>>B]] or [[A>B]]") == "ambiguous");
  CHECK(read(ab5, "My verdict is: a=b.") == "lenient tie");
  const ReadingRules choice = rules_of(JudgeMode::choice, "", "strict", "1-10", "good_one:1,so-so:0.5,bad:0");
  CHECK(read(choice, "Grade: **good_one**") == "lenient good_one");
  CHECK(read_verdict(choice, {"So-so."}).value == 0.5);
}

TEST_CASE("thinking is no answer") {
  const ReadingRules ab = rules_of(JudgeMode::pairwise);
  CHECK(read(ab, "<think>[[B]]</think>[[A]]") == "exact A");
  CHECK(read(ab, "[[B]]</think> [[A]]") == "exact A");
  CHECK(read(ab, "[[A]]<think>[[B]] and on") == "exact A");
  CHECK(read(ab, "<think>[[B]]</think>") == "empty");
  CHECK(without_thinking("a<think>b</think>c</think> d <think>e</think>f<think>g") == "d f");
  CHECK(without_thinking("<think>a<think>b</think>c</think> d") == "d");
}

TEST_CASE("a reply that was cut counts only when it is the verdict") {
  CHECK(read(rules_of(JudgeMode::pairwise), "I say [[A]] as", true) == "truncated");
  CHECK(read(rules_of(JudgeMode::pairwise), "", true) == "truncated");
  CHECK(read(rules_of(JudgeMode::pairwise, "mM"), "m", true) == "exact A");
  CHECK(read(rules_of(JudgeMode::pairwise, "", "fastchat"), "I say [[A]] as", true) == "lenient A");
  CHECK(read(rules_of(JudgeMode::pairwise, "", "fastchat"), "I say", true) == "truncated");
  CHECK(show(read_verdict(rules_of(JudgeMode::pairwise), {"[[A]]", false, true, nullptr})) == "refused");
}

TEST_CASE("numbers are read on their scale, never clamped") {
  const Case cases[] = {
      {"7", "exact 7.0"},
      {"7.5", "exact 7.5"},
      {"Score: 8/10", "lenient 8.0"},
      {"10/10", "exact 10.0"},
      {"8/9", "failed"},
      {"4 out of 10", "exact 4.0"},
      {"4 out of 5", "failed"},
      {"11", "out_of_range"},
      {"-3", "out_of_range"},
      {"[[0]]", "out_of_range"},
      {"Rating: [[9]]", "lenient 9.0"},
      {"I like 7 of it.\n7.", "lenient 7.0"},
      {"7\n7.0", "lenient 7.0"},
      {"7\n8", "ambiguous"},
      {"no", "failed"},
      {"1e3", "failed"},
      {".5", "failed"},
      {"The 2 answers deserve 9", "failed"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(rules_of(JudgeMode::score), one.text) == one.want);
  }
  const ReadingRules open = rules_of(JudgeMode::score, "", "strict", "none");
  CHECK(read(open, "123.5") == "exact 123.5");
  CHECK(read(open, "8/10") == "failed");
  CHECK(read(open, std::string(5000, '9')) == "failed");
  CHECK(read(rules_of(JudgeMode::score), std::string(5000, '9')) == "out_of_range");
  CHECK(read(rules_of(JudgeMode::score, "", "strict", "0-1"), "0." + std::string(5000, '0') + "1") == "exact 0.0");
}

TEST_CASE("two scores stand on the first line, and nothing else does") {
  const Case cases[] = {
      {"8 7", "exact 8.0 7.0"},
      {"**8** \"7\"\nbecause", "exact 8.0 7.0"},
      {"8,7", "lenient 8.0 7.0"},
      {"8/10 7/10", "lenient 8.0 7.0"},
      {"8 out of 10 and 7 out of 10", "lenient 8.0 7.0"},
      {"Scores: 8 ; 7", "lenient 8.0 7.0"},
      {"Assistant 1: 8 Assistant 2: 7", "lenient 8.0 7.0"},
      {"response A = 8, response B = 7.5", "lenient 8.0 7.5"},
      {"8/9 7/9", "failed"},
      {"8 7 6", "failed"},
      {"10 - 9", "failed"},
      {"8-7", "failed"},
      {"11 7", "out_of_range"},
      {"first\n8 7", "failed"},
      {"8", "failed"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(rules_of(JudgeMode::compare), one.text) == one.want);
  }
  CHECK(read_verdict(rules_of(JudgeMode::compare), {"8.1 8"}).verdict == "tie");
  CHECK(read_verdict(rules_of(JudgeMode::compare), {"8.2 8"}).verdict == "A");
}

TEST_CASE("a rubric is one JSON object with a number per criterion") {
  ReadingRules rules = rules_of(JudgeMode::rubric, "", "strict", "1-5");
  rules.criteria = {"a", "b"};
  const Case cases[] = {
      {R"({"a": 4, "b": 2})", "exact a=4.0 b=2.0"},
      {"```json\n{\"a\": 4, \"b\": \"2/5\"}\n```", "lenient a=4.0 b=2.0"},
      {R"({"a": "4", "b": 2})", "lenient a=4.0 b=2.0"},
      {R"({"a": 4})", "partial a=4.0 b=null"},
      {R"({"a": 4, "b": 6})", "partial a=4.0 b=null"},
      {R"({"a": 4, "b": true})", "partial a=4.0 b=null"},
      {R"({"a": 4, "b": "2/10"})", "partial a=4.0 b=null"},
      {R"({"a": 4, "b": 2} {"a": 1, "b": 1})", "ambiguous"},
      {R"({"a": 4, "b": 2)", "failed"},
      {R"({ {"a": 4, "b": 2})", "lenient a=4.0 b=2.0"},
      {"none", "failed"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(rules, one.text) == one.want);
  }
  CHECK(read_verdict(rules, {R"({"a": 4, "b": 2, "c \"}": 1})"}).unknown == std::vector<std::string>{"c \"}"});
  CHECK(read_verdict(rules, {R"({"a": 4, "b": 2})"}).value == 3);
  CHECK(std::isnan(read_verdict(rules, {R"({"a": 4})"}).value));
}

TEST_CASE("what other tools read") {
  const auto tool = [](const char* parse, JudgeMode mode, std::string_view text, std::string_view labels = "") {
    return read(rules_of(mode, labels, parse), text);
  };
  using enum JudgeMode;
  CHECK(tool("fastchat", pairwise, "[[C]] but rather [[B]]") == "lenient B");
  CHECK(tool("fastchat", pairwise, "[[a]]") == "failed");
  CHECK(tool("fastchat", score, "[[11]]") == "lenient 11.0");
  CHECK(tool("fastchat", score, "Rating: [7.]") == "lenient 7.0");
  CHECK(tool("fastchat", compare, "[[8, 7.5]]") == "lenient 8.0 7.5");
  CHECK(tool("fastchat", compare, "[8,7]") == "lenient 8.0 7.0");
  CHECK(tool("mtbench", pairwise, "[[A]] no, [[c]]") == "lenient tie");
  CHECK(tool("arena", pairwise, "[[A>>B]] yes [[A>>B]]") == "lenient A");
  CHECK(tool("arena", pairwise, "[[A>>B]] yes [[A>B]]") == "failed");
  CHECK(tool("alpaca", pairwise, "M") == "lenient B");
  CHECK(tool("alpaca", pairwise, "[[M]]") == "failed");
  CHECK(tool("evals", binary, "Reasoning: No way.\n\"Yes\"\n!\n", "yesno") == "lenient positive");
  CHECK(tool("evals", binary, "yes", "yesno") == "failed");
  CHECK(tool("evals", pairwise, "The answer is B.") == "lenient B");
  ReadingRules regex = rules_of(pairwise, "", "regex");
  regex.patterns = {{"A", "first"}, {"B", "second|latter"}};
  CHECK(read(regex, "the latter") == "lenient B");
  CHECK(read(regex, "first, not the second") == "ambiguous");
  CHECK(read(regex, "none") == "failed");
}

TEST_CASE("rules that don't go together are said before anything is read") {
  const auto message = [](ReadingRules rules) -> std::string {
    try {
      check_reading(rules);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message(rules_of(JudgeMode::pairwise, "", "fastchat")).empty());
  CHECK(message(rules_of(JudgeMode::binary, "", "fastchat")) ==
        "parse=fastchat does not read mode=binary with labels=01");
  ReadingRules regex = rules_of(JudgeMode::pairwise, "", "regex");
  regex.patterns = {{"A", "(a"}};
  CHECK(message(regex).starts_with("regex.A: missing )"));
  regex.patterns = {{"Z", "a"}};
  CHECK(message(regex) == "regex.Z: 'Z' is no label of this mode");
}

TEST_CASE("lmms-eval's parser vectors come out as there, and strictly") {
  const auto all = vectors("lmms.json");
  if (!all) return;
  struct Group {
    const char *name, *labels, *scale;
    JudgeMode mode;
  };
  const Group groups[] = {
      {"binary_01", "01", "1-10", JudgeMode::binary},  {"binary_yesno", "yesno", "1-10", JudgeMode::binary},
      {"comparative", "", "1-10", JudgeMode::compare}, {"score_unbounded", "", "none", JudgeMode::score},
      {"score_1_10", "", "1-10", JudgeMode::score},    {"json", "", "1-10", JudgeMode::rubric}};
  std::size_t checked = 0;
  for (const Group& group : groups) {
    for (const Json& vector : (*all)[group.name]) {
      const std::string raw = vector["raw"].get<std::string>();
      CAPTURE(raw);
      CAPTURE(group.name);
      const Reading strict = read_verdict(rules_of(group.mode, group.labels, "strict", group.scale), {raw});
      CHECK(to_text(strict.status) == vector["strict"][0].get<std::string>());
      const Json& want = vector["strict"][1];
      if (want.is_null()) CHECK_FALSE(strict.has_verdict());
      if (want.is_string()) CHECK((strict.value == 1) == (want == "1" || want == "yes"));
      if (want.is_number()) CHECK(strict.value == want.get<double>());
      if (want.is_array()) {
        REQUIRE(strict.values);
        CHECK(strict.values->first == want[0].get<double>());
        CHECK(strict.values->second == want[1].get<double>());
      }
      const Reading tool = read_verdict(rules_of(group.mode, group.labels, "lmms", group.scale), {raw});
      CHECK(tool.upstream == vector["lmms"]);
      ++checked;
    }
  }
  CHECK(checked > 0);
  // The tool's default where strict reads nothing is no verdict; what strict reads, too, is one.
  CHECK(read(rules_of(JudgeMode::binary, "01", "lmms"), "no idea") == "failed");
  CHECK(read(rules_of(JudgeMode::binary, "01", "lmms"), "Score: 0") == "lenient negative");
  CHECK(read(rules_of(JudgeMode::score, "", "lmms"), "none at all") == "failed");
  CHECK(read(rules_of(JudgeMode::score, "", "lmms"), "1") == "lenient 1.0");
}

TEST_CASE("prometheus-eval's parser vectors come out as there") {
  const auto all = vectors("prometheus.json");
  if (!all) return;
  for (const Json& vector : *all) {
    const std::string raw = vector["output"].get<std::string>();
    CAPTURE(raw);
    const bool absolute = vector["mode"] == "absolute";
    const Reading reading =
        read_verdict(rules_of(absolute ? JudgeMode::score : JudgeMode::pairwise, "", "prometheus", "1-5"), {raw});
    const Json& want = vector["expected"];
    if (want.is_null()) {
      CHECK(to_text(reading.status) == "failed");
    } else if (absolute) {
      CHECK(reading.value == want.get<double>());
    } else {
      CHECK(reading.verdict == want.get<std::string>());
    }
  }
}

TEST_CASE("verdicts are weighed at the token where they begin") {
  using Alternatives = std::vector<std::pair<std::string, double>>;
  const auto logs = [](std::initializer_list<std::pair<const char*, double>> probabilities) {
    Alternatives out;
    for (const auto& [token, p] : probabilities) out.emplace_back(token, std::log(p));
    return out;
  };
  const auto token = [](const char* text, Alternatives alternatives = {}) {
    return JudgedToken{text, std::log(0.5), std::move(alternatives)};
  };
  const ReadingRules ab = rules_of(JudgeMode::pairwise);
  const std::vector<JudgedToken> tokens = {
      token("A is", logs({{"A is", .5}, {"B", .5}})), token(" good. ", {}), token("[[", {}),
      token("A", logs({{"A", .6}, {"B", .2}, {" C", .1}, {"c", .05}, {"Z", .05}})), token("]]", {})};
  const Reading reading = read_verdict(ab, {"A is good. [[A]]", false, false, &tokens});
  CHECK(verdict_token(ab, "A is good. [[A]]", tokens) == 3);
  CHECK(reading.verdict == "A");
  CHECK(reading.weighted);
  CHECK(reading.mass == doctest::Approx(0.95));
  CHECK(reading.value == doctest::Approx((0.6 + 0.15 / 2) / 0.95));
  CHECK(reading.probabilities.size() == 3);

  // The first token that is more than markup.
  const std::vector<JudgedToken> bold = {token("<think>hm</think>"), token("**", logs({{"1", 1}})),
                                         token("1", logs({{"1", .5}, {"0", .3}})), token("**")};
  const Reading exact = read_verdict(rules_of(JudgeMode::binary), {"<think>hm</think>**1**", false, false, &bold});
  CHECK(exact.status == ReadStatus::exact);
  CHECK(exact.value == doctest::Approx(0.5 / 0.8));

  // Numbers of one digit are weighed, up to ten they can't be told apart.
  const std::vector<JudgedToken> number = {token("4", logs({{"4", .5}, {"5", .4}, {"9", .1}}))};
  const ReadingRules five = rules_of(JudgeMode::score, "", "strict", "1-5");
  CHECK(read_verdict(five, {"4", false, false, &number}).value == doctest::Approx((2 + 2) / 0.9));
  const Reading ten = read_verdict(rules_of(JudgeMode::score), {"4", false, false, &number});
  CHECK(ten.value == 4);
  CHECK_FALSE(ten.weighted);

  // Asked for and not there, or on no label: no value.
  const std::vector<JudgedToken> none;
  const Reading without = read_verdict(ab, {"[[A]]", false, false, &none});
  CHECK(without.status == ReadStatus::exact);
  CHECK(std::isnan(without.value));
  CHECK(without.mass == 0);
  CHECK_FALSE(without.has_verdict());

  // AlpacaEval's own rule: the first token, exactly m and M.
  const std::vector<JudgedToken> alpaca = {token("m", logs({{"m", .3}, {"M", .6}, {" M", .1}}))};
  const Reading weighed = read_verdict(rules_of(JudgeMode::pairwise, "", "alpaca"), {"m", true, false, &alpaca});
  CHECK(weighed.verdict == "B");
  CHECK(weighed.value == doctest::Approx(1.0 / 3));
}

TEST_CASE("no text breaks or hangs the reader") {
  const char* pieces[] = {"[",
                          "]",
                          "[[",
                          "]]",
                          "{",
                          "}",
                          "\"",
                          "\\",
                          "<think>",
                          "</think>",
                          "A",
                          "1",
                          "0.",
                          "/",
                          "\n",
                          "Verdict: ",
                          "*",
                          "_",
                          "\xff",
                          "“",
                          " out of ",
                          "-",
                          std::string_view("\0", 1).data(),
                          "8 7"};
  std::uint64_t state = 1;
  const auto next = [&] { return (state = state * 6364136223846793005U + 1442695040888963407U) >> 33; };
  std::vector<ReadingRules> all;
  for (const char* parse : {"strict", "lmms", "fastchat", "mtbench", "arena", "alpaca", "evals", "prometheus"}) {
    for (const JudgeMode mode :
         {JudgeMode::binary, JudgeMode::score, JudgeMode::rubric, JudgeMode::pairwise, JudgeMode::compare})
      all.push_back(rules_of(mode, "", parse));
  }
  all.push_back(rules_of(JudgeMode::pairwise, "AB5"));
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::uint64_t i = next() % 40; i > 0; --i) text += pieces[next() % std::size(pieces)];
    for (const ReadingRules& rules : all) {
      const Reading reading = read_verdict(rules, {text});
      if (!is_read(reading.status)) CHECK_FALSE(reading.has_verdict());
    }
  }
  for (const char* piece : pieces) {
    std::string text;
    while (text.size() < (1 << 18)) text += *piece == '\0' ? std::string(1, '\0') : std::string(piece);
    for (const ReadingRules& rules : all) {
      if (rules.parse == "strict" || rules.parse == "lmms") read_verdict(rules, {text});
    }
  }
}

TEST_CASE("openai/evals finds the choices as they were given") {
  const ReadingRules choice = rules_of(JudgeMode::choice, "", "evals", "1-10", "A:1,B:0.5,tie:0");
  const ReadingRules pair = rules_of(JudgeMode::pairwise, "x:Left,Right", "evals");
  CHECK(read(choice, "so it is\nA") == "lenient A");
  CHECK(read(choice, "a") == "failed");
  CHECK(read(choice, "tie.") == "lenient tie");
  CHECK(read(pair, "Right, then") == "lenient B");
  CHECK(read(pair, "right") == "failed");
}

TEST_CASE("where no tie is taken, a reply that says so is failed under every parser") {
  struct Tie {
    JudgeMode mode;
    const char *labels, *parse, *text;
  };
  const Tie cases[] = {
      {JudgeMode::pairwise, "AB2", "strict", "[[C]]"},  {JudgeMode::pairwise, "AB2", "fastchat", "[[C]]"},
      {JudgeMode::pairwise, "AB2", "mtbench", "[[C]]"}, {JudgeMode::pairwise, "AB2", "arena", "[[A=B]]"},
      {JudgeMode::compare, "", "strict", "7 7"},        {JudgeMode::compare, "", "fastchat", "[[7, 7]]"},
      {JudgeMode::compare, "", "lmms", "7 7"},
  };
  for (const Tie& one : cases) {
    CAPTURE(one.parse);
    ReadingRules rules = rules_of(one.mode, one.labels, one.parse);
    rules.ties = false;
    CHECK(read(rules, one.text) == "failed");
    ReadingRules taken = rules_of(one.mode, "", one.parse);
    CHECK(read(taken, one.text) != (std::string(one.text) == "[[A=B]]" ? "" : "failed"));
  }
}

TEST_CASE("of a reply that is an object its verdict is read") {
  ReadingRules pairwise = rules_of(JudgeMode::pairwise), score = rules_of(JudgeMode::score);
  pairwise.verdict_in_object = score.verdict_in_object = true;
  const Case cases[] = {
      {R"({"reasoning":"A has [[B]] in it","verdict":"[[A]]"})", "exact A"},
      {R"({"reasoning":"..","verdict":"B"})", "exact B"},
      {"```json\n{\"verdict\": \"[[A]]\"}\n```", "lenient A"},
      {R"({"verdict":"I say [[A]]"})", "lenient A"},
      {R"({"verdict":"[[A]] [[B]]"})", "ambiguous"},
      {R"({"verdict":null, "reasoning":"[[A]]"})", "failed"},
      {R"({"verdict":"A"} {"verdict":"B"})", "ambiguous"},
      {R"({"reasoning":"[[A]]"})", "lenient A"},
      {"[[A]]", "exact A"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(read(pairwise, one.text) == one.want);
  }
  CHECK(read(score, R"({"reasoning":"9 of 10","verdict":7})") == "exact 7.0");
  CHECK(read(score, R"({"verdict":"[[11]]"})") == "out_of_range");
  CHECK(read(score, R"({"verdict":"[[7]]"})", true) == "exact 7.0");
  // The token that is weighed is the one in the object.
  const std::vector<JudgedToken> tokens = {{"{\"reasoning\":\"A\",", 0, {}},
                                           {"\"verdict\":\"[[", 0, {}},
                                           {"A", -0.5, {{"A", std::log(0.75)}, {"B", std::log(0.25)}}},
                                           {"]]\"}", 0, {}}};
  CHECK(verdict_token(pairwise, R"({"reasoning":"A","verdict":"[[A]]"})", tokens) == 2);
}
