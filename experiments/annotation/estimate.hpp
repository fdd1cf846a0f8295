#pragma once
// What annotators would take before they run, as experiments/discussion/estimate.hpp has it. Specs: discussion.md 12.
// Pure: any thread.

#include "experiments/discussion/estimate.hpp"

namespace assay {

/// What is left of an annotation, from its run's data (settings.hpp); `done`: comments that are judged already. Its
/// calls are those of `user`; nothing for data that is that of no drawn run.
DiscussionEstimate estimate_annotation(const Json& data, std::size_t done = 0);

}  // namespace assay
