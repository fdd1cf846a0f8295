#include "experiments/annotation/estimate.hpp"

#include <algorithm>

#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/estimate_parts.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {

DiscussionEstimate estimate_annotation(const Json& data, std::size_t done) {
  DiscussionEstimate made;
  if (!data.is_object() || !data.contains("settings") || !data.contains("discussion") || !data.contains("annotator"))
    return made;
  const AnnotationTask task = annotation_task(data);
  const AnnotationSettings& settings = task.settings;
  const TextLength system = length_of(annotator_prompt(task));
  const TextLength fixed = length_of(annotation_prompt(settings.format, ""));
  const EstimateBounds reply = reply_tokens(settings.decoding, kShortAnnotation, made.bounded);
  const std::uint64_t line = count_code_points(history_item(settings.format, "", "x", settings.text.wrap)) - 1;
  const std::vector<std::size_t> to_judge = judged_comments(task);

  LengthWindow window(settings.whole_discussion ? std::nullopt : settings.text.history);
  std::size_t judged = 0;
  for (std::size_t i = 0; i < task.log.size(); ++i) {
    const auto& [name, text] = task.log[i];
    if (!is_read(task, task.log[i])) continue;
    const std::uint64_t length = count_code_points(text), head = line + count_code_points(name);
    TextLength item;
    if (!is_blank(text)) {
      item = as_item({length, length}, settings.format, settings.text.wrap);
      item += {head, head};
    }
    window.push(item);
    if (judged >= to_judge.size() || to_judge[judged] != i || judged++ < done) continue;
    const TextLength input = {system.low + fixed.low + window.joined().low,
                              system.high + fixed.high + window.joined().high};
    add_call(made.user, true, input, reply);
    made.longest_input = std::max(made.longest_input, tokens_of_length(input.high));
  }
  return made;
}

}  // namespace assay
