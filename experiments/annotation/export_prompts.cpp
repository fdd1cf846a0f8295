// prompts: the two messages of every call

#include <map>
#include <utility>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/annotation/prompt_rows.hpp"
#include "experiments/discussion/batch_runs.hpp"
#include "experiments/discussion/runner.hpp"

namespace assay {
namespace {

/// The discussions behind result files of annotations, which tell no speakers: of the selected batches, then of the
/// whole experiment.
class Discussions {
 public:
  explicit Discussions(const std::vector<const BatchView*>& batches) {
    for (const BatchView* batch : batches) {
      if (batch->info().kind == "discussion") read(*batch);
      if (batch->experiment() != nullptr) experiment_ = batch->experiment();
    }
  }

  /// The first of the annotation's that it fits, or null.
  const DiscussionRecord* of(const AnnotationRecord& annotation) {
    if (const DiscussionRecord* found = find(annotation)) return found;
    if (experiment_ == nullptr) return nullptr;
    const ExperimentView& experiment = *std::exchange(experiment_, nullptr);
    for (const BatchInfo& batch : experiment.batches()) {
      if (batch.kind == "discussion") read(*experiment.view(batch.id));
    }
    return find(annotation);
  }

 private:
  void read(const BatchView& batch) {
    batch.each(true, [&](const RunView& run) {
      if (run.status != Status::complete) return;
      DiscussionRecord record = discussion_record(batch.info(), run);
      record.source = nullptr;
      by_id_[record.id].push_back(std::move(record));
    });
  }

  const DiscussionRecord* find(const AnnotationRecord& annotation) const {
    const auto found = by_id_.find(annotation.conv_id);
    if (found == by_id_.end()) return nullptr;
    for (const DiscussionRecord& one : found->second) {
      AnnotationRecord tried = annotation;
      if (join(tried, one)) return &one;
    }
    return nullptr;
  }

  std::map<std::string, std::vector<DiscussionRecord>> by_id_;
  const ExperimentView* experiment_ = nullptr;  ///< null once it has been read
};

std::vector<PromptRow> rows_of(const RunView& run, const BatchInfo& batch, Discussions& discussions) {
  if (batch.kind == "annotation") {
    const AnnotationRecord record = annotation_record(run);
    return annotation_prompts(run, record.loaded ? discussions.of(record) : nullptr);
  }
  return discussion_prompts(batch, run);
}

Json message(const char* role, const std::string& content) {
  return Json::object({{"role", role}, {"content", content}});
}

}  // namespace

JointExport export_prompts(const std::string& path, const std::vector<const BatchView*>& batches) {
  JointExport out;
  Discussions discussions(batches);
  std::string text;
  std::uint64_t without_length = 0, without_discussion = 0;
  for (const BatchView* batch : batches) {
    const BatchInfo& info = batch->info();
    if (info.kind != "discussion" && info.kind != "annotation") continue;
    batch->each(true, [&](const RunView& run) {
      std::vector<PromptRow> rows;
      try {
        rows = rows_of(run, info, discussions);
      } catch (const Error& error) {
        if (error.kind() != "usage") throw;
        ++without_length;  // a file of g5
        return;
      }
      const bool loaded = run.data.contains("file");
      if (rows.empty()) {
        without_discussion += loaded && info.kind == "annotation" ? 1 : 0;
        return;
      }
      ++out.runs;
      for (std::size_t call = 0; call < rows.size(); ++call) {
        Json line = Json::object({{"run", run.run_id}});
        if (loaded) line["file"] = run.data["file"];
        line["call"] = call;
        line["index"] = rows[call].index ? Json(*rows[call].index) : Json();
        line["name"] = rows[call].name;
        line["messages"] = Json::array({message("system", rows[call].system), message("user", rows[call].user)});
        text += dump_json(line);
        text += '\n';
      }
    });
  }
  if (without_length > 0) {
    out.notes.push_back(counted(without_length, "result file does", "result files do") +
                        " not tell how much of the discussion was shown (g5): left out");
  }
  if (without_discussion > 0) {
    out.notes.push_back(counted(without_discussion, "annotation tells", "annotations tell") +
                        " no speakers, and the discussion is not there or does not fit: left out");
  }
  if (out.runs == 0) throw Error("empty", "no call has been made", {}, joined(out.notes, "; "));
  out.files.push_back({path, std::move(text)});
  return out;
}

}  // namespace assay
