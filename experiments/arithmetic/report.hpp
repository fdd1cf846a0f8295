#pragma once
// What a batch of additions came to. Pure: any thread.

#include "core/model/kind.hpp"

namespace assay {

/// Figures: n, scored, correct, accuracy, ci95 (Wilson), bounds, unparsed, failed, not_run, unscored.
Report arithmetic_report(const BatchView& batch);

}  // namespace assay
