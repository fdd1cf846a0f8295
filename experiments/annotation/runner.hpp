#pragma once
// How one annotator reads one discussion: step k judges the k-th comment that is to be judged. Shared by all runs of
// its batch and all threads. Specs: discussion.md 9.2.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/annotation/record.hpp"
#include "experiments/annotation/settings.hpp"
#include "experiments/discussion/run_log.hpp"
#include "runners/chat_runner.hpp"

namespace assay {

/// A run's data (settings.hpp), read.
struct AnnotationTask {
  std::string conv_id;
  std::optional<std::string> moderator;
  struct Comment {
    std::string name, text;
  };
  std::vector<Comment> log;
  std::size_t annotator = 0;  ///< its position
  std::string annotator_name;
  Json persona;
  std::vector<std::string> attributes;
  std::uint64_t seed = 0, epoch = 1;
  AnnotationSettings settings;
};
/// Throws Error "file" when data is that of no annotation to be run.
AnnotationTask annotation_task(const Json& data);
Json to_json(const AnnotationTask& task);

/// What stands for an id in the name of its file: annotators of one discussion share its id.
std::string annotation_file_id(const AnnotationTask& task);
/// Whether the annotator sees the comment at all: not a moderator's with include_mod_comments=false.
bool is_read(const AnnotationTask& task, const AnnotationTask::Comment& comment);
/// The annotator's system message.
std::string annotator_prompt(const AnnotationTask& task);
/// Positions in the log of the comments that are judged, in their order; with unit=discussion the last one alone.
std::vector<std::size_t> judged_comments(const AnnotationTask& task);
/// The user message for the comment at `index`.
std::string judging_prompt(const AnnotationTask& task, std::size_t index);

/// What the replies of an annotator say: run.answer, and the figures of the run. `tell_scale`: each entry of the answer
/// says the scale of its keys, where that is not the one of the run's data.
std::pair<Json, Score> read_annotations(const AnnotationRecord& record, AnnotationParsing parsing,
                                        bool tell_scale = false);
/// The scale of a key in an entry of the answer, else that of `parsing`.
std::pair<double, double> evaluated_scale(const Json& entry, const std::string& key, const AnnotationParsing& parsing);

class AnnotationRunner final : public Runner {
 public:
  /// `model` is null in a runner that only evaluates; `reading`: fields of AnnotationParsing that are otherwise than
  /// the run says.
  AnnotationRunner(ChatClient& client, ModelHandle model, Json reading = Json::object(), TellLog tell = {})
      : client_(client), model_(std::move(model)), reading_(std::move(reading)), tell_(std::move(tell)) {}

  Next step(Run& run, Step& step) override;
  Score evaluate(Run& run, Step& step) override;
  std::optional<std::uint64_t> planned_calls(const Run& run) const override;
  std::uint32_t max_steps() const override { return UINT32_MAX; }  // one a comment

 private:
  ChatClient& client_;
  const ModelHandle model_;
  const Json reading_;
  const TellLog tell_;
};

}  // namespace assay
