#pragma once
// `report` of a batch of judgements. Specs: judge.md 10, 11. Any thread.

#include "core/model/kind.hpp"

namespace assay {

Report judge_report(const BatchView& batch);

}  // namespace assay
