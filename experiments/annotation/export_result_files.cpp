// syndisco: result files, as they were loaded or written anew

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/batch_runs.hpp"
#include "experiments/discussion/result_file.hpp"

namespace assay {
namespace {

const std::string kEnding = ".json";

/// The relative path of a loaded file. It comes from a save perhaps: one that would lead elsewhere becomes a name.
std::string relative_name(const std::string& file) {
  const std::filesystem::path path = std::filesystem::path(file + kEnding).lexically_normal();
  if (file.empty() || path.is_absolute() || *path.begin() == "..") return safe_file_name(file) + kEnding;
  return path.string();
}

class ResultFolder {
 public:
  explicit ResultFolder(JointExport& out) : out_(out) {}

  void add_loaded(const std::string& file, const std::string& batch, std::string text) {
    std::string name = relative_name(file);
    const auto taken = by_name_.find(name);
    if (taken != by_name_.end() && out_.files[taken->second].text == text) {
      ++twice_;
      return;
    }
    if (taken != by_name_.end()) {
      name = (std::filesystem::path(safe_file_name(batch)) / name).string();
      for (int n = 2; by_name_.contains(name); ++n) name = numbered(name, n);
      ++moved_;
    }
    add(name, std::move(text));
  }

  void add_own(WallTime ended, const std::string& id, std::string text) {
    const std::string name = result_file_name(ended, id);
    const std::string stem = name.substr(0, name.size() - kEnding.size());
    std::size_t attempt = 0;
    while (by_name_.contains(longer_result_stem(stem, id, attempt) + kEnding)) ++attempt;
    add(longer_result_stem(stem, id, attempt) + kEnding, std::move(text));
  }

  void note() {
    if (twice_ > 0) {
      out_.notes.push_back(counted(twice_, "file was", "files were") +
                           " loaded twice, with the same content: written once");
    }
    if (moved_ > 0) {
      out_.notes.push_back(counted(moved_, "file has", "files have") +
                           " the name of another: written below a folder with the name of the batch");
    }
  }

 private:
  static std::string numbered(const std::string& name, int n) {
    return name.substr(0, name.size() - kEnding.size()) + "_" + std::to_string(n) + kEnding;
  }
  void add(const std::string& name, std::string text) {
    by_name_.emplace(name, out_.files.size());
    out_.files.push_back({name, std::move(text)});
  }

  JointExport& out_;
  std::map<std::string, std::size_t> by_name_;
  std::uint64_t twice_ = 0, moved_ = 0;
};

/// Files of g5 name the speakers, which those of annotations before it do not: their discussions do.
class SpeakerNames {
 public:
  void add(const DiscussionRecord& record) { by_id_[record.id].push_back(record); }
  /// Whether they are known now.
  bool fill(AnnotationRecord& annotation) const {
    const auto found = by_id_.find(annotation.conv_id);
    return found != by_id_.end() && std::any_of(found->second.begin(), found->second.end(),
                                                [&](const DiscussionRecord& one) { return join(annotation, one); });
  }

 private:
  std::map<std::string, std::vector<DiscussionRecord>> by_id_;
};

WallTime ended_at(const RunView& run) {
  if (run.context.empty() || !run.context.back().more.is_object()) return run.ended_at;
  return run.context.back().more.value("at", run.ended_at);
}

/// Annotations have no id of their own: the runner names their files by that of the discussion and the annotator.
}  // namespace

JointExport export_result_files(std::string_view format, const std::vector<const BatchView*>& batches) {
  const std::optional<Generation> generation = generation_from(format);
  JointExport out;
  ResultFolder folder(out);
  std::uint64_t unfinished = 0, nameless = 0;
  const auto each_finished = [&](std::string_view kind, const auto& visit) {
    for (const BatchView* batch : batches) {
      if (batch->info().kind != kind) continue;
      batch->each(true, [&](const RunView& run) {
        if (run.status != Status::complete) {
          ++unfinished;
          return;
        }
        ++out.runs;
        visit(run, batch->info());
      });
    }
  };
  SpeakerNames names;
  each_finished("discussion", [&](const RunView& run, const BatchInfo& info) {
    const DiscussionRecord record = discussion_record(info, run);
    std::string text = discussion_file(record, generation.value_or(record.format));
    record.loaded ? folder.add_loaded(record.file, info.name, std::move(text))
                  : folder.add_own(ended_at(run), record.id, std::move(text));
    if (generation == Generation::g5) names.add(record);
  });
  each_finished("annotation", [&](const RunView& run, const BatchInfo& info) {
    AnnotationRecord record = annotation_record(run);
    const bool names_needed = record.loaded && generation == Generation::g5 && record.format != Generation::g5;
    if (names_needed && !names.fill(record)) ++nameless;
    std::string text = annotation_file(record, generation.value_or(record.format));
    record.loaded ? folder.add_loaded(record.file, info.name, std::move(text))
                  : folder.add_own(ended_at(run), annotation_file_id(annotation_task(run.data)), std::move(text));
  });
  if (out.runs == 0) {
    throw Error("empty", "none of the " + counted(unfinished, "selected run", "selected runs") + " is COMPLETE", {},
                "result files are of finished discussions and annotations");
  }
  if (unfinished > 0) out.notes.push_back(counted(unfinished, "run is", "runs are") + " not COMPLETE: left out");
  if (nameless > 0) {
    out.notes.push_back(counted(nameless, "annotation is", "annotations are") +
                        " written without the names of the speakers: select their discussions too");
  }
  folder.note();
  return out;
}

}  // namespace assay
