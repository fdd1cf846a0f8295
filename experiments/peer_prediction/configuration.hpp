#pragma once
// An exp_config with what was typed over it: agents, model, tasks. Specs: peer_prediction.md 1, 2, 5.1. One thread.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/discussion/parameter_sheet.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "experiments/peer_prediction/sources.hpp"

namespace assay {

/// What a configuration says of its tasks.
struct PeerData {
  std::filesystem::path data_path, preload_path;  ///< as they are to be opened; empty: none
  std::optional<std::uint64_t> n_tasks;           ///< as given; nullopt: the default
  std::string preload = "none";                   ///< none, full, partial
  bool add_references = false;
};

/// One task that enters a batch, in the form of run.data.
struct PeerTasks {
  std::vector<std::pair<std::string, Json>> tasks;  ///< id, data
  std::vector<std::string> warnings;
};

/// The configuration with the parameters that override its keys: nested ones with a dot, n_tasks, model, agents.
Json overridden_config(Json config, const ParameterTexts& given, Problems& problems);

/// Agents, model, synthetic into `settings`; kept keys are named in `notes`. `place` names the file.
PeerData read_configuration(const PeerSource& source, const Json& config, PeerSettings& settings,
                            std::vector<std::string>& notes, Problems& problems);

/// n_tasks of them; all when it is not given.
/// A Reference agent answers with `reference` of run.data.
PeerTasks data_items(const PeerData& data, Problems& problems);
PeerTasks synthetic_tasks(const PeerData& data, const PeerSettings& settings);
/// Tasks with their responses, of a data file; marks the agents that answer all tasks alike as null agents.
/// `prefix`: of the ids, where several files make one batch.
PeerTasks given_tasks(const Json& file, const std::string& place, const std::string& prefix,
                      std::optional<std::uint64_t> n_tasks, PeerSettings& settings, Problems& problems);

/// p_joint and texts; the seed's where there are none. Nothing is changed when they are wrong.
void read_synthetic(const Json& synthetic, const std::string& place, PeerSettings& settings, Problems& problems);

}  // namespace assay
