// Published replies, read again: every figure of the specification's acceptance list that needs no model.

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

#include "core/text/input.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/parameters.hpp"
#include "experiments/qa/report.hpp"
#include "experiments/qa/scoring.hpp"
#include "experiments/qa/tiger.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/experiments/qa/shared_data.hpp"

namespace assay {
namespace {

using Texts = ParameterTexts;

std::optional<FakeBatch> load(const std::string& file, const Texts& given) {
  const auto path = shared_qa("recorded/" + file);
  if (!path) return std::nullopt;
  BatchInfo info;
  info.name = file;
  info.params = resolve_parameters(qa_parameters(), given, "qa");
  std::vector<std::string> warnings;
  auto items = read_items({file, *path, std::nullopt}, info.params, warnings);
  const Scorer scorer(info.params);
  std::vector<NewRun> runs;
  for (auto& item : items) runs.push_back(make_run(std::move(item), Json::object(), scorer));
  return FakeBatch(std::move(info), std::move(runs));
}

/// What `evaluate all extract=..` does.
void evaluate(FakeBatch& batch, const std::string& extract) {
  batch.mutable_info().params["extract"] = extract;
  const Scorer scorer(batch.info().params);
  for (NewRun& run : batch.runs()) {
    auto outcome = scorer.score(from_data(run.data), recorded_replies(run.context, run.answer), [] { return 0U; });
    run.answer = std::move(outcome.answer);
    run.score = std::move(outcome.score);
  }
}

void check_figures(const Json& got, const Json& want) {
  for (const char* key : {"n", "correct", "unextracted", "out_of_options"}) CHECK(got.at(key) == want.at(key));
  CHECK(got.at("accuracy").get<double>() == doctest::Approx(want.at("accuracy").get<double>()).epsilon(1e-9));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(std::fabs(got.at("ci95").at(i).get<double>() - want.at("ci95").at(i).get<double>()) < 1e-8);
    CHECK(std::fabs(got.at("bounds").at(i).get<double>() - want.at("bounds").at(i).get<double>()) < 1e-9);
  }
}

std::optional<Json> expected(const std::string& name) {
  const auto path = shared_qa("expected.json");
  if (!path) return std::nullopt;
  return parse_json(read_file(*path), "expected.json").at("recorded").at(name);
}

TEST_CASE("MMLU-Pro's recorded replies give the published figures under every rule") {
  for (const char* name : {"mmlu_pro_jamba-1.5-large", "mmlu_pro_Qwen1.5-7B-Chat_every4th"}) {
    const auto want = expected(name);
    const auto start = std::chrono::steady_clock::now();
    auto batch = load(std::string(name) + ".jsonl.gz", {{"map.reply", "output"}});
    if (!want || !batch) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << name << ": loaded and evaluated in " << took.count() << " s\n";
    const Json letter = qa_report(*batch).figures;
    check_figures(letter, want->at("letter"));
    CHECK(letter.at("macro_accuracy").get<double>() ==
          doctest::Approx(want->at("letter_macro_accuracy").get<double>()).epsilon(1e-9));
    CHECK(letter.at("chance").get<double>() == doctest::Approx(want->at("chance").get<double>()).epsilon(1e-9));
    for (const auto& [rule, count] : want->at("letter_rules").items()) {
      if (rule != "None") CHECK(letter.at("rules").at(rule) == count);
    }
    CHECK(letter.at("categories").size() == 14);
    for (const Json& category : letter.at("categories")) {
      const Json& counts = want->at("letter_by_category_correct_n_unextracted").at(category.at("category"));
      CHECK(category.at("correct") == counts.at(0));
      CHECK(category.at("n") == counts.at(1));
      CHECK(category.at("unextracted") == counts.at(2));
    }
    for (const Json& reading : letter.at("extractors")) {
      CHECK(reading.at("correct") == want->at(reading.at("extractor").get<std::string>()).at("correct"));
    }
    const TigerFigures tiger = tiger_scheme(*batch);
    const Json& scheme = want->at("tiger");
    CHECK(tiger.l1 == scheme.at("l1_correct"));
    CHECK(tiger.l2 == scheme.at("l2_correct"));
    CHECK(tiger.save_res_l1 == scheme.at("index_guess_l1_correct"));
    CHECK(tiger.save_res_l2 == scheme.at("index_guess_l2_correct"));
    for (std::size_t i = 0; i < 4; ++i) CHECK(tiger.levels[i] == scheme.at("levels_1_2_3_none").at(i));
    for (const char* rule : {"tiger_l1", "tiger_l2", "tiger_apix", "mad", "mad_eval", "letter"}) {
      CAPTURE(rule);
      const auto again = std::chrono::steady_clock::now();
      evaluate(*batch, rule);
      const std::chrono::duration<double> evaluation = std::chrono::steady_clock::now() - again;
      std::cout << "  " << rule << " " << evaluation.count() << " s\n";
      check_figures(qa_report(*batch).figures, want->at(rule));
    }
  }
}

TEST_CASE("an export for TIGER's scripts read back gives the same figures") {
  auto batch = load("mmlu_pro_jamba-1.5-large.jsonl.gz", {{"map.reply", "output"}});
  if (!batch) return;
  const Json before = qa_report(*batch).figures;
  const std::string text = export_tiger({&*batch}).text;
  CHECK(parse_json(text, "tiger").size() == 12032);
  BatchInfo info;
  info.params = resolve_parameters(qa_parameters(), {{"map.reply", "model_outputs"}}, "qa");
  std::vector<std::string> warnings;
  auto items = read_items({"t.json", "t.json", std::string_view(text)}, info.params, warnings);
  const Scorer scorer(info.params);
  std::vector<NewRun> runs;
  for (auto& item : items) runs.push_back(make_run(std::move(item), Json::object(), scorer));
  CHECK(dump_json(qa_report(FakeBatch(info, std::move(runs))).figures) == dump_json(before));
}

TEST_CASE("twelve replies of one long line each") {
  const auto want = expected("mmlu_pro_long_lines");
  auto batch = load("mmlu_pro_long_lines.jsonl.gz", {{"map.reply", "output"}, {"extract", "tiger_l2"}});
  if (!want || !batch) return;
  for (std::size_t i = 0; i < 12; ++i) CHECK(batch->runs()[i].answer.at("value") == want->at("tiger_l2").at(i));
  const auto start = std::chrono::steady_clock::now();
  for (const auto& name : Extractor::names()) {
    const Extractor extractor(name);
    for (const NewRun& run : batch->runs()) {
      (void)extractor.find(run.context[0].content.get_ref<const std::string&>(), AnswerForm::choice(10));
    }
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::cout << "long lines, all rules: " << took.count() << " ms\n";
}

TEST_CASE("CommonsenseQA replies of text-davinci-003 and -002") {
  for (const char* way : {"vanilla", "cot"}) {
    const auto want = expected("csqa_davinci003_baseline/" + std::string(way));
    auto batch = load("csqa_davinci003_baseline.jsonl.gz", {{"map.id", "csqa_id"},
                                                            {"map.answer", "gold"},
                                                            {"map.reply", std::string(way) + ".output"},
                                                            {"n_options", "5"}});
    if (!want || !batch) return;
    for (const auto& [rule, figures] : want->items()) {
      evaluate(*batch, rule);
      check_figures(qa_report(*batch).figures, figures);
    }
  }
  const auto want = expected("csqa_gpt3xl_zero_shot");
  auto batch =
      load("csqa_gpt3xl_zero_shot.jsonl.gz", {{"map.answer", "gold"}, {"map.reply", "response"}, {"n_options", "5"}});
  if (!want || !batch) return;
  for (const auto& [rule, figures] : want->items()) {
    evaluate(*batch, rule);
    check_figures(qa_report(*batch).figures, figures);
  }
}

TEST_CASE("GSM8K solutions agree with the stored flags, one by one") {
  const auto want = expected("gsm8k_solutions_400");
  if (!want) return;
  for (const auto& [model, figures] : want->items()) {
    auto batch = load("gsm8k_solutions_400.jsonl.gz",
                      {{"map.answer", "ground_truth"}, {"answer_is", "number"}, {"map.reply", model + ".solution"}});
    if (!batch) return;
    CHECK(qa_report(*batch).figures.at("correct") == figures.at("gsm8k_correct"));
    for (const NewRun& run : batch->runs()) {
      CHECK((run.score.verdict == Verdict::correct) == run.data.at(model).at("is_correct").get<bool>());
    }
  }
}

TEST_CASE("self-consistency of three recorded samples") {
  const std::vector<std::tuple<std::string, std::string, Texts>> sets{{"eot_CSQA", "cue_letter", {{"n_options", "5"}}},
                                                                      {"eot_GSM8K", "cue_number", {}}};
  for (const auto& [name, extract, more] : sets) {
    Texts given = more;
    given["map.reply"] = "response_list";
    given["extract"] = extract;
    const auto want = expected(name);
    auto batch = load(name + ".jsonl.gz", given);
    if (!want || !batch) return;
    const Json figures = qa_report(*batch).figures;
    CHECK(figures.at("correct") == want->at("majority_correct"));
    CHECK(figures.at("majority").at("correct") == want->at("majority_correct"));
    CHECK(figures.at("majority").at("unanimous") == want->at("unanimous"));
    CHECK(figures.at("majority").at("tied") == want->at("tied"));
    for (const char* k : {"1", "2", "3"}) {
      CHECK(std::fabs(figures.at("pass").at(k).get<double>() - want->at("pass@" + std::string(k)).get<double>()) <
            1e-9);
    }
  }
}

}  // namespace
}  // namespace assay
