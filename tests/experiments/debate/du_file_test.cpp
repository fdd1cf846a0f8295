// Transcripts of Du et al.

#include "experiments/debate/du_file.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "experiments/debate/legacy_rules.hpp"
#include "tests/experiments/debate/debate_files.hpp"

namespace assay {
namespace {

std::vector<ImportedDebate> read(const std::string& text, std::size_t n_options = 0) {
  std::vector<std::string> warnings;
  return read_du_file(source_of(text, "g.json"), n_options, warnings);
}

TEST_CASE("a question is the key, its id the position; chats become rounds; what follows the gold is ignored") {
  const auto debates = read(R"({"How many?": [[[{"role":"user","content":"u"},{"role":"assistant","content":"4"}],
      [{"role":"user","content":"u"}]], "2 + 2\n#### 1,004", "more"], "And?": [[], 7], "Text?": [[], "D"]})");
  REQUIRE(debates.size() == 3);
  CHECK(debates[0].item.id == "1");
  CHECK(debates[0].item.question == "How many?");
  CHECK(debates[0].item.answer == 1004);
  CHECK(debates[0].item.extra["solution"] == "2 + 2\n#### 1,004");
  CHECK(debates[0].agents == 2);
  CHECK(debates[0].context.size() == 3);
  CHECK(debates[0].context[2].more == Json{{"agent", 1}, {"round", 1}});
  CHECK(debates[1].item.answer == 7);
  CHECK(debates[2].item.answer == "D");
  CHECK(debates[2].item.id == "3");
}

TEST_CASE("letters are letters when the number of options is given; without it a warning says how") {
  CHECK(read(R"({"?": [[], "D"]})", 4)[0].item.n_options == 4);
  CHECK_THROWS_WITH(read(R"({"?": [[], "E"]})", 4),
                    "g.json, debate 1: the right answer is \"E\", expected one of A to D (n_options=4)");
  std::vector<std::string> warnings;
  read_du_file(source_of(R"({"?": [[], "D"]})", "g.json"), 0, warnings);
  CHECK(warnings.size() == 1);
}

TEST_CASE("what is no such transcript is refused with its place") {
  for (const auto& [text, message] : {
           std::pair{"[1]", "g.json: it is no object"},
           {"{}", "g.json: it holds no debate"},
           {R"({"?": {"agent_contexts": []}})", "g.json: it is a result file of MAD"},
           {R"({"?": [[]]})", "g.json, debate 1: it is no list of chats and right answer"},
           {R"({"?": [[], "#### many"]})",
            "g.json, debate 1: the right answer is \"#### many\", expected a number after ####"},
           {R"({"?": [4, "A"]})",
            "g.json, debate 1: the chats are no list, expected a list with one chat for each agent"},
       }) {
    CHECK_THROWS_WITH_AS(read(text), message, Error);
  }
}

TEST_CASE("recorded debates of MMLU and GSM8K give the originals' figures") {
  const auto expected = expected_debate();
  if (!expected) return;
  for (const auto& [name, n_options, rule] :
       {std::tuple{"calico_mmlu_first40", 4U, "du_mmlu"}, std::tuple{"tt_gsm_first30", 0U, "du_gsm"}}) {
    const auto path = shared_debate(std::string("transcripts/") + name + ".json.gz");
    if (!path) continue;
    std::vector<std::string> warnings;
    const auto batch = batch_of(read_du_file({name, *path, std::nullopt}, n_options, warnings), Json::object(), name);
    CHECK(warnings.empty());
    const Json& want = (*expected)[name][std::string("rule=") + rule];
    CHECK(batch.size() == (*expected)[name]["questions"]);
    CHECK(apply_debate_rule(batch, rule, 1, false).report.figures["correct"] == want["round_1"]);
    CHECK(apply_debate_rule(batch, rule, 2, false).report.figures["correct"] == want["round_2"]);
  }
}

}  // namespace
}  // namespace assay
