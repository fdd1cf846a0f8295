#pragma once
// The evaluators of MAD and of Du et al., faults included, so that their figures come out again. Specs: debate.md 11.
// Pure: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// "mad_mmlu", "mad_csqa", "du_mmlu", "du_gsm", "du_arith".
const std::vector<std::string>& legacy_rules();

/// A rule over the COMPLETE runs: metric of its name, 1 or 0; NaN where it reads a message that is not there, or would
/// end in an error (such a run is unscored). `round` from 1; nullopt or 0: the last message. System messages are not
/// counted: the originals have none. The report's lines are printed as MAD's evaluators do, its figures are {"rule",
/// "round","questions","n","correct","mean","stderr","unscored","categories":[{"category","n","correct","mean",
/// "stderr"}]}; stderr: population deviation / sqrt n. Throws Error "usage" for an unknown rule, naming the nearest.
RuleOutcome apply_debate_rule(const BatchView& batch, const std::string& rule, std::optional<std::uint32_t> round,
                              bool as_score);

}  // namespace assay
