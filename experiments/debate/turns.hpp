#pragma once
// A debate as turns to read (Kind::transcript): each agent by name, round by round, with the answer read out of its
// reply. Pure: any thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// The name that a batch gives an agent; "agent I" where it has none.
std::string debate_agent_name(const BatchInfo& batch, std::size_t agent);

/// Values as last evaluated where the run's answer has them, else none. `calls`: of the run.
std::vector<RunTurn> debate_turns(const BatchInfo& batch, const RunView& run, const std::vector<CallRecord>& calls);

}  // namespace assay
