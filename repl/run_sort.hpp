#pragma once
// Runs in the order of a field, a million in tens of milliseconds: fields become numbers whose order is theirs, and
// these are sorted digit by digit. UI thread.

#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "repl/payload_reader.hpp"

namespace assay {

/// By a field, "-field" for descending; equal ones keep their order. Runs without a value come first. A path into data
/// or answer (read from disk the first time: `advance`) has numbers before texts. Throws Error for an unknown field.
void sort_runs(Experiment& experiment, std::vector<RunId>& runs, const std::string& field, const Advance& advance = {});

}  // namespace assay
