#pragma once
// From the parameters of a load to what a batch of debates keeps: agents, prompts, models, runs; the same for forks.
// Specs: debate.md 1, 2.5, 10. One thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/debate/debate.hpp"
#include "experiments/debate/runner.hpp"
#include "experiments/qa/item.hpp"

namespace assay {

/// The agents that `params` name, the judge last, each with its model's name. Throws Error "usage", "agents".
std::vector<DebateAgent> agents_of(Json& params);

/// {"prompts":{..},"agents":[..]} with the texts of all prompts, and what the first prompt says of `extract`, `system`
/// and `stop_words` filled into `params` where it has none. Throws Error, TemplateError.
Json pin_debate(Json& params, const std::vector<DebateAgent>& agents, const PromptLimits& limits,
                std::vector<std::string>& warnings);

/// Adds the models of a batch: "model", and "model:NAME" for each further one; each agent's "model_key". Throws Error
/// for a name that resolves to nothing.
void pin_models(Json& params, Json& pinned, const ModelRegistry& models);

/// The models that are called, from what is pinned. Throws Error when one can't be called (a missing key).
DebateModels callable_models(const Json& params, const Json& pinned, const DebatePlan& plan,
                             const ModelRegistry& models);

/// A READY run of an item.
NewRun debate_run(Item&& item, const Json& run_params, const Json& pinned);

/// The parameters of forks of `parent` after `step`, resolved anew with `changes`. Throws Error naming each parameter
/// that would have changed what is shared.
Json forked_params(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes);

}  // namespace assay
