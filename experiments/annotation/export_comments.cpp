// comments: one row per comment and annotation

#include <algorithm>
#include <map>
#include <set>

#include "core/text/error.hpp"
#include "experiments/annotation/comment_table.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "runners/prompt/md5.hpp"

namespace assay {
namespace {

using Names = CommentTable::Names;

const Names kDiscussion = {"conv_id", "run", "batch", "file", "timestamp", "ctx_length", "conv_variant"};
const Names kComment = {"index",   "message_order", "message_id", "turn",  "user",       "is_moderator",
                        "is_seed", "is_silent",     "message",    "model", "user_prompt"};
const Names kAnnotator = {"annotator",          "annotator_model",      "annotator_prompt",
                          "annotation_variant", "annotation_timestamp", "annotation_ctx_length"};
const Names kAnnotation = {"annotation"};

Names with_prefix(std::string_view prefix, const Names& names) {
  Names out;
  for (const std::string& name : names) out.push_back(std::string(prefix) + name);
  return out;
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::vector<Json> persona_cells(const Json& persona) {
  std::vector<Json> cells;
  for (const std::string& field : persona_fields()) cells.push_back(field_of(persona, field));
  return cells;
}

CommentTable::Form form_of(const std::string& path) {
  std::string_view name = path;
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  }
  if (name.ends_with(".csv")) return CommentTable::Form::csv;
  if (name.ends_with(".jsonl")) return CommentTable::Form::json_lines;
  throw Error("usage", "comments are written as CSV or JSON lines, by the file's ending", path,
              "name a file that ends in .csv or .jsonl");
}

/// The rows of a set, the parts that repeat made once: of a discussion, a speaker, an annotator.
class CommentRows {
 public:
  CommentRows(const ExportSet& set, CommentTable::Form form)
      : set_(set),
        table_(form),
        user_fields_(with_prefix("user_", persona_fields())),
        annotator_fields_(with_prefix("annotator_", persona_fields())) {
    std::set<std::string> keys;
    for (const ExportedAnnotation& annotation : set.annotations) {
      for (const auto& values : annotation.values) {
        for (const auto& [key, value] : values) keys.insert(key);
      }
    }
    keys_.assign(keys.begin(), keys.end());
    values_ = with_prefix("value_", keys_);
    const std::vector<Json> nothing(kAnnotator.size() + kAnnotation.size() + keys_.size() + annotator_fields_.size());
    Names right = kAnnotator;
    for (const Names& more : {kAnnotation, values_, annotator_fields_})
      right.insert(right.end(), more.begin(), more.end());
    unannotated_ = table_.part(right, nothing);
    table_.header({kDiscussion, kComment, user_fields_, right});
    for (const ExportedAnnotation& annotation : set.annotations) {
      const AnnotationRecord& record = annotation.record;
      annotators_.push_back({table_.part(kAnnotator, {or_null(annotation.annotator), or_null(record.annotator_model),
                                                      or_null(record.annotator_prompt), annotation.variant,
                                                      or_null(record.timestamp), record.ctx_length}),
                             table_.part(annotator_fields_, persona_cells(record.persona))});
    }
  }

  std::string text() {
    for (const ExportedDiscussion& discussion : set_.discussions) add(discussion);
    return table_.take();
  }

 private:
  void add(const ExportedDiscussion& discussion) {
    const DiscussionRecord& record = discussion.record;
    const std::string head =
        table_.part(kDiscussion, {record.id, discussion.run, discussion.batch, or_null(record.file),
                                  or_null(record.timestamp), record.ctx_length, discussion.variant});
    std::map<std::pair<std::string, bool>, std::pair<Json, std::string>> speakers;  // prompt and traits by name
    for (std::size_t i = 0; i < discussion.size(); ++i) {
      const DiscussionEvent& event = discussion[i];
      const bool seed = event.kind == DiscussionEvent::Kind::seed;
      const auto [at, fresh] = speakers.try_emplace({event.name, seed});
      if (fresh || !event.prompt.empty()) {
        const Speaker speaker = discussion.speaker(i);
        at->second = {or_null(speaker.prompt), table_.part(user_fields_, persona_cells(speaker.persona))};
      }
      const std::string comment = table_.part(kComment, {i, i + 1, md5_hex(record.id + "_" + event.text), event.turn,
                                                         event.name, discussion.by_moderator(i), seed, event.silent,
                                                         event.text, or_null(event.model), at->second.first});
      for (const ExportedDiscussion::Annotated& annotated : discussion.annotations[i]) {
        const auto& [annotator, traits] = annotators_[annotated.annotation];
        const std::string said = annotation_part(set_.annotations[annotated.annotation], annotated.entry);
        table_.row({&head, &comment, &at->second.second, &annotator, &said, &traits});
      }
      if (discussion.annotations[i].empty()) table_.row({&head, &comment, &at->second.second, &unannotated_});
    }
  }

  std::string annotation_part(const ExportedAnnotation& annotation, std::size_t entry) const {
    std::vector<Json> cells(1 + keys_.size());
    cells[0] = annotation.record.entries[entry].annotation;
    for (const auto& [key, value] : annotation.values[entry]) {
      const auto at = std::lower_bound(keys_.begin(), keys_.end(), key);
      cells[1 + static_cast<std::size_t>(at - keys_.begin())] = value;
    }
    Names names = kAnnotation;
    names.insert(names.end(), values_.begin(), values_.end());
    return table_.part(names, cells);
  }

  const ExportSet& set_;
  CommentTable table_;
  const Names user_fields_, annotator_fields_;
  Names keys_, values_;
  std::string unannotated_;
  std::vector<std::pair<std::string, std::string>> annotators_;
};

}  // namespace

JointExport export_comments(const std::string& path, const std::vector<const BatchView*>& batches) {
  const CommentTable::Form form = form_of(path);
  ExportSet set = gather(batches);
  return {{{path, CommentRows(set, form).text()}}, std::move(set.notes), set.runs};
}

}  // namespace assay
