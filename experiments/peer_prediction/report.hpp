#pragma once
// `report` of a batch of peer prediction. Specs: peer_prediction.md 7, 11. Any thread.

#include "core/model/kind.hpp"

namespace assay {

Report peer_report(const BatchView& batch);

}  // namespace assay
