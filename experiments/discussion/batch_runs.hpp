#pragma once
// Runs of a batch as records and prompts, the forks that the batch came by counted in: settings that hold from a turn
// on stand with the batch, not with its runs. Specs: discussion.md 13.3. Pure functions: any thread.

#include <vector>

#include "core/model/batch.hpp"
#include "experiments/discussion/prompt_rows.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {

/// As discussion_record (record.hpp), with the settings that hold at its end.
DiscussionRecord discussion_record(const BatchInfo& batch, const RunView& run);
/// As discussion_prompts (prompt_rows.hpp), with those of each turn.
std::vector<PromptRow> discussion_prompts(const BatchInfo& batch, const RunView& run);

}  // namespace assay
