#include "experiments/discussion/batch_runs.hpp"

#include "experiments/discussion/runner.hpp"

namespace assay {

DiscussionRecord discussion_record(const BatchInfo& batch, const RunView& run) {
  const DiscussionForks forks = forks_of(batch.params);
  if (forks.empty()) return discussion_record(run);
  const DiscussionSettings settings = settings_at(parts_of(run.data), forks, UINT32_MAX);
  return discussion_record(run, &settings);
}

std::vector<PromptRow> discussion_prompts(const BatchInfo& batch, const RunView& run) {
  const DiscussionForks forks = forks_of(batch.params);
  if (forks.empty()) return discussion_prompts(run);
  const DiscussionParts parts = parts_of(run.data);
  return discussion_prompts(run, [&](std::uint32_t turn) { return settings_at(parts, forks, turn); });
}

}  // namespace assay
