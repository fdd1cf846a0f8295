#pragma once
// Comparisons that others have recorded, as COMPLETE runs: results files of the seed, items of llm-peer-prediction,
// lines of ours. Specs: peer_prediction.md 9. One thread.

#include <string>
#include <vector>

#include "experiments/discussion/parameter_sheet.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "experiments/peer_prediction/sources.hpp"

namespace assay {

struct RecordedPeers {
  std::vector<PeerAgent> agents;
  std::vector<NewRun> runs;  ///< COMPLETE, without score
  std::string task_description, exp_type;
  std::string pairing;  ///< "recorded": q and p are separate samples without task ids; "" : tasks are known
  std::string critic, judge, judge_model;  ///< who compared and judged, as reports name it; "" : not told
  std::vector<std::string> critic_models;
  std::vector<std::string> warnings, notes;
};

/// Sources of one form. What is wrong goes to `problems`, with its place.
RecordedPeers recorded_results(const std::vector<PeerSource>& sources, Problems& problems);
RecordedPeers recorded_items(std::vector<PeerSource>& sources, Problems& problems);
RecordedPeers recorded_comparisons(const std::vector<PeerSource>& sources, Problems& problems);

/// Agents of `agent_perspectives`: names, readings, strategies, models, groups.
std::vector<PeerAgent> peer_agents(const Json& perspectives, const std::string& place, Problems& problems);

}  // namespace assay
