#pragma once
// What a batch of questions came to. Specs: qa.md 9. Pure: any thread.

#include "core/model/kind.hpp"

namespace assay {

/// Figures are named as in the specification; the text form ends with what the accuracy leaves out.
Report qa_report(const BatchView& batch);

}  // namespace assay
