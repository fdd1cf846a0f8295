#pragma once
// Save files: SerializedRun[] as JSON, JSON lines, gzip or zstd of either; and other experiment files, as saves.
// shell.md 5. One thread.

#include <functional>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "core/model/kind.hpp"

namespace assay {

struct SavedBatch {
  LoadedBatch batch;
  std::vector<RunLabels> labels;  // one a run
};

/// The batches of a save, in order of their first run. A kind that the file does not name is the only one that accepts
/// all its data, or none. Throws Error with line and byte; then nothing may be loaded.
std::vector<SavedBatch> read_save(const std::string& path, const KindRegistry& kinds);

/// Whether it begins as an experiment file does; false where it can't be read.
bool is_experiment_file(const std::string& path);
struct ReadingParts {
  const KindRegistry& kinds;
  Clock& clock;
  const Settings& settings;
};
/// The batches of an experiment file, read beside whoever writes it: runs as a save has them, and what their batches
/// keep of models and prompts. Throws Error.
std::vector<SavedBatch> read_experiment(const std::string& path, const ReadingParts& parts);

/// Writes `runs` to `path`, whole or not at all; .jsonl, .gz, .zst by the ending. Returns the bytes of the text.
std::uint64_t write_save(const std::string& path, Experiment& experiment, const std::vector<RunId>& runs);

}  // namespace assay
