#pragma once
// A judged run as turns to read (Kind::transcript): the item, then each judge with its verdict. Pure: any thread.

#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// `turns`: the run's context as Kind::transcript has it; verdicts are added to its replies. Without one (recorded
/// judgements): the item and what was kept of its judgements.
std::vector<RunTurn> judged_turns(const RunView& run, std::vector<RunTurn> turns);

}  // namespace assay
