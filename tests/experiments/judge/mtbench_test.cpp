#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "core/text/error.hpp"
#include "experiments/judge/prompts.hpp"
#include "runners/prompt/sha256.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/experiments/judge/shared_judge.hpp"

using namespace assay;

namespace {

/// A folder of three questions, one of them of a single turn, and two models, one of which lacks an answer.
class BenchFolder {
 public:
  BenchFolder() {
    write("question.jsonl",
          R"({"question_id": 1, "category": "math", "turns": ["Q1", "Q1b"]}
{"question_id": 2, "category": "writing", "turns": ["Q2", "Q2b"]}
{"question_id": "x", "turns": ["Qx"]}
)");
    write("model_answer/m1.jsonl",
          R"({"question_id": 1, "choices": [{"index": 0, "turns": ["a1", "a1b"]}]}
{"question_id": 2, "choices": [{"index": 0, "turns": ["a2", "a2b"]}]}
{"question_id": "x", "choices": [{"index": 0, "turns": ["ax"]}]}
)");
    write("model_answer/m2.jsonl",
          R"({"question_id": 1, "choices": [{"index": 0, "turns": ["b1", "b1b"]}]}
{"question_id": 2, "choices": [{"index": 0, "turns": ["b2"]}]}
)");
    write("reference_answer/gpt-4.jsonl", R"({"question_id": 1, "choices": [{"turns": ["r1", "r1b"]}]})");
  }
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::vector<JudgeItem> read(JudgeMode mode, const std::string& models = {}, std::uint32_t turn = 0,
                              const std::string& baseline = {}) {
    warnings.clear();
    return read_mtbench(folder_.path(""), models, turn, mode, baseline, warnings);
  }
  std::vector<std::string> warnings;

 private:
  TemporaryFolder folder_;
};

std::string ids(const std::vector<JudgeItem>& items) {
  std::string all;
  for (const JudgeItem& item : items) all += (all.empty() ? "" : " ") + item.id;
  return all;
}

template <typename Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.message();
  }
  return "nothing thrown";
}

/// item id and order -> SHA-256 of the user prompt, of one test of the expected figures.
std::map<std::pair<std::string, std::string>, std::string> expected_prompts(const std::string& path,
                                                                            const std::string& test) {
  std::map<std::pair<std::string, std::string>, std::string> prompts;
  const Json expected = parse_json(read_file(path), "expected.json");
  for (const Json& one : expected["tests"]) {
    if (one["name"] != test) continue;
    for (const Json& row : one["export"]["data"]) {
      prompts[{row[0].get<std::string>(), row.size() > 2 ? row[1].get<std::string>() : "ab"}] =
          row.back().get<std::string>();
    }
  }
  return prompts;
}

struct Bench {
  std::map<std::string, JudgeItem> items;
  std::unique_ptr<JudgePrompt> prompt;
  std::string user(const std::string& id, JudgeOrder order) const {
    return prompt->messages(items.at(id), order, "000000").back().text();
  }
};

Bench shared_bench(const std::string& folder, JudgeMode mode, const std::string& models) {
  Bench bench;
  std::vector<std::string> warnings;
  const auto items = read_mtbench(folder, models, 0, mode, "", warnings);
  CHECK(warnings.empty());
  JudgeSettings settings = judge_settings({{"mode", std::string(to_text(mode))}});
  bench.prompt = std::make_unique<JudgePrompt>(
      pin_judge_prompt(folder + "/judge_prompts.jsonl", settings, items, {}, warnings), settings, PromptLimits{});
  CHECK(warnings.empty());
  for (const JudgeItem& item : items) bench.items.emplace(item.id, item);
  CHECK(bench.items.size() == items.size());
  return bench;
}

}  // namespace

TEST_CASE("an MT-Bench folder gives an item per question and turn, of pairs that are complete") {
  BenchFolder folder;
  const auto pairs = folder.read(JudgeMode::pairwise);
  CHECK(ids(pairs) == "1/1 2/1 1/2");
  CHECK(folder.warnings == std::vector<std::string>{"m2 has no answer to 2 questions, left out: 2/2, x/1"});
  const JudgeItem& second = pairs[2];
  CHECK(second.question == "Q1b");
  CHECK(second.turn == 2);
  CHECK(second.turns == std::vector<std::string>{"Q1", "Q1b"});
  CHECK(second.response1 == "a1b");
  CHECK(second.responses2 == std::vector<std::string>{"b1", "b1b"});
  CHECK(second.reference == "r1b");
  CHECK(second.references == std::vector<std::string>{"r1", "r1b"});
  CHECK(second.model_a == "m1");
  CHECK(second.model_b == "m2");
  CHECK(second.category == "math");
  CHECK(second.cluster == 1);
  CHECK(second.len_a == 3);
  CHECK(pairs[0].turns.empty());
  CHECK(pairs[0].reference == "r1");
  CHECK_FALSE(pairs[1].reference);
}

TEST_CASE("models= names and orders them, turn= limits, one answer has its model in the id") {
  BenchFolder folder;
  CHECK(folder.read(JudgeMode::pairwise, "m2+m1").front().response1 == "b1");
  CHECK(ids(folder.read(JudgeMode::pairwise, "", 2)) == "1/2");
  CHECK(ids(folder.read(JudgeMode::score, "m1")) == "1/1/m1 2/1/m1 x/1/m1 1/2/m1 2/2/m1");
  CHECK(folder.warnings.empty());
  const auto both = folder.read(JudgeMode::score);
  CHECK(ids(both) == "1/1/m1 2/1/m1 x/1/m1 1/1/m2 2/1/m2 1/2/m1 2/2/m1 1/2/m2");
  CHECK(both[0].prediction == "a1");
  CHECK(both[0].model == "m1");
}

TEST_CASE("three models give every pair, or those with the baseline") {
  BenchFolder folder;
  folder.write("model_answer/m3.jsonl.gz", R"({"question_id": 1, "choices": [{"turns": ["c1", "c1b"]}]})");
  CHECK(ids(folder.read(JudgeMode::pairwise, "", 1)) == "1/1/m1+m2 2/1/m1+m2 1/1/m1+m3 1/1/m2+m3");
  CHECK(ids(folder.read(JudgeMode::pairwise, "", 1, "m3")) == "1/1/m1+m3 1/1/m2+m3");
  CHECK(message_of([&] { folder.read(JudgeMode::pairwise, "", 1, "m9"); }) == "baseline=m9 is none of the models");
}

TEST_CASE("what an MT-Bench folder gets wrong is said with its place") {
  BenchFolder folder;
  CHECK(message_of([&] { folder.read(JudgeMode::pairwise, "m1"); }) == "mode=pairwise needs the answers of two models");
  CHECK(message_of([&] { folder.read(JudgeMode::score, "m7"); }).starts_with("no model_answer/m7.jsonl in "));
  folder.write("model_answer/m3.jsonl", R"({"question_id": 1, "choices": []})");
  CHECK(message_of([&] { folder.read(JudgeMode::score, "m3"); }) == "an answer without choices");
  folder.write("question.jsonl",
               "{\"question_id\": 1, \"turns\": [\"a\"]}\n{\"question_id\": 1, \"turns\": [\"b\"]}\n");
  CHECK(message_of([&] { folder.read(JudgeMode::score, "m1"); }) == "the question 1 is there twice");
  folder.write("question.jsonl", R"({"question_id": 1, "turns": "a"})");
  CHECK(message_of([&] { folder.read(JudgeMode::score, "m1"); }) == "turns: expected a list of texts");
  std::vector<std::string> warnings;
  CHECK(message_of([&] { read_mtbench("/nowhere", "", 0, JudgeMode::score, "", warnings); }) == "no question.jsonl");
}

TEST_CASE("the 150 pairwise prompts of a recorded MT-Bench run are built again byte for byte") {
  const auto folder = shared_judge("mtbench_phi3"), expected = shared_judge("expected.json");
  if (!folder || !expected) return;
  const Bench bench = shared_bench(*folder, JudgeMode::pairwise, "phi-3+phi-3-dpo");
  const auto prompts = expected_prompts(*expected, "mtbench-prompts-pair");
  CHECK(prompts.size() == 150);
  for (const auto& [key, digest] : prompts) {
    CAPTURE(key.first);
    CHECK(sha256_hex(bench.user(key.first, key.second == "ab" ? JudgeOrder::ab : JudgeOrder::ba)) == digest);
  }
  std::size_t equal = 0;
  const auto recorded = rows_of(*folder + "/model_judgment/gpt-4_pair.jsonl.gz");
  for (const Json& row : recorded) {
    const std::string id = row["question_id"].dump() + "/" + row["turn"].dump();
    equal += bench.user(id, JudgeOrder::ab) == row["g1_user_prompt"] ? 1 : 0;
    equal += bench.user(id, JudgeOrder::ba) == row["g2_user_prompt"] ? 1 : 0;
  }
  CHECK(equal == 150);
}

TEST_CASE("the 160 single prompts of a recorded MT-Bench run are built again byte for byte") {
  const auto folder = shared_judge("mtbench_phi3"), expected = shared_judge("expected.json");
  if (!folder || !expected) return;
  const Bench bench = shared_bench(*folder, JudgeMode::score, "phi-3-dpo");
  const auto prompts = expected_prompts(*expected, "mtbench-prompts-single");
  CHECK(prompts.size() == 160);
  for (const auto& [key, digest] : prompts) {
    CAPTURE(key.first);
    CHECK(sha256_hex(bench.user(key.first, JudgeOrder::ab)) == digest);
  }
  std::size_t equal = 0;
  for (const Json& row : rows_of(*folder + "/model_judgment/gpt-4_single.jsonl.gz")) {
    const std::string id = row["question_id"].dump() + "/" + row["turn"].dump() + "/" + row["model"].get<std::string>();
    equal += bench.user(id, JudgeOrder::ab) == row["user_prompt"] ? 1 : 0;
  }
  CHECK(equal == 160);
}
