#pragma once
// The two messages of every call that an annotator made, or, of a result file, must have made. Specs:
// discussion.md 9.2, 10, "prompts". Pure functions: any thread.

#include <vector>

#include "experiments/annotation/record.hpp"
#include "experiments/discussion/prompt_rows.hpp"

namespace assay {

/// In the order of the calls; `name`: whose comment was judged. A result file tells no speakers: they come from its
/// discussion (null: it is not there), which it must fit (join); where they can't be known there is no row. Throws
/// Error "usage" for a file that does not tell the length of its window (g5).
std::vector<PromptRow> annotation_prompts(const RunView& run, const DiscussionRecord* discussion);
std::vector<PromptRow> file_prompts(AnnotationRecord loaded, const DiscussionRecord& discussion);

}  // namespace assay
