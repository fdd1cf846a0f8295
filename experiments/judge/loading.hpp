#pragma once
// From files, saves and runs of the experiment to the items that are judged. Specs: judge.md 1, 13. One thread.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/judge/item.hpp"
#include "runners/judge/verdict.hpp"

namespace assay {

struct JudgeItems {
  std::vector<JudgeItem> items;  ///< ids unique, in the order of the sources
  JudgeMode mode = JudgeMode::binary;
  /// Runs of the sources that have no answer to judge: status ("COMPLETE" of those whose answer is null) -> how many.
  std::map<std::string, std::uint64_t> missing;
  std::vector<std::string> warnings, notes;
};

/// `params`: resolved (settings.hpp). Items of two answers are paired from several sources by their ids, the first
/// source's answer is A; of the same model twice, the sources' names stand for the models. Throws Error "usage", "data"
/// with file, row and field; then nothing is loaded.
JudgeItems read_judge_items(const std::vector<Source>& sources, const Json& params);

/// The criteria that rubric= names: a JSON or YAML file, or "name: text; name: text"; an object. Throws Error.
Json read_rubric(const std::string& text);

}  // namespace assay
