#pragma once
// A source of questions as a batch: rows, items, ids, the sample, recorded replies evaluated at once. Specs: qa.md
// 1, 3.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/qa/item.hpp"

namespace assay {

/// The items of a source under resolved parameters, ids unique, sampled. `hub`: reads hf:OWNER/NAME; none: such a
/// source is refused. Throws Error; then nothing is loaded.
struct HubReading;
std::vector<Item> read_items(const Source& source, const Json& params, std::vector<std::string>& warnings,
                             HubReading* hub = nullptr);

/// A run of an item: READY, or COMPLETE with its score when it has recorded replies.
class Scorer;
NewRun make_run(Item&& item, const Json& run_params, const Scorer& scorer);

}  // namespace assay
