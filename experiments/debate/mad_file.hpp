#pragma once
// Reading result files of chiiyeh/MAD: an object, question id to record. The way out: mad_export.hpp. Specs: debate.md
// 9.1. Pure functions: any thread.

#include <string>
#include <vector>

#include "experiments/debate/imported.hpp"

namespace assay {

/// The records in file order: either all of critic and synthesizer or none. `protocol` "adversarial": the last agent is
/// a judge. Throws Error with file and question id; then nothing is loaded.
std::vector<ImportedDebate> read_mad_file(const Source& source, const std::string& protocol,
                                          std::vector<std::string>& warnings);

}  // namespace assay
