#pragma once
// Forks of discussions: what may change from a turn on, and where the forks begin. Specs: discussion.md 13.3. One
// thread.

#include "core/model/kind.hpp"
#include "experiments/discussion/runner.hpp"

namespace assay {

struct ForkedDiscussions {
  DiscussionFork fork;
  std::string model, mod_model;  ///< named anew; "" : as before
};
/// Throws Error "usage" naming each parameter that can't change, with the reason, and values that are none.
ForkedDiscussions read_fork(std::uint32_t step, const ParameterTexts& changes);

/// The log after `step` turns. Throws Error when the run has not come so far, or has nothing left to do.
NewRun::Start discussion_start(const RunView& run, std::uint32_t step);

}  // namespace assay
