#pragma once
// What may change of a study that has run: how its recorded replies are read, and what comes after the steps that a
// fork shares. Pure: any thread.

#include "core/model/kind.hpp"
#include "experiments/declared/study.hpp"

namespace assay {

/// `written` with the extract, score and metrics of `from` (null: its own), and what the parameters extract, score,
/// metrics say as YAML over these. Throws Error.
Json changed_scoring(Json written, const Json* from, const ParameterTexts& overrides);

/// The parameters of a fork that shares `step` steps of `before` and goes on as `after` says, with `changes`. Throws
/// Error "usage" naming what would have changed a shared step.
Json forked_study_params(const Study& before, const Study& after, std::uint32_t step, const Json& params,
                         const ParameterTexts& changes);

}  // namespace assay
