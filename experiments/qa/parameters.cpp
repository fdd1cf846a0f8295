#include "experiments/qa/parameters.hpp"

#include <algorithm>
#include <array>

namespace assay {
namespace {

using Type = Parameter::Type;

const std::array<std::string_view, 12> kReadingOnly{"format", "rows",      "answer_is", "n_options",
                                                    "header", "delimiter", "bad_rows",  "categories",
                                                    "sample", "seed",      "split",     "config"};

}  // namespace

std::vector<Parameter> qa_scoring_parameters() {
  return {
      {"extract", Type::text, "", "rule that finds the answer; by item: letter, gsm8k for numbers, exact", {}},
      {"match",
       Type::choice,
       "auto",
       "how answers are compared",
       {"auto", "letter", "number", "text", "text_ci", "contains"}},
      {"tol", Type::number, "", "numbers that differ by at most this are equal", {}},
      {"unextracted", Type::choice, "incorrect", "score where nothing is found", {"incorrect", "null"}},
      {"aggregate", Type::choice, "majority", "one answer from several samples", {"majority"}},
      {"tie", Type::choice, "first", "who wins a tied vote", {"first", "none", "random"}},
  };
}

std::vector<Parameter> qa_evaluation_parameters() {
  std::vector<Parameter> rows = qa_scoring_parameters();
  rows.push_back(
      {"scheme", Type::choice, "", "figures of other scripts, guesses included, beside the score", {"tiger"}});
  rows.push_back({"seed", Type::integer, "", "of the guesses of scheme=tiger; none: 12345", {}});
  return rows;
}

std::vector<Parameter> item_parameters() {
  return {
      {"format",
       Type::choice,
       "auto",
       "columns of the source",
       {"auto", "mmlu_pro", "csqa", "csqa_orig", "gsm8k", "generic"}},
      {"rows", Type::text, "", "path of the array inside a JSON document", {}},
      {"map.*",
       Type::text,
       "",
       "map.FIELD=PATH: column of id question options labels n_options answer category cot reply",
       {}},
      {"answer_is",
       Type::choice,
       "auto",
       "how the right answer is written",
       {"auto", "letter", "index0", "index1", "text", "number"}},
      {"n_options", Type::integer, "", "options of every item, where no column says it", {}},
      {"header", Type::boolean, "yes", "CSV: the first row names the columns; no: 0, 1, ..", {}},
      {"delimiter", Type::text, "", "CSV: one character, or tab", {}},
      {"bad_rows", Type::choice, "error", "rows that are no object or miss a column", {"error", "skip"}},
      {"split", Type::text, "", "hf: which split; none: test, else validation, else the only one", {}},
      {"config", Type::text, "", "hf: which config; none: the only one, else default", {}},
      {"categories", Type::text, "", "a+b: only these", {}},
      {"sample", Type::text, "all", "all, uniform:N, stratified:N, per_category:N, mad:N", {}},
      {"seed", Type::integer, "12345", "of the sample and of shots_pick=random", {}},
  };
}

std::vector<Parameter> qa_parameters() {
  const std::vector<Parameter> own{
      {"model", Type::text, "", "model alias or PROVIDER/MODEL; none: the default model", {}},
      {"temperature", Type::number, "", "none: the model's", {}},
      {"max_tokens", Type::integer, std::to_string(kQaMaxTokens), "of a reply; an alias's own goes before 3000", {}},
      {"top_p", Type::number, "", "none: the model's", {}},
      {"stop_words", Type::text, "", "a text that ends a reply, or a JSON list of them", {}},
      {"seed_model", Type::integer, "", "seed sent with the request; sample k gets it plus k", {}},
      {"prompt", Type::text, "qa_cot", "a prompt file, or qa_direct, qa_cot, qa_fewshot", {}},
      {"system", Type::text, "", "system message", {}},
      {"mode",
       Type::choice,
       "chat",
       "chat; completion: the prompt as one text to /completions",
       {"chat", "completion"}},
      {"shots", Type::integer, "0", "worked examples before the question", {}},
      {"shots_file", Type::text, "", "where they come from: a file as those that are loaded", {}},
      {"shots_by", Type::choice, "category", "of the item's category, or any", {"category", "all"}},
      {"shots_pick", Type::choice, "first", "the first, or drawn with seed", {"first", "random"}},
      {"max_prompt_tokens", Type::integer, "", "fewer examples until the prompt fits", {}},
      {"samples", Type::integer, "1", "calls per question", {}},
      {"autoescape", Type::boolean, "", "HTML-escape values in the prompt; none: as the prompt file says", {}},
      {"undefined", Type::choice, "", "undefined variables; none: as the prompt file says", {"strict", "lenient"}},
  };
  std::vector<Parameter> rows = item_parameters();
  for (const auto& more : {own, qa_scoring_parameters()}) rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

Json qa_run_parameters(const Json& resolved) {
  const Json defaults = resolve_parameters(qa_parameters(), {}, "qa");
  Json kept = Json::object();
  for (const auto& [name, value] : resolved.items()) {
    if (name.starts_with("map.")) continue;
    if (std::find(kReadingOnly.begin(), kReadingOnly.end(), name) != kReadingOnly.end()) continue;
    const bool typed = name == "max_tokens";  // else it isn't among them
    if (!typed && defaults.contains(name) && defaults[name] == value) continue;
    kept[name] = value;
  }
  return kept;
}

}  // namespace assay
