#pragma once
// What a batch of exec runs came to. Pure: any thread.

#include "core/model/kind.hpp"

namespace assay {

/// Figures: n, complete, failed, not_run, scored, unscored, correct, accuracy, ci95 (Wilson), bounds, and metrics:
/// {NAME: {n, mean}} over the COMPLETE runs that have the metric.
Report exec_report(const BatchView& batch);

}  // namespace assay
