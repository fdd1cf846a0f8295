#pragma once
// The parameters of `qa`, as the shell lists and checks them. Specs: qa.md 1.1.

#include <cstdint>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// max_tokens where neither the load nor the model says one: a batch keeps max_tokens only where it was typed.
inline constexpr std::int64_t kQaMaxTokens = 3000;

/// How a source is read and which of its questions are taken: the same for every kind that asks questions.
std::vector<Parameter> item_parameters();
std::vector<Parameter> qa_parameters();
/// Those that `evaluate` may change: how replies are read and compared.
std::vector<Parameter> qa_scoring_parameters();
/// All that `evaluate` takes: those, and the figures of others.
std::vector<Parameter> qa_evaluation_parameters();
/// What a saved run needs to go on elsewhere: the parameters that differ from the defaults, without those that only
/// say how the file was read.
Json qa_run_parameters(const Json& resolved);

}  // namespace assay
