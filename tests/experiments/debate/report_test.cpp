// What a batch of debates came to.

#include "experiments/debate/report.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "experiments/debate/du_file.hpp"
#include "experiments/debate/mad_file.hpp"
#include "tests/experiments/debate/debate_files.hpp"

namespace assay {
namespace {

/// A run of two agents; replies[round][agent], "" for none, "-" for none after a message.
NewRun held(const std::string& id, const Json& answer, const std::vector<std::vector<std::string>>& replies,
            Status status = Status::complete) {
  Item item;
  item.id = id;
  item.question = "?";
  item.options = {"one", "two", "three"};
  item.n_options = 3;
  item.answer = answer;
  item.category = "c";
  NewRun run;
  run.id = id;
  run.data = to_data(item, Json::object());
  run.status = status;
  for (std::uint32_t round = 1; round <= replies.size(); ++round) {
    for (std::size_t agent = 0; agent < replies[round - 1].size(); ++agent) {
      const std::string& reply = replies[round - 1][agent];
      if (reply.empty()) continue;
      run.context.push_back(debate_message("user", "go", agent, round));
      if (reply != "-") run.context.push_back(debate_message("assistant", "Answer: " + reply, agent, round));
    }
  }
  return run;
}

FakeBatch batch_with(std::vector<NewRun> runs, Json params = Json::object()) {
  BatchInfo info;
  info.name = "b";
  info.params = std::move(params);
  info.params["agents"] = 2;
  info.pinned["agents"] = {{{"name", "Ann"}}, {{"name", "Ben"}}};
  FakeBatch batch(std::move(info), std::move(runs));
  evaluate(batch);
  return batch;
}

std::string text_of(const Report& report) {
  std::string text;
  for (const auto& block : report.blocks) {
    if (const auto* line = std::get_if<ReportText>(&block)) text += line->text + "\n";
  }
  return text;
}

CallRecord call(std::uint32_t attempt, std::uint32_t step, std::uint32_t tries, std::int64_t in, std::int64_t out,
                Pico cost) {
  CallRecord record;
  record.attempt = attempt;
  record.step = step;
  record.last_try.number = tries;
  record.usage.in = in;
  record.usage.out = out;
  record.cost = cost;
  return record;
}

TEST_CASE("rounds, flips and baselines count agents and questions") {
  const auto batch = batch_with({held("1", "A", {{"A", "B"}, {"A", "A"}}),    // tied, first right; then one mind
                                 held("2", "A", {{"B", "A"}, {"A", "who"}}),  // gained; one says nothing
                                 held("3", "C", {{"C", "C"}, {"B", "C"}})});  // lost
  const Json f = debate_report(batch).figures;
  CHECK(f["n"] == 3);
  CHECK(f["correct"] == 2);
  const Json& one = f["rounds"][0];
  CHECK(one["correct"] == 2);
  CHECK(one["per_agent"] ==
        Json{{{"n", 3}, {"correct", 2}, {"accuracy", 2.0 / 3}}, {{"n", 3}, {"correct", 2}, {"accuracy", 2.0 / 3}}});
  CHECK(one["tied"] == 2);
  CHECK(one["unanimous"] == 1);
  CHECK(one["disagree"] == 2);
  CHECK(one["any_correct"] == 3);
  CHECK(one["unextracted"] == 0);
  const Json& two = f["rounds"][1];
  CHECK(two["correct"] == 2);
  CHECK(two["unextracted"] == 1);
  CHECK(two["unanimous"] == 1);  // a missing answer is no agreement
  CHECK(two["disagree"] == 1);
  CHECK(f["flips"] == Json{{{"from", 1},
                            {"to", 2},
                            {"right->right", 2},
                            {"right->wrong", 2},
                            {"wrong->right", 2},
                            {"wrong->wrong", 0}}});
  CHECK(f["question_flips"] == Json{{{"from", 1}, {"to", 2}, {"gained", 1}, {"lost", 1}, {"p_exact", 1.0}}});
  CHECK(f["effect"]["difference"] == 0.0);
  CHECK(f["effect"]["ci95"][0].get<double>() < 0);
  CHECK(f["baselines"] == Json{{"single", 2.0 / 3}, {"self_consistency", 2.0 / 3}, {"debate", 2.0 / 3}});
  CHECK(f["categories"].size() == 1);
}

TEST_CASE("a debate that ended early is carried forward; one that failed is missing, and is no wrong answer") {
  auto batch = batch_with({held("1", "A", {{"A", "A"}}), held("2", "A", {{"B", "A"}, {"A", "A"}}),
                           held("3", "A", {{"B", "B"}}, Status::fail), held("4", "A", {}, Status::ready),
                           held("5", "A", {{"B", "B"}, {"-", "-"}, {"A", "A"}})});
  const Report report = debate_report(batch);
  const Json& f = report.figures;
  CHECK(f["n"] == 5);
  CHECK(f["scored"] == 3);
  CHECK(f["failed"] == 1);
  CHECK(f["not_run"] == 1);
  CHECK(f["accuracy"] == 1.0);
  CHECK(f["bounds"] == Json::array({0.6, 1.0}));
  const auto row = [&](std::size_t i, const char* key) { return f["rounds"][i][key]; };
  CHECK(row(0, "n") == 4);
  CHECK(row(0, "missing") == 0);
  CHECK(row(1, "n") == 2);  // 1 is carried, 3 and 5 failed there
  CHECK(row(1, "carried") == 1);
  CHECK(row(1, "missing") == 2);
  CHECK(row(1, "correct") == 2);
  CHECK(row(2, "n") == 3);
  CHECK(row(2, "carried") == 2);
  CHECK(row(2, "missing") == 1);
  CHECK(text_of(report).find("the accuracy leaves out 1 failed, 1 not run, 0 unscored; in it, 0 questions without an "
                             "answer count as wrong; with all of these it lies between 60.0 % and 100.0 %") !=
        std::string::npos);
}

TEST_CASE("an agent that was dropped from a round is neither right nor wrong there") {
  const auto batch = batch_with({held("1", "A", {{"A", "A"}, {"A", ""}})});
  const Json f = debate_report(batch).figures;
  CHECK(f["dropped"] == 1);
  CHECK(f["rounds"][1]["dropped"] == 1);
  CHECK(f["rounds"][1]["per_agent"][1] == Json{{"n", 0}, {"correct", 0}, {"accuracy", nullptr}});
  CHECK(f["flips"][0]["right->right"] == 1);
  CHECK(f["flips"][0]["right->wrong"] == 0);
  CHECK(f["rounds"][1]["unextracted"] == 0);
}

TEST_CASE("early stop: what each rule would have cost and scored") {
  const auto batch = batch_with(
      {held("1", "A", {{"A", "A"}, {"B", "B"}, {"B", "B"}}), held("2", "A", {{"B", "A"}, {"B", "C"}, {"A", "A"}})});
  const Json f = debate_report(batch).figures;
  const Json want{{"calls", 8}, {"calls_without", 12}, {"correct", 2}};
  CHECK(f["early_stop"] == Json{{"unanimous", want}, {"votes:2", want}});
  const auto later = batch_with({held("1", "A", {{"A", "A"}, {"B", "B"}, {"B", "B"}})}, {{"min_rounds", 2}});
  CHECK(debate_report(later).figures["early_stop"]["unanimous"] ==
        Json{{"calls", 4}, {"calls_without", 6}, {"correct", 0}});
}

TEST_CASE("the same replies under other rules; numbers have rules of their own") {
  auto batch = batch_with({held("1", "A", {{"A", "A"}})});
  batch.runs()[0].context.back().content = "it is (b)";
  const Json f = debate_report(batch).figures;
  CHECK(f["rules"]["letter"]["correct"] == 1);
  CHECK(f["rules"]["mad_eval"] ==
        Json{{"n", 1}, {"correct", 0}, {"accuracy", 0.0}, {"unextracted", 1}, {"no_answer", 0}});
  CHECK(f["rules"].size() == 4);
  NewRun sum = held("2", 4, {{"4", "5"}});
  for (const char* key : {"options", "labels", "n_options"}) sum.data.erase(key);
  const Json numbers = debate_report(batch_with({sum})).figures["rules"];
  CHECK(numbers.size() == 2);
  CHECK(numbers["gsm8k"]["correct"] == 1);
  CHECK(numbers["du_gsm"]["correct"] == 1);
}

TEST_CASE("cost: tries of the newest attempt, money of all of them, by round and for a right answer") {
  auto batch = batch_with({held("1", "A", {{"A", "B"}, {"A", "A"}}), held("2", "B", {{"A", "A"}, {"A", "A"}})});
  const Pico dollar = 1'000'000'000'000;
  batch.calls_of(0) = {call(1, 1, 1, 50, 5, dollar), call(2, 1, 2, 10, 1, dollar), call(2, 1, 1, 20, 2, 0),
                       call(2, 2, 1, 30, 3, dollar)};
  const Json f = debate_report(batch).figures;
  CHECK(f["rounds"][0]["calls"] == 3 + 2);  // of the second run nothing is recorded: its replies
  CHECK(f["rounds"][0]["tokens_in"] == 30);
  CHECK(f["rounds"][0]["cost_usd"] == 2.0);
  CHECK(f["rounds"][1]["calls"] == 1 + 2);
  CHECK(f["cost"]["calls"] == 8);
  CHECK(f["cost"]["tokens"] == 66);
  CHECK(f["cost"]["cost_usd"] == 3.0);
  CHECK(f["cost"]["calls_per_correct"] == 8.0);
  CHECK(f["cost"]["cost_per_correct"] == 3.0);
  CHECK(f["cost"]["round_1"]["calls"] == 5);
  CHECK(f["cost"]["round_1"]["tokens_per_correct"] == 33.0);
}

TEST_CASE("nothing right, nothing recorded: null, and never a division by zero") {
  const Report report = debate_report(batch_with({held("1", "C", {{"A", "A"}})}));
  const Json& cost = report.figures["cost"];
  CHECK(cost["calls"] == 2);
  for (const char* key : {"calls_per_correct", "tokens", "cost_usd", "cost_per_correct"}) CHECK(cost[key].is_null());
  CHECK(text_of(report).find("no call is recorded here: replies are counted instead") != std::string::npos);
  CHECK(report.figures["effect"].is_null());
  const Report empty = debate_report(batch_with({held("1", "C", {}, Status::ready)}));
  CHECK(empty.figures["rounds"].empty());
  CHECK(empty.figures["accuracy"].is_null());
}

TEST_CASE("beside a judge's verdict stands the vote of the debaters; a judge that is asked at the end counts there") {
  const Json params{{"protocol", "adversarial"}, {"aggregate", "judge"}};
  auto batch = batch_with({held("1", "B", {{"A", ""}, {"A", "B"}})}, params);
  const Json f = debate_report(batch).figures;
  CHECK(f["correct"] == 1);
  CHECK(f["majority"] == Json{{"n", 1}, {"correct", 0}, {"accuracy", 0.0}});
  CHECK(f["rounds"][0]["scored"] == 0);
  CHECK(f["rounds"][0]["accuracy"].is_null());
  CHECK(f["rounds"][0]["dropped"] == 0);
  CHECK(f["rounds"][0]["per_agent"][1]["n"] == 0);
  CHECK(f["rounds"][1]["correct"] == 1);
}

TEST_CASE("critic and synthesizer: solutions and synthesis have answers, the critique has a cost") {
  NewRun run = held("1", "A", {{"B", "A"}});
  run.context.push_back(debate_message("assistant", "hm", kCritic, 2));
  run.context.push_back(debate_message("assistant", "Answer: A", kSynthesizer, 3));
  const Report report = debate_report(batch_with({run}, {{"protocol", "critic_synth"}}));
  const Json& f = report.figures;
  CHECK(f["correct"] == 1);
  REQUIRE(f["rounds"].size() == 3);
  CHECK(f["rounds"][0]["correct"] == 0);
  CHECK(f["rounds"][1]["phase"] == "critique");
  CHECK(f["rounds"][1]["calls"] == 1);
  CHECK(f["rounds"][2]["correct"] == 1);
  CHECK(f["rounds"][2]["missing"] == 0);
  CHECK(f["question_flips"][0]["gained"] == 1);
  CHECK(f["flips"][0]["wrong->right"] == 0);
  CHECK(f["early_stop"].empty());
}

TEST_CASE("the chart of accuracies has intervals and an agent's line each; the flips are parts of a whole") {
  const Report report =
      debate_report(batch_with({held("1", "A", {{"A", "B"}, {"A", "A"}}), held("2", "A", {{"B", "B"}, {"A", "A"}})}));
  std::vector<ReportChart> charts;
  for (const auto& block : report.blocks) {
    if (const auto* chart = std::get_if<ReportChart>(&block)) charts.push_back(*chart);
  }
  REQUIRE(charts.size() == 2);
  REQUIRE(charts[0].series.size() == 3);
  CHECK(charts[0].series[1].name == "Ann");
  REQUIRE(charts[0].series[0].points.size() == 2);
  CHECK(charts[0].series[0].points[0].value == 0.5);
  CHECK(charts[0].series[0].points[0].low < 0.5);
  CHECK(charts[1].stacked);
  CHECK(charts[1].series.size() == 4);
}

/// Every figure of an expected block.
void check_block(const FakeBatch& batch, const Json& want) {
  const Json f = debate_report(batch).figures;
  const bool by_round = want.contains("round_1");
  for (const Json& round : f["rounds"]) {
    const std::size_t k = round["round"].get<std::size_t>();
    const Json& block = by_round ? want.at("round_" + std::to_string(k)) : want;
    CAPTURE(k);
    CHECK(round["correct"] == block["majority_correct"]);
    for (const char* key : {"unextracted", "no_answer", "unanimous", "disagree", "any_correct", "tied"}) {
      CAPTURE(key);
      CHECK(round[key] == block[key]);
    }
    REQUIRE(round["per_agent"].size() == block["per_agent_correct"].size());
    for (std::size_t i = 0; i < round["per_agent"].size(); ++i) {
      CHECK(round["per_agent"][i]["correct"] == block["per_agent_correct"][i]);
    }
    if (!block.contains("flips")) continue;
    for (const auto& [kind, count] : block["flips"].items()) CHECK(f["flips"][k - 2][kind] == count);
    const Json& questions = f["question_flips"][k - 2];
    CHECK(questions["gained"] == block["question_flips"]["gained"]);
    CHECK(questions["lost"] == block["question_flips"]["lost"]);
    CHECK(std::fabs(questions["p_exact"].get<double>() - block["question_flips"]["p_exact"].get<double>()) < 1e-12);
  }
  if (want.contains("stop_unanimous")) CHECK(f["early_stop"]["unanimous"] == want["stop_unanimous"]);
}

TEST_CASE("recorded debates give the expected figures by round under each extraction rule") {
  const auto expected = expected_debate();
  if (!expected) return;
  const auto check = [&](const std::string& file, const std::string& protocol, std::size_t n_options,
                         const Json& blocks) {
    const auto path = shared_debate(file);
    if (!path) return;
    for (const auto& [rule, want] : blocks.items()) {
      const std::string prefix = "rule=majority extract=";
      if (!rule.starts_with(prefix)) continue;
      CAPTURE(file);
      CAPTURE(rule);
      std::vector<std::string> warnings;
      const Source source{file, *path, std::nullopt};
      auto debates = n_options > 0 || file.find("gsm") != std::string::npos ? read_du_file(source, n_options, warnings)
                                                                            : read_mad_file(source, protocol, warnings);
      check_block(
          batch_of(std::move(debates),
                   {{"protocol", protocol}, {"aggregate", "majority"}, {"extract", rule.substr(prefix.size())}}, file),
          want);
    }
  };
  check("mad/golden/gen.json.gz", "collaborative", 0, (*expected)["golden"]["gen"]);
  check("mad/golden/debate.json.gz", "adversarial", 0, (*expected)["golden"]["debate"]);
  check("mad/replay_A.json.gz", "collaborative", 0, (*expected)["replay_A"]);
  check("transcripts/calico_mmlu_first40.json.gz", "collaborative", 4, (*expected)["calico_mmlu_first40"]);
  check("transcripts/tt_gsm_first30.json.gz", "collaborative", 0, (*expected)["tt_gsm_first30"]);
}

TEST_CASE("the golden debates' report: calls, baselines, the judge's answer, calls for a right answer") {
  const auto expected = expected_debate();
  const auto gen = shared_debate("mad/golden/gen.json.gz"), judged = shared_debate("mad/golden/debate.json.gz");
  if (!expected || !gen || !judged) return;
  std::vector<std::string> warnings;
  Json f = debate_report(batch_of(read_mad_file({"gen.json", *gen, std::nullopt}, "collaborative", warnings),
                                  {{"protocol", "collaborative"}, {"extract", "letter"}}, "gen.json"))
               .figures;
  CHECK(f["cost"]["calls"] == 225);
  CHECK(f["cost"]["calls_per_correct"] == 15.0);
  CHECK(f["baselines"]["self_consistency"] == 0.72);
  CHECK(f["baselines"]["single"].get<double>() == doctest::Approx(40.0 / 75));
  CHECK(f["baselines"]["debate"] == 0.6);
  CHECK(f["effect"]["difference"].get<double>() == doctest::Approx(-0.12));
  f = debate_report(batch_of(read_mad_file({"d.json", *judged, std::nullopt}, "adversarial", warnings),
                             {{"protocol", "adversarial"}, {"extract", "letter"}}, "d.json"))
          .figures;
  CHECK(f["correct"] == (*expected)["golden"]["debate"]["aggregate=judge extract=letter"]["correct"]);
  CHECK(f["unextracted"] == (*expected)["golden"]["debate"]["aggregate=judge extract=letter"]["unextracted"]);
}

TEST_CASE("awkward records: by the default rule no prompt is ever scored") {
  const auto path = shared_debate("vectors/mad_awkward.json");
  if (!path) return;
  std::vector<std::string> warnings;
  const auto batch = batch_of(read_mad_file({"a.json", *path, std::nullopt}, "collaborative", warnings),
                              {{"protocol", "collaborative"}}, "a.json");
  const Json f = debate_report(batch).figures;
  CHECK(f["rounds"][1]["missing"] == 1);  // "failed round"
  for (const NewRun& run : batch.all()) {
    for (const Json& round : run.answer["rounds"]) {
      for (const Json& value : round["values"]) CHECK(value != "X");
    }
  }
}

}  // namespace
}  // namespace assay
