#include "experiments/judge/report.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/statistics/proportion.hpp"
#include "tests/experiments/judge/judged.hpp"

using namespace assay;
using namespace assay::test;

namespace {

Json pairwise(Json more = Json::object()) {
  Json params = {{"mode", "pairwise"}, {"judge", "j"}};
  params.update(more);
  return params;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a judge that always says A is all position bias: every win rate is 1/2, all ratings are equal") {
  Judged judged(pairwise());
  for (int i = 0; i < 50; ++i) judged.add(pair_item(std::to_string(i)), both("j", "[[A]]", "[[A]]"));
  const Report report = judged.report();
  const Json& f = report.figures;
  CHECK(f["mode"] == "pairwise");
  CHECK(f["counts"]["runs"] == 50);
  CHECK(f["counts"]["judgements"] == 100);
  CHECK(f["counts"]["exact"] == 100);
  const Json position = row_of(f, "position", {{"judge", "j"}});
  CHECK(position["valid"] == 50);
  CHECK(position["consistent"] == 0);
  CHECK(position["first"] == 50);
  CHECK(position["second"] == 0);
  CHECK(position["bias"] == 1.0);
  CHECK(position["rate"] == 1.0);
  for (const Json& row : f["win_rate"]) {
    CHECK(row["rate"] == 0.5);
    CHECK(row["inconsistent"] == 50);
    CHECK(row["ties"] == 0);
    CHECK(row["n"] == 50);
  }
  CHECK(f["win_rate"].size() == 4);  // two models, each pooled and against the other
  CHECK(f["win_rate"][0]["opponent"] == "*");
  REQUIRE(f["ranking"].size() == 2);
  CHECK(f["ranking"][0]["rating"] == f["ranking"][1]["rating"]);
  CHECK(f["ranking"][0]["rank"] == 1);
  CHECK(f["ranking"][1]["rank"] == 1);
  CHECK(has(text_of(report), "position: 50 verdicts change with the order: 50 first, 0 second: bias +1.00 (p <0.001)"));
}

TEST_CASE("a judge that always says C gives ties, no inconsistency") {
  Judged judged(pairwise());
  for (int i = 0; i < 50; ++i) judged.add(pair_item(std::to_string(i)), both("j", "[[C]]", "[[C]]"));
  const Json f = judged.figures();
  const Json row = row_of(f, "win_rate", {{"model", "x"}, {"opponent", "y"}});
  CHECK(row["ties"] == 50);
  CHECK(row["inconsistent"] == 0);
  CHECK(row["rate"] == 0.5);
  CHECK(row_of(f, "position", {{"judge", "j"}})["consistent"] == 50);
}

TEST_CASE("a judge that prefers the longer answer has longer_rate 1, whichever stands first") {
  Judged judged(pairwise());
  for (int i = 0; i < 20; ++i) {
    JudgeItem item = pair_item(std::to_string(i));
    if (i % 2 == 0) std::swap(item.response1, item.response2);
    const bool second = item.response2->size() > item.response1->size();
    judged.add(item, both("j", second ? "[[B]]" : "[[A]]", second ? "[[A]]" : "[[B]]"));
  }
  const Report report = judged.report();
  const Json& f = report.figures;
  CHECK(f["length"][0]["model"] == "*");
  for (const Json& row : f["length"]) {
    CHECK(row["longer_n"] == 20);
    CHECK(row["longer_rate"] == 1.0);
  }
  CHECK(row_of(f, "position", {{"judge", "j"}})["bias"] == 0.0);
  CHECK(has(text_of(report), "length, j: the longer answer gets 100.0 %"));
}

TEST_CASE("verdicts that can't be read are missing, never losses: no rate, bounds 0 and 1") {
  Judged judged(pairwise());
  for (int i = 0; i < 50; ++i) judged.add(pair_item(std::to_string(i)), both("j", "A is better", "A is better"));
  const Report report = judged.report();
  const Json& f = report.figures;
  CHECK(f["counts"]["failed"] == 100);
  const Json row = row_of(f, "win_rate", {{"model", "x"}, {"opponent", "y"}});
  CHECK(row["n"] == 0);
  CHECK(row["losses"] == 0);
  CHECK(row["missing"] == 50);
  CHECK(row["rate"].is_null());
  CHECK(row["why"] == "empty");
  CHECK(row["worst"] == 0.0);
  CHECK(row["best"] == 1.0);
  CHECK_FALSE(f.contains("ranking"));
  CHECK(row_of(f, "position", {{"judge", "j"}})["missing"] == 50);
  CHECK(has(text_of(report), "unread: 100 of 100 judgements have no verdict (100 failed)"));
}

TEST_CASE("what is not run or has failed is missing in every rate and worst and best count it both ways") {
  Judged judged(pairwise());
  for (int i = 0; i < 3; ++i) judged.add(pair_item(std::to_string(i)), both("j", "[[A]]", "[[B]]"));
  judged.add(pair_item("3"), both("j", "[[B]]", "[[A]]"));
  judged.add_not_run(pair_item("4"));
  judged.add_not_run(pair_item("5"), Status::fail);
  const Json f = judged.figures();
  CHECK(f["counts"]["fail"] == 1);
  CHECK(f["counts"]["not_run"] == 1);
  const Json row = row_of(f, "win_rate", {{"model", "x"}, {"opponent", "*"}});
  CHECK(row["n"] == 4);
  CHECK(row["missing"] == 2);
  CHECK(row["rate"] == 0.75);
  CHECK(row["worst"] == 0.5);
  CHECK(row["best"].get<double>() == doctest::Approx(5.0 / 6));
}

TEST_CASE("the rules of two orders: what an inconsistent item, and a win beside a tie, come to") {
  struct Case {
    const char* rule;
    std::uint64_t n, inconsistent, ties, wins;
    double rate;
  };
  // One consistent win, one inconsistent item, one win beside a tie.
  for (const Case& one : {Case{"tie", 3, 2, 0, 1, (1 + 0.5 + 0.5) / 3}, Case{"mean", 3, 0, 1, 2, (1 + 0.5 + 0.75) / 3},
                          Case{"sum", 3, 0, 1, 2, (1 + 0.5 + 1) / 3}, Case{"drop", 1, 2, 0, 1, 1}}) {
    CAPTURE(one.rule);
    Judged judged(pairwise({{"swap_rule", one.rule}}));
    judged.add(pair_item("1"), both("j", "[[A]]", "[[B]]"));
    judged.add(pair_item("2"), both("j", "[[A]]", "[[A]]"));
    judged.add(pair_item("3"), both("j", "[[A]]", "[[C]]"));
    const Json f = judged.figures();
    const Json row = row_of(f, "win_rate", {{"model", "x"}, {"opponent", "y"}});
    CHECK(row["n"] == one.n);
    CHECK(row["inconsistent"] == one.inconsistent);
    CHECK(row["ties"] == one.ties);
    CHECK(row["wins"] == one.wins);
    CHECK(row["missing"] == 0);
    CHECK(row["rate"].get<double>() == doctest::Approx(one.rate));
    const Json position = row_of(f, "position", {{"judge", "j"}});
    CHECK(position["valid"] == 3);
    CHECK(position["first"] == 1);
    CHECK(position["mixed"] == 1);
  }
}

TEST_CASE("with a baseline only the others have rows; games of a model against itself enter nothing") {
  Judged judged(pairwise({{"baseline", "base"}}));
  judged.add(pair_item("1", "m", "base"), both("j", "[[A]]", "[[B]]"));
  judged.add(pair_item("2", "base", "m"), both("j", "[[A]]", "[[B]]"));
  judged.add(pair_item("3", "base", "base"), both("j", "[[A]]", "[[B]]"));
  const Json f = judged.figures();
  REQUIRE(f["win_rate"].size() == 2);
  CHECK(f["win_rate"][0]["model"] == "m");
  CHECK(f["win_rate"][0]["opponent"] == "*");
  CHECK(f["win_rate"][1]["opponent"] == "base");
  CHECK(f["win_rate"][1]["n"] == 2);
  CHECK(f["win_rate"][1]["rate"] == 0.5);
  for (const Json& row : f["ranking"]) CHECK(row["n"] == 2);
  CHECK(f["notes"].size() == 1);
}

TEST_CASE("a model that only wins has no rating, and the ranking says why") {
  Judged judged(pairwise());
  for (int i = 0; i < 5; ++i) judged.add(pair_item(std::to_string(i)), both("j", "[[A]]", "[[B]]"));
  const Report report = judged.report();
  REQUIRE(report.figures["ranking"].size() == 2);
  const Json& best = report.figures["ranking"][0];
  CHECK(best["model"] == "x");
  CHECK(best["rating"].is_null());
  CHECK(best["why"] == "separated");
  CHECK(best["group"] == 1);
  CHECK(report.figures["ranking"][1]["group"] == 2);
  CHECK(has(text_of(report), "ranking: 2 rows have no rating"));
}

TEST_CASE("the anchor stands at its rating, and Elo follows the order of the games") {
  for (const char* rating : {"bt", "davidson", "elo"}) {
    CAPTURE(rating);
    Judged judged(pairwise({{"rating", rating}, {"anchor", "y:1200"}}));
    for (int i = 0; i < 10; ++i)
      judged.add(pair_item(std::to_string(i)), i % 3 == 0   ? both("j", "[[B]]", "[[A]]")
                                               : i % 3 == 1 ? both("j", "[[C]]", "[[C]]")
                                                            : both("j", "[[A]]", "[[B]]"));
    const Json f = judged.figures();
    CHECK(row_of(f, "ranking", {{"model", "y"}})["rating"].get<double>() == doctest::Approx(1200));
    CHECK(row_of(f, "ranking", {{"model", "x"}})["rating"].is_number());
  }
}

TEST_CASE("a panel: each judge has rows, the panel comes first, agreement has both directions") {
  Judged judged(pairwise({{"judge", "j+k"}, {"quorum", "1"}}));
  const auto add = [&](const char* id, std::vector<Judgement> one, const std::vector<Judgement>& other) {
    one.insert(one.end(), other.begin(), other.end());
    judged.add(pair_item(id), one);
  };
  add("1", both("j", "[[A]]", "[[B]]"), both("k", "[[A]]", "[[B]]"));
  add("2", both("j", "[[A]]", "[[B]]"), both("k", "[[B]]", "[[A]]"));
  add("3", both("j", "[[C]]", "[[C]]"), both("k", "[[A]]", "[[A]]"));
  add("4", both("j", "[[A]]", "[[B]]"), both("k", "?", "?"));
  const Json f = judged.figures();
  CHECK(f["win_rate"][0]["judge"] == "panel");
  CHECK(row_of(f, "win_rate", {{"judge", "k"}, {"model", "x"}})["missing"] == 1);
  CHECK(row_of(f, "win_rate", {{"judge", "panel"}, {"model", "x"}})["missing"] == 0);
  const Json row = row_of(f, "agreement", {{"a", "j"}, {"b", "k"}});
  CHECK(row["n"] == 3);
  CHECK(row["agreement"].get<double>() == doctest::Approx(2.0 / 3));  // an inconsistent item is a tie here
  CHECK(row["n_no_tie"] == 2);
  CHECK(row["agreement_no_tie"] == 0.5);
  CHECK(row_of(f, "agreement", {{"a", "k"}, {"b", "j"}})["agreement"] == row["agreement"]);
  CHECK(f["panel"]["judges"] == 2);
  CHECK(f["panel"]["items"] == 3);
  CHECK(f["panel"]["alpha_metric"] == "nominal");
  CHECK(f["judges"].size() == 2);
  CHECK(row_of(f, "judges", {{"judge", "k"}})["failed"] == 2);
}

TEST_CASE("people: every rater, their majority, rater against rater; a missing cell is missing") {
  Judged judged(pairwise());
  const auto add = [&](const char* id, const char* ab, const char* ba, std::map<std::string, Json> human) {
    JudgeItem item = pair_item(id);
    item.human = std::move(human);
    judged.add(item, both("j", ab, ba));
  };
  add("1", "[[A]]", "[[B]]", {{"ann", "A"}, {"bob", "A"}});
  add("2", "[[A]]", "[[B]]", {{"ann", "B"}, {"bob", "A"}});  // the majority is a tie
  add("3", "[[C]]", "[[C]]", {{"ann", "tie"}});
  add("4", "[[B]]", "[[A]]", {});
  const Json f = judged.figures();
  const auto row = [&](const char* a, const char* b) { return row_of(f, "agreement", {{"a", a}, {"b", b}}); };
  CHECK(row("j", "human:ann")["n"] == 3);
  CHECK(row("j", "human:ann")["agreement"].get<double>() == doctest::Approx(2.0 / 3));
  CHECK(row("j", "human:bob")["n"] == 2);
  CHECK(row("j", "human:bob")["agreement"] == 1.0);
  CHECK(row("human:ann", "human:bob")["n"] == 2);
  CHECK(row("human:ann", "human:bob")["agreement"] == 0.5);
  CHECK(row("j", "human")["n"] == 3);
  CHECK(row("j", "human")["agreement"].get<double>() == doctest::Approx(2.0 / 3));
  CHECK(row("j", "human")["n_no_tie"] == 1);
}

TEST_CASE("gold: right per order, both, consistent; two unread orders are consistent and unscored") {
  Judged judged(pairwise());
  const auto add = [&](const char* id, const char* ab, const char* ba, const char* gold, const char* category) {
    JudgeItem item = pair_item(id);
    item.gold = gold;
    item.category = category;
    judged.add(item, both("j", ab, ba));
  };
  add("1", "[[A]]", "[[B]]", "A", "math");
  add("2", "[[A]]", "[[A]]", "A", "math");
  add("3", "[[B]]", "[[A]]", "A", "code");
  add("4", "?", "?", "A", "code");
  const Json f = judged.figures();
  const Json row = row_of(f, "gold", {{"judge", "j"}, {"category", "*"}});
  CHECK(f["gold"][0]["category"] == "*");
  CHECK(row["items"] == 4);
  CHECK(row["unscored"] == 1);
  CHECK(row["right"] == 1);
  CHECK(row["tie"] == 1);
  CHECK(row["accuracy"].get<double>() == doctest::Approx(1.0 / 3));
  CHECK(row["right_ab"] == 2);
  CHECK(row["right_ba"] == 1);
  CHECK(row["both_right"] == 1);
  CHECK(row["consistent"] == 3);
  CHECK(row["unparsed"] == 2);
  CHECK(row_of(f, "gold", {{"category", "math"}})["items"] == 2);
}

TEST_CASE("scores: everything together first, then by model, turn, category, criterion") {
  Judged judged({{"mode", "score"}, {"judge", "j"}});
  int n = 0;
  for (const char* model : {"m", "o"}) {
    for (const std::uint32_t turn : {1U, 2U}) {
      JudgeItem item;
      item.id = std::to_string(++n);
      item.question = "q";
      item.prediction = "p";
      item.model = model;
      item.category = "math";
      item.turn = turn;
      judged.add(item, {said("j", JudgeOrder::ab, "[[" + std::to_string(2 * n) + "]]")});
    }
  }
  const Json f = judged.figures();
  CHECK(f["scores"][0]["mean"] == 5.0);
  CHECK(f["scores"][0]["model"] == "*");
  CHECK(row_of(f, "scores", {{"model", "m"}, {"category", "*"}, {"turn", "*"}})["mean"] == 3.0);
  CHECK(row_of(f, "scores", {{"model", "o"}, {"category", "*"}, {"turn", 2}})["mean"] == 8.0);
  CHECK(row_of(f, "scores", {{"model", "*"}, {"category", "math"}})["n"] == 4);
  CHECK_FALSE(f.contains("win_rate"));
  CHECK_FALSE(f.contains("position"));
}

TEST_CASE("right and wrong: a score with its interval, its n and its bounds, nothing rounder") {
  Judged judged({{"mode", "binary"}, {"judge", "j"}});
  for (int i = 0; i < 2000; ++i) {
    JudgeItem item;
    item.id = std::to_string(i);
    item.question = "q";
    item.reference = "r";
    item.prediction = "p";
    if (i < 1946) {
      judged.add(item, {said("j", JudgeOrder::ab, i < 1590 ? "1" : "0")});
    } else {
      judged.add(item, {said("j", JudgeOrder::ab, "it depends")});
    }
  }
  const Report report = judged.report();
  const Json& score = report.figures["score"];
  CHECK(score["n"] == 1946);
  CHECK(score["correct"] == 1590);
  CHECK(score["low"].get<double>() == doctest::Approx(0.7992641490).epsilon(1e-9));
  CHECK(score["high"].get<double>() == doctest::Approx(0.8336078183).epsilon(1e-9));
  CHECK(score["worst"] == 0.795);
  CHECK(score["best"] == 0.822);
  CHECK(has(text_of(report), "81.7 % [79.9, 83.4]  n 1,946/2,000  bounds 79.5-82.2"));
}

TEST_CASE("probes enter no other figure") {
  Judged judged(pairwise());
  judged.add(pair_item("1"), both("j", "[[A]]", "[[B]]"));
  JudgeItem same = pair_item("probe/same/1", "x", "x");
  same.probe = "same";
  same.gold = "tie";
  judged.add(same, both("j", "[[A]]", "[[A]]"));
  same.id = "probe/same/2";
  judged.add(same, both("j", "[[C]]", "[[C]]"));
  const Json f = judged.figures();
  CHECK(f["counts"]["runs"] == 1);
  CHECK(f["counts"]["judgements"] == 2);
  CHECK_FALSE(f.contains("gold"));
  const Json row = row_of(f, "probes", {{"judge", "j"}, {"probe", "same"}});
  CHECK(row["n"] == 2);
  CHECK(row["passed"] == 1);
  CHECK(row["rate"] == 0.5);
}

TEST_CASE("self-preference: what answers of the judge's family win under it and under the others") {
  Judged judged(pairwise({{"judge", "openai/gpt-4o+anthropic/claude-3"}, {"quorum", "1"}}));
  for (int i = 0; i < 4; ++i) {
    std::vector<Judgement> all = both("openai/gpt-4o", "[[A]]", "[[B]]");
    const std::vector<Judgement> other =
        i % 2 == 0 ? both("anthropic/claude-3", "[[A]]", "[[B]]") : both("anthropic/claude-3", "[[B]]", "[[A]]");
    all.insert(all.end(), other.begin(), other.end());
    judged.add(pair_item(std::to_string(i), "gpt-3.5", "llama-3"), all);
  }
  const Json f = judged.figures();
  REQUIRE(f["self_preference"].size() == 1);
  const Json& row = f["self_preference"][0];
  CHECK(row["family"] == "openai");
  CHECK(row["n"] == 4);
  CHECK(row["own"] == 1.0);
  CHECK(row["others"] == 0.5);
  CHECK(row["difference"] == 0.5);
}

TEST_CASE("rubric: a criterion that is missing leaves its own row and the mean, no other") {
  Judged judged({{"mode", "rubric"}, {"judge", "j"}, {"scale", "1-5"}, {"rubric", {{"style", "s"}, {"truth", "t"}}}});
  const auto add = [&](const char* id, const char* reply) {
    JudgeItem item;
    item.id = id;
    item.question = "q";
    item.prediction = "p";
    judged.add(item, {said("j", JudgeOrder::ab, reply)});
  };
  add("1", R"({"style": 4, "truth": 2})");
  add("2", R"({"style": 2})");
  const Json f = judged.figures();
  CHECK(f["counts"]["partial"] == 1);
  const auto row = [&](const char* criterion) { return row_of(f, "scores", {{"criterion", criterion}}); };
  CHECK(f["scores"][0]["criterion"] == "*");
  CHECK(row("*")["n"] == 1);
  CHECK(row("*")["missing"] == 1);
  CHECK(row("*")["mean"] == 3.0);
  CHECK(row("style")["n"] == 2);
  CHECK(row("style")["mean"] == 3.0);
  CHECK(row("truth")["missing"] == 1);
  CHECK_FALSE(f.contains("score"));
}

TEST_CASE("what lmms-eval would count stands beside the score, never in it") {
  Judged judged({{"mode", "binary"}, {"judge", "j"}, {"parse", "lmms"}});
  int n = 0;
  for (const char* reply : {"1", "10", "0"}) {
    JudgeItem item;
    item.id = std::to_string(++n);
    item.question = "q";
    item.reference = "r";
    item.prediction = "p";
    judged.add(item, {said("j", JudgeOrder::ab, reply)});
  }
  const Json score = judged.figures()["score"];
  CHECK(score["upstream"].get<double>() == doctest::Approx(2.0 / 3));
  CHECK(score["upstream_n"] == 3);
  CHECK(has(text_of(judged.report()), "as upstream counts it 66.7 % of 3"));
}

TEST_CASE("choices: the score is the mean of their values, its bounds the highest and the lowest") {
  Judged judged({{"mode", "choice"}, {"judge", "j"}, {"choices", "A:2,B:1,C:0"}});
  int n = 0;
  for (const char* reply : {"[[A]]", "[[B]]", "?"}) {
    JudgeItem item;
    item.id = std::to_string(++n);
    item.question = "q";
    item.prediction = "p";
    judged.add(item, {said("j", JudgeOrder::ab, reply)});
  }
  const Json score = judged.figures()["score"];
  CHECK(score["n"] == 2);
  CHECK(score["missing"] == 1);
  CHECK(score["correct"] == 1);
  CHECK(score["value"] == 1.5);
  CHECK(score["worst"] == 1.0);
  CHECK(score["best"].get<double>() == doctest::Approx(5.0 / 3));
}

TEST_CASE("shares of right and wrong stay within 0 and 1 in the table of scores, too") {
  Judged judged({{"mode", "binary"}, {"judge", "j"}});
  for (int i = 0; i < 2; ++i) {
    JudgeItem item;
    item.id = std::to_string(i);
    item.question = "q";
    item.reference = "r";
    item.prediction = "p";
    judged.add(item, {said("j", JudgeOrder::ab, i == 0 ? "1" : "0")});
  }
  const Report report = judged.report();
  REQUIRE(report.figures["scores"].size() > 0);
  for (const Json& row : report.figures["scores"]) {
    CHECK(row["mean"] == 0.5);
    CHECK(row["low"].get<double>() == doctest::Approx(wilson(1, 2).low));
    CHECK(row["high"].get<double>() == doctest::Approx(wilson(1, 2).high));
  }
}

TEST_CASE("the text fits on a screen, whatever there is to say") {
  Judged judged(pairwise({{"judge", "gpt-4+claude-3+gemini"}, {"quorum", "1"}, {"samples", 2}}));
  for (int i = 0; i < 60; ++i) {
    std::vector<Judgement> all;
    int k = 0;
    for (const char* judge : {"gpt-4", "claude-3", "gemini"}) {
      ++k;
      for (const JudgeOrder order : {JudgeOrder::ab, JudgeOrder::ba}) {
        for (std::uint32_t sample = 0; sample < 2; ++sample) {
          const int turn = (i * k + static_cast<int>(sample) + (order == JudgeOrder::ab ? 0 : k)) % 5;
          const char* text = turn < 2 ? "[[A]]" : turn == 2 ? "[[C]]" : turn == 3 ? "[[B]]" : "?";
          all.push_back(said(judge, order, text, sample));
        }
      }
    }
    const char* models[] = {"gpt-3.5", "llama", "mistral", "gemma", "claude-2", "phi", "qwen"};
    JudgeItem item = pair_item(std::to_string(i), models[i % 7], models[(i + 1 + i / 7 % 6) % 7]);
    item.gold = i % 2 == 0 ? "A" : "B";
    item.human = {{"ann", i % 3 == 0 ? "A" : "B"}};
    item.len_a = i + 1;
    judged.add(item, all);
  }
  std::size_t lines = 0;
  for (const auto& block : judged.report().blocks) {
    if (const auto* table = std::get_if<ReportTable>(&block))
      lines += table->shown == 0 ? 0 : std::min(table->rows.size(), table->shown) + 3;
    else if (const auto* chart = std::get_if<ReportChart>(&block))
      lines += chart->series[0].points.size() + 3;
    else
      ++lines;
  }
  CHECK(lines > 10);
  CHECK(lines <= 24);
}

TEST_CASE("without a judgement the report counts the runs and says what to do") {
  Judged judged(pairwise());
  judged.add_not_run(pair_item("1"));
  const Report report = judged.report();
  CHECK(report.figures["counts"]["not_run"] == 1);
  CHECK(report.figures["counts"]["judgements"] == 0);
  CHECK(has(text_of(report), "run_n"));
}
