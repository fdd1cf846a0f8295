#pragma once
// What runs have cost, where the price of a model may not be known: nothing is shown as free that is only not priced.
// Pure functions; any thread.

#include <string>

#include "core/model/batch.hpp"

namespace assay {

/// Whether a model that the batch names has no price. Its calls are recorded with a cost of 0; once there is a price,
/// `cost` tells which calls were made without.
bool has_unpriced_model(const BatchInfo& batch);

/// "$0.12"; "?" for calls of unknown price; "$0.12 + ?" where some of them have one.
std::string cost_text(Pico cost, bool unpriced);

}  // namespace assay
