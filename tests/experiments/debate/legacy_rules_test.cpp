// The originals' evaluators, faults included.

#include "experiments/debate/legacy_rules.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/text/error.hpp"
#include "experiments/debate/mad_file.hpp"
#include "tests/experiments/debate/debate_files.hpp"

namespace assay {
namespace {

/// One run: an item and the replies of its agents, each after a user message. "-": no reply, only the user message.
FakeBatch debate(const Json& answer, const std::vector<std::vector<std::string>>& agents, const Json& extra = {}) {
  ImportedDebate debate;
  debate.item.id = "1";
  debate.item.question = "?";
  debate.item.answer = answer;
  if (extra.is_object()) debate.item.extra = extra;
  if (answer.is_string() && answer.get<std::string>().size() == 1) debate.item.n_options = 4;
  Json chats = Json::array();
  for (const auto& replies : agents) {
    Json chat = Json::array();
    for (const auto& reply : replies) {
      chat.push_back({{"role", "user"}, {"content", "say the correct option is (X)"}});
      if (reply != "-") chat.push_back({{"role", "assistant"}, {"content", reply}});
    }
    chats.push_back(std::move(chat));
  }
  debate.context = flat_context(chats, false, "test");
  debate.agents = chats.size();
  mark_imported(debate, nullptr);
  return batch_of({std::move(debate)}, Json::object(), "t.json");
}

/// 1, 0, or -1: unscored.
int points(const FakeBatch& batch, const std::string& rule, std::optional<std::uint32_t> round = {}) {
  const RuleOutcome outcome = apply_debate_rule(batch, rule, round, true);
  REQUIRE(outcome.scores.size() == 1);
  const Score& score = outcome.scores[0].second;
  REQUIRE(score.metrics.size() == 1);
  CHECK(score.metrics[0].first == rule);
  const double value = score.metrics[0].second;
  if (std::isnan(value)) {
    CHECK(score.verdict == Verdict::none);
    return -1;
  }
  CHECK(score.verdict == (value == 1 ? Verdict::correct : Verdict::incorrect));
  return static_cast<int>(value);
}

TEST_CASE("mad_mmlu drops what has no answer and takes the first of equals") {
  CHECK(points(debate("A", {{"is (a)"}, {"is (b)"}}), "mad_mmlu") == 1);
  CHECK(points(debate("B", {{"is (a)"}, {"is (b)"}}), "mad_mmlu") == 0);
  CHECK(points(debate("B", {{"hm"}, {"is (b)"}, {"hm"}}), "mad_mmlu") == 1);
  CHECK(points(debate("B", {{"hm"}, {"hm"}}), "mad_mmlu") == 0);
  CHECK(points(debate("B", {{"\\boxed{B}"}}), "mad_mmlu") == 1);
}

TEST_CASE("mad_mmlu reads the message at its place, be it a prompt, and none that is not there") {
  const auto failed = debate("X", {{"-", "is (b)"}});  // user, user, assistant
  CHECK(points(failed, "mad_mmlu", 1) == 1);           // the prompt's own "(X)"
  CHECK(points(failed, "mad_mmlu", 2) == -1);
  CHECK(points(failed, "mad_mmlu", 0) == 0);
  CHECK(points(debate("A", {{"is (a)", "is (b)"}}), "mad_mmlu", 1) == 1);
  CHECK(points(debate("A", {{"is (a)", "is (b)"}}), "mad_mmlu", 2) == 0);
}

TEST_CASE("mad_csqa votes over the stored answers, null votes too, whatever the round") {
  auto batch = debate("A", {{"is (a)"}, {"?"}, {"?"}});
  batch.runs()[0].data["stored_answers"] = Json::array({"A", nullptr, nullptr});
  CHECK(points(batch, "mad_csqa", 7) == 0);
  batch.runs()[0].data["stored_answers"] = Json::array({"A", nullptr, "C"});
  CHECK(points(batch, "mad_csqa") == 1);
  batch.runs()[0].data.erase("stored_answers");  // as export would write them
  CHECK(points(batch, "mad_csqa") == 0);
}

TEST_CASE("critic and synthesizer: the stored answer, else the synthesizer's last box") {
  auto batch = debate("B", {{"is (a)"}});
  batch.mutable_info().params["protocol"] = "critic_synth";
  batch.runs()[0].context.push_back(debate_message("assistant", "\\boxed{A} \\boxed{B}", kSynthesizer, 3));
  CHECK(points(batch, "mad_mmlu", 1) == 1);
  CHECK(points(batch, "mad_csqa") == 0);
  batch.runs()[0].context.back().content = "is (c) or \\boxed{B}";
  CHECK(points(batch, "mad_mmlu") == 0);
  batch.runs()[0].context.back().content = "nothing";
  CHECK(points(batch, "mad_mmlu") == 0);
}

TEST_CASE("du_mmlu is wrong when the last agent says nothing, whatever the others do") {
  CHECK(points(debate("B", {{"(B)"}, {"(B)"}, {"hm"}}), "du_mmlu") == 0);
  CHECK(points(debate("B", {{"hm"}, {"(B)"}, {"(b)"}}), "du_mmlu") == 1);
}

TEST_CASE("du_gsm votes with texts and nulls; a null winner counts as right; the gold is the last digits of its text") {
  CHECK(points(debate(18, {{"\\boxed{18}"}, {"{18.0}"}, {"{18.0}"}}), "du_gsm") == 1);
  CHECK(points(debate(18, {{"{17}"}, {"{18.0}"}, {"{18}"}}), "du_gsm") == 0);
  CHECK(points(debate(18, {{"?"}, {"?"}, {"{17}"}}), "du_gsm") == 1);
  CHECK(points(debate(18, {{"{1.2.3}"}}), "du_gsm") == -1);
  CHECK(points(debate(14000, {{"{14,000}"}}, {{"solution", "#### 14,000"}}), "du_gsm") == 0);
  CHECK(points(debate(14000, {{"{0}"}}, {{"solution", "#### 14,000"}}), "du_gsm") == 1);
}

TEST_CASE("du_arith compares floats and drops what is none") {
  CHECK(points(debate(12, {{"it is 12.0"}, {"12"}, {"13"}}), "du_arith") == 1);
  CHECK(points(debate(12, {{"nan"}, {"nan"}, {"12"}}), "du_arith") == 0);  // the first of votes that equal nothing
  CHECK(points(debate(12, {{"12"}, {"nan"}, {"nan"}}), "du_arith") == 1);
  CHECK(points(debate(12, {{"none"}, {"of them"}}), "du_arith") == -1);
}

TEST_CASE("a run without a gold, or that has not come to its end, is no right or wrong one") {
  CHECK(points(debate(nullptr, {{"is (a)"}}), "mad_mmlu") == -1);
  auto batch = debate("A", {{"is (a)"}});
  batch.runs()[0].status = Status::fail;
  CHECK(apply_debate_rule(batch, "mad_mmlu", {}, false).scores.empty());
  CHECK_THROWS_WITH_AS(apply_debate_rule(batch, "mad_mmul", {}, false), "rule=mad_mmul is not known", Error);
}

TEST_CASE("system messages don't move the place of a reply") {
  auto batch = debate("A", {{"is (a)", "is (b)"}});
  auto& context = batch.runs()[0].context;
  context.insert(context.begin(), debate_message("system", "be kind", 0, 0));
  CHECK(points(batch, "mad_mmlu", 1) == 1);
}

std::vector<std::string> lines_of(const RuleOutcome& outcome) {
  std::vector<std::string> lines;
  for (const auto& block : outcome.report.blocks) lines.push_back(std::get<ReportText>(block).text);
  return lines;
}

TEST_CASE("what a rule can't read is said, and no figure is made of it") {
  const auto batch = debate("A", {{"is (a)"}});
  CHECK(lines_of(apply_debate_rule(batch, "mad_mmlu", 3, false)) ==
        std::vector<std::string>{"total questions: 1",
                                 "unscored under mad_mmlu: 1 debate in which an agent has no message in round 3, or "
                                 "without a number or right answer to compare"});
}

std::optional<FakeBatch> load_mad(const std::string& name, const std::string& protocol = "collaborative") {
  const auto path = shared_debate(name);
  if (!path) return std::nullopt;
  std::vector<std::string> warnings;
  return batch_of(read_mad_file({name, *path, std::nullopt}, protocol, warnings), {{"protocol", protocol}}, name);
}

void check_rule(const FakeBatch& batch, const std::string& rule, std::optional<std::uint32_t> round, const Json& want) {
  const Json got = apply_debate_rule(batch, rule, round, false).report.figures;
  CAPTURE(dump_json(want));
  CHECK(got["n"] == want["n"]);
  CHECK(got["correct"] == want["correct"]);
  CHECK(got["mean"] == want["mean"]);
  CHECK(std::fabs(got["stderr"].get<double>() - want["stderr"].get<double>()) < 1e-15);
  if (!want.contains("categories")) return;
  CHECK(got["categories"].size() == want["categories"].size());
  for (const Json& category : got["categories"]) {
    CHECK(want["categories"].at(category["category"].get<std::string>()) == Json{category["correct"], category["n"]});
  }
}

TEST_CASE("MAD's figures come out of its files") {
  const auto expected = expected_debate();
  if (!expected) return;
  for (const auto& [name, protocol] :
       {std::pair{"gen", "collaborative"}, {"synth", "critic_synth"}, {"debate", "adversarial"}}) {
    const auto batch = load_mad(std::string("mad/golden/") + name + ".json.gz", protocol);
    if (!batch) return;
    for (const auto& [round, want] : (*expected)["golden"][name]["rule=mad_mmlu"].items()) {
      const auto k = round == "final" ? 0U : static_cast<std::uint32_t>(round.back() - '0');
      check_rule(*batch, "mad_mmlu", k, want);
    }
  }
  if (const auto batch = load_mad("mad/replay_A.json.gz")) {
    check_rule(*batch, "mad_mmlu", {}, (*expected)["replay_A"]["rule=mad_mmlu"]);
  }
}

TEST_CASE("awkward records are printed as the upstream evaluators print them") {
  const auto expected = expected_debate();
  const auto batch = load_mad("vectors/mad_awkward.json");
  if (!expected || !batch) return;
  for (const auto& [rule, rounds] : (*expected)["mad_awkward"]["lines of the upstream evaluators by --round"].items()) {
    for (const auto& [round, lines] : rounds.items()) {
      const auto k = static_cast<std::uint32_t>(std::stoul(round));
      CHECK(Json(lines_of(apply_debate_rule(*batch, rule, k, false))) == lines);
    }
  }
}

}  // namespace
}  // namespace assay
