#include "runners/judge/pooling.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/text/error.hpp"
#include "runners/judge/outcome.hpp"

using namespace assay;

namespace {

ReadingRules rules_of(JudgeMode mode, std::string_view choices = "") {
  ReadingRules rules;
  rules.mode = mode;
  rules.labels = verdict_labels("", mode, true, choices);
  return rules;
}

/// Replies as judgements: {"judge order text"}; a text "!" is a call that failed.
std::vector<Judgement> replies(const ReadingRules& rules, std::initializer_list<const char*> lines) {
  std::vector<Judgement> out;
  for (const std::string line : lines) {
    Judgement one;
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    one.judge = line.substr(0, first);
    one.order = line.substr(first + 1, second - first - 1) == "ba" ? JudgeOrder::ba : JudgeOrder::ab;
    for (const Judgement& other : out) one.sample += other.judge == one.judge && other.order == one.order ? 1U : 0U;
    const std::string text = line.substr(second + 1);
    if (text == "!") {
      one.reading.status = ReadStatus::error;
      one.error = "overloaded: 529";
    } else {
      one.raw = text;
      one.reading = read_verdict(rules, {text});
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// "A 1", "inconsistent 0.5", "order" (why there is none).
std::string show(const PooledVerdict& verdict) {
  if (!verdict.has_verdict()) return verdict.why;
  return (verdict.verdict.empty() ? "-" : verdict.verdict) + " " + dump_json(Json(verdict.value));
}

std::string panel(const ReadingRules& rules, const PoolingRules& pooling, std::initializer_list<const char*> lines) {
  return show(pool_judgements(rules, pooling, replies(rules, lines)).panel);
}

}  // namespace

TEST_CASE("two orders come to one verdict by the swap rule") {
  const ReadingRules ab = rules_of(JudgeMode::pairwise);
  struct Case {
    const char *first, *second, *tie, *mean, *sum, *drop;
  };
  const Case cases[] = {
      {"j ab A", "j ba B", "A 1.0", "A 1.0", "A 1.0", "A 1.0"},
      {"j ab A", "j ba A", "inconsistent 0.5", "tie 0.5", "tie 0.5", "dropped"},
      {"j ab A", "j ba C", "inconsistent 0.5", "A 0.75", "A 1.0", "dropped"},
      {"j ab C", "j ba C", "tie 0.5", "tie 0.5", "tie 0.5", "tie 0.5"},
      {"j ab A", "j ba ?", "order", "order", "order", "order"},
      {"j ab ?", "j ba ?", "unparsed", "unparsed", "unparsed", "unparsed"},
      {"j ab !", "j ba !", "error", "error", "error", "error"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.first);
    CAPTURE(one.second);
    const std::pair<const char*, const char*> rules[] = {
        {"tie", one.tie}, {"mean", one.mean}, {"sum", one.sum}, {"drop", one.drop}};
    for (const auto& [rule, want] : rules) {
      PoolingRules pooling;
      pooling.both_orders = true;
      pooling.swap_rule = rule;
      CHECK(panel(ab, pooling, {one.first, one.second}) == want);
    }
  }
  // One order was asked for, and is there; or both were.
  CHECK(panel(ab, {}, {"j ba A"}) == "B 0.0");
  PoolingRules both;
  both.both_orders = true;
  CHECK(panel(ab, both, {"j ba A"}) == "order");
  // A numeric quorum takes the order that could be read.
  both.quorum = 1;
  CHECK(panel(ab, both, {"j ab ?", "j ba A"}) == "B 0.0");
  CHECK(panel(ab, both, {"j ab A", "j ba !"}) == "A 1.0");
  CHECK(panel(ab, both, {"j ab A", "j ba A"}) == "inconsistent 0.5");
  CHECK(panel(ab, both, {"j ab ?", "j ba ?"}) == "unparsed");
}

TEST_CASE("samples are a majority or a mean, and a panel has a quorum") {
  const ReadingRules ab = rules_of(JudgeMode::pairwise), binary = rules_of(JudgeMode::binary),
                     score = rules_of(JudgeMode::score), compare = rules_of(JudgeMode::compare);
  CHECK(panel(ab, {}, {"j ab A", "j ab A", "j ab B"}) == "A 1.0");
  CHECK(panel(ab, {}, {"j ab A", "j ab B"}) == "tie 0.5");
  CHECK(panel(ab, {}, {"j ab A", "j ab ?", "j ab ?"}) == "A 1.0");
  CHECK(panel(binary, {}, {"j ab 1", "j ab 0"}) == "split");
  CHECK(panel(score, {}, {"j ab 7", "j ab 8"}) == "- 7.5");
  CHECK(panel(compare, {}, {"j ab 8 6", "j ba 7 8"}) == "A 1.0");

  PoolingRules two;
  two.quorum = 2;
  CHECK(panel(ab, two, {"x ab A", "y ab !", "z ab A"}) == "A 1.0");
  CHECK(panel(ab, {}, {"x ab A", "y ab !", "z ab A"}) == "quorum");
  CHECK(panel(ab, two, {"x ab A", "y ab !", "z ab ?"}) == "quorum");
  CHECK(panel(ab, {}, {"x ab A", "y ab B", "z ab C"}) == "tie 0.5");
  CHECK(panel(ab, {}, {"x ab A", "x ba A", "y ab A", "y ba B"}) == "tie 0.5");
  CHECK(panel(ab, {}, {"x ab A", "x ba A", "y ab B", "y ba B"}) == "inconsistent 0.5");
  PoolingRules mean, high;
  mean.pool = "mean";
  high.pool = "max";
  CHECK(panel(ab, mean, {"x ab A", "y ab A", "z ab B"}) == "A " + dump_json(Json(2.0 / 3)));
  CHECK(panel(score, {}, {"x ab 4", "y ab 8"}) == "- 6.0");
  CHECK(panel(score, high, {"x ab 4", "y ab 8"}) == "- 8.0");

  const PooledRun run = pool_judgements(ab, {}, replies(ab, {"x ab A", "y ab A", "z ab B"}), {"x", "y", "z"});
  CHECK(run.agreement == doctest::Approx(2.0 / 3));
  CHECK(run.judges.size() == 3);
  CHECK(run.judges[2].verdict == "B");
  const PooledRun missing = pool_judgements(ab, {}, replies(ab, {"x ab A"}), {"x", "y"});
  CHECK(missing.judges[1].why == "missing");
  CHECK(missing.panel.why == "quorum");
}

TEST_CASE("a run's score is what its mode makes of the verdict") {
  const auto scored = [](const ReadingRules& rules, const Json& gold, std::initializer_list<const char*> lines) {
    const Score score = judge_score(rules, pool_judgements(rules, {}, replies(rules, lines)), gold);
    std::string out(to_text(score.verdict));
    for (const auto& [name, value] : score.metrics) out += " " + name + "=" + dump_json(Json(value));
    return out;
  };
  CHECK(scored(rules_of(JudgeMode::binary), nullptr, {"j ab 1"}) == "CORRECT value=1.0");
  CHECK(scored(rules_of(JudgeMode::binary), nullptr, {"j ab maybe"}) == "null");
  const ReadingRules choice = rules_of(JudgeMode::choice, "good:1,fair:0.5,bad:0");
  CHECK(scored(choice, nullptr, {"j ab fair"}) == "null value=0.5");
  CHECK(scored(choice, nullptr, {"j ab bad"}) == "INCORRECT value=0.0");
  CHECK(scored(rules_of(JudgeMode::score), 7, {"j ab 7"}) == "CORRECT value=7.0");
  CHECK(scored(rules_of(JudgeMode::score), nullptr, {"j ab 7"}) == "null value=7.0");
  CHECK(scored(rules_of(JudgeMode::pairwise), "A", {"j ab A", "j ba A"}) == "INCORRECT value=0.5");
  CHECK(scored(rules_of(JudgeMode::compare), "B", {"j ab 7 8"}) == "CORRECT value=0.0 value_a=7.0 value_b=8.0");
  ReadingRules rubric = rules_of(JudgeMode::rubric);
  rubric.criteria = {"a", "b"};
  CHECK(scored(rubric, nullptr, {R"(j ab {"a": 4, "b": 2})"}) == "null score.a=4.0 score.b=2.0 value=3.0");
  CHECK(scored(rubric, nullptr, {R"(j ab {"a": 4})"}) == "null score.a=4.0");
}

TEST_CASE("gold verdicts are taken in the forms that people write") {
  const auto two = [](const Json& gold) { return gold_verdict(rules_of(JudgeMode::pairwise), gold); };
  CHECK(two("model_1") == "A");
  CHECK(two("B>A") == "B");
  CHECK(two(2) == "B");
  CHECK(two("tie (bothbad)") == "tie");
  CHECK(two("who knows").is_null());
  CHECK(two(nullptr).is_null());
  const auto binary = [](const Json& gold) { return gold_verdict(rules_of(JudgeMode::binary), gold); };
  CHECK(binary(true) == "positive");
  CHECK(binary("INCORRECT") == "negative");
  CHECK(binary(1.0) == "positive");
  CHECK(binary(2).is_null());
  CHECK(gold_verdict(rules_of(JudgeMode::score), "8/10") == 8.0);
}

TEST_CASE("a judgement is written and read back as it was, and can be read by other rules") {
  const ReadingRules ab = rules_of(JudgeMode::pairwise);
  Judgement one = replies(ab, {"j ba I say [[A]]"})[0];
  one.model_used = "m";
  one.fallback = true;
  one.tokens_in = 12;
  one.cost_usd = 0.5;
  one.alternatives = {{"A", std::log(0.5)}, {"B", std::log(0.25)}};
  const Json json = to_json(one);
  CHECK(json["verdict"] == "A");
  CHECK(json["values"].is_null());
  CHECK(dump_json(to_json(judgement_from(json))) == dump_json(json));

  Judgement again = judgement_from(json);
  read_again(ab, again);
  CHECK(again.reading.value == doctest::Approx(2.0 / 3));
  ReadingRules mM = ab;
  mM.labels = verdict_labels("mM", JudgeMode::pairwise, true, "");
  read_again(mM, again);
  CHECK(again.reading.status == ReadStatus::failed);

  CHECK_THROWS_AS(judgement_from(Json::parse(R"({"judge": 7})")), Error);
  CHECK_THROWS_AS(judgement_from(Json::parse(R"({"judge": "j", "status": "fine"})")), Error);
  CHECK_THROWS_AS(judgement_from(Json::parse("[]")), Error);
}

TEST_CASE("alphabets and scales that make no sense are refused") {
  using enum JudgeMode;
  CHECK_THROWS_AS(verdict_labels("AB", binary, true, ""), Error);
  CHECK_THROWS_AS(verdict_labels("AB", pairwise, false, ""), Error);
  CHECK_THROWS_AS(verdict_labels("x:a", binary, true, ""), Error);
  CHECK_THROWS_AS(verdict_labels("x:a,A", binary, true, ""), Error);
  CHECK_THROWS_AS(verdict_labels("", choice, true, "A:1"), Error);
  CHECK_THROWS_AS(verdict_labels("", choice, true, "A:1,B:x"), Error);
  CHECK(verdict_labels("", pairwise, false, "").name == "AB2");
  CHECK(verdict_labels("x:left,right,none", pairwise, true, "").find("tie")->texts[0] == "none");
  for (const char* scale : {"5-1", "1", "a-b", "1-1", ""}) CHECK_THROWS_AS(judge_scale(scale), Error);
  CHECK(*judge_scale("-1-1") == std::pair(-1.0, 1.0));
  CHECK(*judge_scale("-5--1") == std::pair(-5.0, -1.0));
  CHECK_FALSE(judge_scale("none"));
  CHECK(unswapped("A>>B") == "B>>A");
  CHECK(unswapped("A=B") == "A=B");
  CHECK(unswapped("tie") == "tie");
}
