#pragma once
// From an exp_config, a data file or recorded comparisons to a batch. Specs: peer_prediction.md 1, 2, 5.1, 9. One
// thread.

#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/peer_prediction/settings.hpp"

namespace assay {

/// All sources as one batch, its params those of PeerSettings; models are pinned by the kind. Throws Error with all
/// that is wrong in one message. `warnings` and `notes` (the plan: responses, preparations, comparisons, judgements,
/// calls) stand in the batch; facts: {"calls": .., "responses": ..}.
LoadedBatch load_peers(const std::vector<Source>& sources, const ParameterTexts& given);

/// What a batch of `tasks` tasks makes: comparisons and judgements by whomever, and the calls among them.
struct PeerPlan {
  std::uint64_t responses = 0, preparations = 0, p = 0, q = 0, with = 0, without = 0, logp = 0;
  std::uint64_t calls = 0;
};
PeerPlan peer_plan(const PeerSettings& settings, std::uint64_t tasks, bool given_responses);

/// Models that its calls need, by name, each once: of agents, critics, judge, log-probabilities. `given_responses`:
/// nobody is asked for a response.
std::vector<std::string> peer_models(const PeerSettings& settings, bool given_responses);

}  // namespace assay
