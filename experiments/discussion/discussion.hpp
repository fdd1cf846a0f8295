#pragma once
// `discussion`: persona agents, and if wanted a moderator, comment on an opening post, turn by turn. Specs:
// discussion.md. The folder's README tells the session.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/discussion/estimate.hpp"
#include "experiments/discussion/loading.hpp"
#include "experiments/discussion/runner.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/names.hpp"

namespace assay {

struct DiscussionDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  std::function<std::optional<Pico>()> budget_left = {};  ///< of the experiment's cap; none, or nullopt: no cap
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_discussion_kind(DiscussionDependencies dependencies);

// What both kinds say and keep of a load.

/// A model as a batch keeps it, and what files call it when nothing else was said.
Json pin_model(const ModelRegistry& models, const std::string& name, std::string& pseudoname);
/// skip_bad, the one parameter that a load of result files takes. Throws Error "usage" for another, for no truth value.
bool skips_bad(const ParameterTexts& given, const std::string& command);
/// Says of result files that are in the experiment already.
void warn_of_known(const Source& source, LoadedBatch& batch);
/// A run of a result file as records are made from it.
RunView loaded_view(const NewRun& run);
/// Throws Error "usage" for a batch of result files: nothing of it can run.
void refuse_results(const BatchInfo& batch, const std::string& instead);
/// The line and the JSON of an estimate, into the notes and facts of a batch.
void tell_estimate(const DiscussionEstimate& estimate, const std::function<std::optional<Pico>()>& budget_left,
                   LoadedBatch& batch);
Json moved_json(const std::vector<MovedPath>& moved);
/// Lines into the file log that a batch asks for; empty when it asks for none.
TellLog log_of(const Json& params);

}  // namespace assay
