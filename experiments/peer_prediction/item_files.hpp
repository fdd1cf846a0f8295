#pragma once
// Tasks as the per-example files of llm-peer-prediction: a matrix and what is derived of it, by mechanism. Specs:
// peer_prediction.md 9, 10. Any thread.

#include <vector>

#include "core/model/kind.hpp"
#include "experiments/peer_prediction/settings.hpp"

namespace assay {

/// Of all COMPLETE runs. Recorded items come back as they were read.
std::vector<JointExport::File> peer_item_files(const BatchView& batch, const PeerSettings& settings);

}  // namespace assay
