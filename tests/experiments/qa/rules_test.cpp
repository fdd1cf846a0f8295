// What evaluate, export and the prompts' bounds ask of the kind.

#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "experiments/qa/qa.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/runners/model_room.hpp"

namespace assay {
namespace {

using namespace test;

const std::string kReplies = R"({"id":"1","answer":"B","n_options":4,"out":"The answer is (B)."}
{"id":"2","answer":"C","n_options":4,"out":"Answer: C"}
{"id":"3","answer":"A","n_options":4,"out":"no idea"})";

struct Room : ModelRoom {
  PromptLimits limits;
  std::unique_ptr<Kind> kind = make_qa_kind({client, registry, nullptr, [this] { return limits; }});
  FakeBatch replies(const std::string& name = "x") {
    LoadedBatch loaded = kind->load(text_source("x.jsonl", kReplies), {{"map.reply", "out"}});
    loaded.info.name = name;
    return FakeBatch(std::move(loaded));
  }
  std::string refusal(const std::function<void()>& what) {
    try {
      what();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
};

TEST_CASE("scheme=tiger adds metrics to every reply that it reads, by the same draws each time") {
  Room room;
  const FakeBatch batch = room.replies();
  CHECK_FALSE(room.kind->apply_rule(batch, {}).has_value());
  CHECK_FALSE(room.kind->apply_rule(batch, {{"extract", "tiger_l2"}}).has_value());
  const auto outcome = room.kind->apply_rule(batch, {{"scheme", "tiger"}});
  REQUIRE(outcome.has_value());
  CHECK_FALSE(outcome->as_score);
  CHECK(outcome->scores.size() == 3);
  for (const auto& [run, score] : outcome->scores) {
    CHECK(score.verdict == Verdict::none);
    CHECK(score.metrics.size() == 5);
  }
  CHECK(dump_json(outcome->report.figures["levels"]) == R"({"1":1,"2":1,"3":0,"none":1})");
  CHECK(outcome->report.figures["n"] == 3);
  const auto again = room.kind->apply_rule(batch, {{"scheme", "tiger"}, {"seed", "12345"}});
  CHECK(again->report.figures == outcome->report.figures);
}

TEST_CASE("what evaluate does not take is refused by name, with the nearest") {
  Room room;
  const FakeBatch batch = room.replies();
  const auto rule = [&](const ParameterTexts& given) {
    return room.refusal([&] { static_cast<void>(room.kind->apply_rule(batch, given)); });
  };
  const auto evaluator = [&](const ParameterTexts& given) {
    return room.refusal([&] { static_cast<void>(room.kind->make_evaluator(batch.info(), given)); });
  };
  CHECK(rule({{"scheme", "tigr"}}).find("expected one of tiger") != std::string::npos);
  CHECK(rule({{"scheme", "tiger"}, {"extract", "letter"}}).find("does not go with scheme=tiger") != std::string::npos);
  CHECK(rule({{"scheme", "tiger"}, {"sed", "1"}}).find("did you mean seed?") != std::string::npos);
  CHECK(rule({{"scheme", "tiger"}, {"seed", "x"}}).find("a whole number") != std::string::npos);
  CHECK(evaluator({{"schema", "tiger"}}).find("did you mean scheme?") != std::string::npos);
  CHECK(evaluator({{"seed", "1"}}).find("scheme=tiger") != std::string::npos);
  CHECK(evaluator({{"extract", "mad"}}) == "accepted");
}

TEST_CASE("evaluation asks for no model, whatever the batch is pinned to") {
  Room room;
  room.environment["OPENAI_API_KEY"] = "sk-test";
  const LoadedBatch loaded = room.kind->load(
      text_source("x.jsonl", R"({"question":"Two?","options":["a","b"],"answer":"B"})"), {{"model", "openai/m"}});
  Room other;
  CHECK(other.refusal([&] { static_cast<void>(other.kind->make_runner(loaded.info, {})); }).find("key") !=
        std::string::npos);
  CHECK(other.kind->make_evaluator(loaded.info, {}) != nullptr);
}

TEST_CASE("an export for TIGER holds the COMPLETE runs of its batches and counts the others") {
  Room room;
  const FakeBatch one = room.replies("a/b"), two = room.replies("c");
  FakeBatch open = room.replies("d");
  open.runs()[1].status = Status::fail;
  const ExportedFile file = room.kind->export_runs("tiger", {&one, &two});
  CHECK(file.name == "a%2Fb.json");
  CHECK(file.runs == 6);
  CHECK(file.left_out == 0);
  const Json rows = parse_json(file.text, "tiger");
  REQUIRE(rows.size() == 6);
  CHECK(rows[1]["model_outputs"] == "Answer: C");
  CHECK(rows[1]["pred"] == "C");
  CHECK(rows[1]["answer_index"] == 2);
  CHECK(room.kind->export_runs("tiger", {&open}).left_out == 1);
  CHECK(parse_json(room.kind->export_runs("tiger", {&open}).text, "tiger").size() == 2);
  CHECK_THROWS_AS(room.kind->export_runs("mad", {&one}), Error);
}

TEST_CASE("a prompt is loaded under the bounds that are set at that moment") {
  Room room;
  const auto load = [&] {
    return room.refusal([&] {
      static_cast<void>(room.kind->load(text_source("x.jsonl", R"({"question":"2?","options":["a","b"],"answer":"B"})"),
                                        {{"prompt", "qa_cot"}}));
    });
  };
  CHECK(load() == "accepted");
  room.limits.max_template = 10;
  CHECK(load().find("10 bytes") != std::string::npos);
  room.limits = {};
  room.limits.max_nesting = 1;
  CHECK(load().find("prompt.max_nesting") != std::string::npos);
}

}  // namespace
}  // namespace assay
