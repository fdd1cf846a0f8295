#pragma once
// Save files: SerializedRun[] as JSON, JSON lines, gzip or zstd of either. shell.md 5. One thread.

#include <functional>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "core/model/kind.hpp"

namespace assay {

/// The batches of a save, in order of their first run. A kind that the file does not name is the only one that accepts
/// all its data, or none. Throws Error with line and byte; then nothing may be loaded.
std::vector<LoadedBatch> read_save(const std::string& path, const KindRegistry& kinds);

/// Writes `runs` to `path`, whole or not at all; .jsonl, .gz, .zst by the ending. Returns the bytes of the text.
std::uint64_t write_save(const std::string& path, Experiment& experiment, const std::vector<RunId>& runs);

}  // namespace assay
