#pragma once
// What a study comes to: accuracy with its interval, by the columns that the file names; what was answered; metrics.
// One thread.

#include "core/model/kind.hpp"
#include "experiments/declared/study.hpp"

namespace assay {

Report declared_report(const BatchView& batch, const Study& study);

}  // namespace assay
