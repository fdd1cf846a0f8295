#include "experiments/annotation/prompt_rows.hpp"

#include <utility>

#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/history_window.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {

std::vector<PromptRow> file_prompts(AnnotationRecord loaded, const DiscussionRecord& discussion) {
  if (!join(loaded, discussion)) return {};
  HistoryWindow window(window_of(loaded.ctx_length, loaded.file));
  std::vector<PromptRow> rows;
  for (const AnnotationRecord::Entry& entry : loaded.entries) {
    window.push(history_item(loaded.format, entry.name, entry.message, wrap_of(loaded.format)));
    rows.push_back({entry.index, entry.name, loaded.annotator_prompt, annotation_prompt(loaded.format, window.text())});
  }
  return rows;
}

std::vector<PromptRow> annotation_prompts(const RunView& run, const DiscussionRecord* discussion) {
  AnnotationRecord record = annotation_record(run);
  std::vector<PromptRow> rows;
  if (record.loaded) return discussion == nullptr ? rows : file_prompts(std::move(record), *discussion);
  const AnnotationTask task = annotation_task(run.data);
  for (const AnnotationRecord::Entry& entry : record.entries) {
    rows.push_back({entry.index, entry.name, record.annotator_prompt, judging_prompt(task, entry.index.value())});
  }
  return rows;
}

}  // namespace assay
