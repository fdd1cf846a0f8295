#pragma once
// Finished debates of a file as a batch: COMPLETE and read at once, or (`reuse_round=k`) READY after their round k.
// Specs: debate.md 2.2, 9. One thread.

#include "core/model/kind.hpp"
#include "experiments/debate/imported.hpp"

namespace assay {

/// The debates of a file in `params["format"]` (mad, du). Throws Error; then nothing is loaded.
std::vector<ImportedDebate> read_recorded(const Source& source, const Json& params, std::vector<std::string>& warnings);

/// What the file says that the parameters leave open: protocol, agents, rounds.
void fill_recorded(Json& params, const ParameterTexts& given, const std::vector<ImportedDebate>& debates);

/// Names and models of the agents of one run: a recorded one may have fewer than its batch.
std::vector<std::pair<std::string, std::string>> agents_in(
    const std::vector<std::pair<std::string, std::string>>& of_batch, const Json& data);

/// The runs. `pinned`: agents and prompts of the batch. Throws Error for a debate that has not come to round
/// `reuse_round`, and for another collaborative prompt after more than one round (but under mixed=yes).
std::vector<NewRun> recorded_runs(std::vector<ImportedDebate>&& debates, const Json& params, const Json& pinned,
                                  const std::string& source);

}  // namespace assay
