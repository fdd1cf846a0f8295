#pragma once
// The parameters of a batch of judgements, resolved and checked. Specs: judge.md 2, 13. One thread to make; then any.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/judge/item.hpp"
#include "runners/judge/pooling.hpp"
#include "runners/judge/verdict.hpp"

namespace assay {

struct JudgeSettings {
  JudgeMode mode = JudgeMode::binary;
  bool correctness = false;         ///< mode=correctness
  std::vector<std::string> judges;  ///< recorded: those of the files, as params["judges"]
  std::vector<std::string> fallback;
  std::uint32_t samples = 1, reask = 0, logprobs = 0, probe = 0;
  std::string swap = "both";  ///< both, off, random
  bool ties = true;
  std::string labels, choices;  ///< as given; "" the default of the mode
  std::string scale = "1-10";
  std::vector<std::pair<std::string, std::string>> rubric;  ///< criterion, description; an item's own counts before it
  std::string with_reference = "auto", evidence = "first", reply = "text";
  std::string instruction, system;
  std::string parse = "strict";
  std::map<std::string, std::string> patterns;  ///< regex.LABEL
  std::string swap_rule = "tie", pool = "majority", quorum = "all";
  double tie_delta = 0.1;
  std::string rating = "bt", anchor, baseline;
  std::string cluster;  ///< a field of the item; "" its cluster
  std::uint64_t bootstrap_seed = 1;

  ReadingRules reading(const JudgeItem& item) const;
  PoolingRules pooling() const;
};

std::vector<Parameter> judge_parameters();
/// Those that `evaluate` can change without a call.
std::vector<Parameter> judge_evaluation_parameters();

/// From BatchInfo::params (or any object of the same names); what is absent has its default. `changes` (may be null)
/// stand before them: what `evaluate` changed. Throws Error "usage" naming all that is unknown or contradicts.
JudgeSettings judge_settings(const Json& params, const Json& changes = nullptr);

/// How recorded judgements are read and counted, as parameters: what is not as by default, {} when all is. Exported
/// judgements carry it, so that they give the same report when they are loaded.
Json carried_settings(const JudgeSettings& settings);
/// Of such an object in a file, as parameters of the right types; null: it has names that are none of these. Throws
/// Error "usage" for a value that the parameter does not take.
Json carried_parameters(const Json& object);

}  // namespace assay
