#pragma once
// `models show NAME`: a resolved entry as a document, each value with where it came from. Specs: models.md 1, 3.2.
// Pure functions: any thread.

#include <string>

#include "core/model/models.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/settings.hpp"

namespace assay {

/// `facts`: key, limits and state of the entry, for people. `values`: the client's settings in force.
Report model_report(const ModelEntry& entry, const ModelFacts& facts, const ClientValues& values);

}  // namespace assay
