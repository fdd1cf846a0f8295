#pragma once
// Before a job begins under a budget: every model that it may call has a price (models.md 6.3).

#include <vector>

#include "core/ledger/budget.hpp"
#include "core/model/batch.hpp"
#include "runners/llm/names.hpp"

namespace assay {

/// Throws Error "unpriced" naming every model of these batches (judges and fallbacks included) that falls under a cap
/// and has no price, with the line to write. Any thread.
void check_priced(const Budget& budget, const ModelRegistry& models, const std::vector<BatchInfo>& batches);

}  // namespace assay
