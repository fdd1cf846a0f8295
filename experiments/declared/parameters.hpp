#pragma once
// The parameters of a study: those that every study has, and its own. Any thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "runners/llm/request.hpp"

namespace assay {

struct Study;

/// Those of every study.
std::vector<Parameter> declared_parameters();
/// Those of `evaluate`: file, extract, score, metrics.
std::vector<Parameter> declared_evaluation_parameters();
/// Names that a study's own parameters can't have.
std::vector<std::string> taken_parameter_names();

/// What was given, checked against both; defaults filled in. Throws Error "usage": unknown (with the nearest), wrong
/// type, one that has no default and was not given.
Json resolve_study(const Study& study, const ParameterTexts& given);
/// The values of the study's own, by name.
Json own_values(const Study& study, const Json& params);
/// What a request of a step is sent with: what the step says, else what was typed, else what the file says for all.
ChatParams params_of_step(const Study& study, std::size_t step, const Json& params);

}  // namespace assay
