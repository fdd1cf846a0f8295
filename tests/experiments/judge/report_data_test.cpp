// Recorded judgements of others, and the figures that their authors published of them.

#include <doctest/doctest.h>

#include <cmath>

#include "experiments/judge/recorded.hpp"
#include "tests/experiments/judge/judged.hpp"
#include "tests/experiments/judge/shared_judge.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// nullopt: a file is not there.
std::optional<FakeBatch> recorded(const std::vector<std::string>& names, Json params) {
  std::vector<Source> sources;
  for (const std::string& name : names) {
    const auto path = shared_judge(name);
    if (!path) return std::nullopt;
    sources.push_back({*path, *path, {}});
  }
  RecordedSource read = read_recorded(params["format"].get<std::string>(), sources, params);
  for (const auto& [name, value] : read.defaults.items()) {
    if (!params.contains(name)) params[name] = value;
  }
  if (!params.contains("mode")) params["mode"] = std::string(to_text(read.mode.value_or(JudgeMode::pairwise)));
  const JudgeSettings settings = judge_settings(params);
  BatchInfo info;
  info.name = "x";
  info.kind = "judge";
  info.params = params;
  std::vector<NewRun> runs;
  for (const JudgeItem& item : read.items) {
    JudgedRun judged = judged_run(settings, item, recorded_judgements(settings, item));
    NewRun& run = runs.emplace_back();
    run.id = item.id;
    run.data = to_data(item);
    run.answer = std::move(judged.answer);
    run.score = std::move(judged.score);
    run.status = Status::complete;
  }
  return FakeBatch(std::move(info), std::move(runs));
}

bool near(const Json& want, const Json& got, double tolerance) {
  if (!want.is_number() || !got.is_number()) return want == got;
  const auto w = want.get<double>();
  return std::fabs(w - got.get<double>()) <= tolerance * std::max(1.0, std::fabs(w));
}

}  // namespace

TEST_CASE("the reports of recorded judgements have the figures that were published of them") {
  const auto expected = shared_judge("expected.json");
  if (!expected) return;
  const Json alpaca = {{"format", "alpaca"}}, fastchat = {{"format", "fastchat"}};
  const Json judgements = {{"format", "judgements"}, {"mode", "pairwise"}};
  Json single = fastchat, llmbar = judgements;
  llmbar["labels"] = "AB2";
  if (const auto questions = shared_judge("mtbench_phi3/question.jsonl.gz")) single["questions"] = *questions;
  struct Case {
    const char* name;
    std::vector<std::string> files;
    Json params;
  };
  const std::vector<Case> cases = {
      {"alpaca-two-models", {"alpaca/NullModel.json.gz", "alpaca/alpaca-7b.json.gz"}, alpaca},
      {"alpaca-one-model", {"alpaca/NullModel.json.gz"}, alpaca},
      {"fastchat-pair", {"mtbench_phi3/model_judgment/gpt-4_pair.jsonl.gz"}, fastchat},
      {"fastchat-single", {"mtbench_phi3/model_judgment/gpt-4_single.jsonl.gz"}, single},
      {"panel-two-judges", {"panel/pairwise_qwen_14B.jsonl.gz", "panel/pairwise_gemma_12B.jsonl.gz"}, judgements},
      {"llmbar-GPTOut", {"llmbar/GPTOut.jsonl.gz"}, llmbar}};
  const std::vector<Json> read = rows_of(*expected);
  for (const Case& one : cases) {
    CAPTURE(one.name);
    const auto batch = recorded(one.files, one.params);
    if (!batch) continue;
    const Json figures = judge_report(*batch).figures;
    bool found = false;
    for (const Json& test : read[0]["tests"]) {
      if (test["name"] != one.name) continue;
      found = true;
      const Json counts = test.value("expect", Json::object());
      for (const auto& [path, want] : counts.items()) {
        if (path.starts_with("counts.")) CHECK(figures["counts"][path.substr(7)] == want);
      }
      for (const Json& rows : test["rows"]) {
        const std::string table = rows["table"].get<std::string>();
        const std::size_t keys = rows["key"].size();
        for (const Json& wanted : rows["data"]) {
          Json key = Json::object();
          for (std::size_t i = 0; i < keys; ++i) key[rows["key"][i].get<std::string>()] = wanted[i];
          const Json row = row_of(figures, table.c_str(), key);
          CAPTURE(dump_json(key));
          REQUIRE(!row.is_null());
          for (std::size_t i = 0; i < rows["columns"].size(); ++i) {
            const std::string column = rows["columns"][i].get<std::string>();
            const double tolerance = test.value("tol", Json::object()).value(table + "." + column, 1e-9);
            CAPTURE(column);
            CHECK_MESSAGE(near(wanted[keys + i], row.value(column, Json()), tolerance),
                          dump_json(wanted[keys + i])
                              << " is expected, " << dump_json(row.value(column, Json())) << " is there");
          }
        }
      }
    }
    CHECK(found);
  }
}
