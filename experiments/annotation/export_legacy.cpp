// comments:legacy, comments:legacy20: the tables of SynDisco's own exporters, faults included

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/python_json.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/export_forms.hpp"
#include "experiments/annotation/legacy_traits.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "runners/prompt/md5.hpp"

namespace assay {
namespace {

using Traits = std::vector<std::pair<std::string, std::string>>;
using Row = std::vector<std::string>;

std::string cell(const Json& value) { return value.is_null() ? std::string() : python_str(value); }
std::string cell(bool value) { return value ? "True" : "False"; }

void append(std::string& line, const Row& cells) {
  for (const std::string& text : cells) line += ',' + csv_field(text);
}

/// SynDisco reads files in the order of their paths; runs without a file stand at the name of the run.
template <typename Exported>
std::vector<const Exported*> by_path(const std::vector<Exported>& all) {
  std::vector<const Exported*> sorted;
  for (const Exported& one : all) sorted.push_back(&one);
  const auto path = [](const Exported* one) -> const std::string& {
    return one->record.file.empty() ? one->run : one->record.file;
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto* a, const auto* b) { return path(a) < path(b); });
  return sorted;
}

/// Rises with each text that differs from the one before it.
class MessageOrder {
 public:
  std::string of(const std::string& text) {
    if (before_ == nullptr || *before_ != text) ++order_;
    before_ = &text;
    return std::to_string(order_);
  }

 private:
  const std::string* before_ = nullptr;
  int order_ = 0;
};

/// Columns of traits: those of a persona, then whatever else the pattern found, by first appearance. Names that both
/// sides have get a suffix.
struct TraitColumns {
  Row keys, names;

  void add(const Traits& traits, std::string_view dropped) {
    for (const auto& [key, value] : traits) {
      if (key != dropped && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  Row cells(const Traits& traits) const {
    Row row(keys.size());
    for (const auto& [key, value] : traits) {
      const auto at = std::find(keys.begin(), keys.end(), key);
      if (at != keys.end()) row[static_cast<std::size_t>(at - keys.begin())] = value;
    }
    return row;
  }
};

void name_columns(TraitColumns& speaker, TraitColumns& annotator) {
  const auto named = [](TraitColumns& columns, const Row& others, std::string_view suffix) {
    for (const std::string& key : columns.keys) {
      const bool shared = std::find(others.begin(), others.end(), key) != others.end();
      columns.names.push_back(key + (shared ? std::string(suffix) : std::string()));
    }
  };
  named(speaker, annotator.keys, "_conv");
  named(annotator, speaker.keys, "_annot");
}

/// The persona's fields but one.
Row fields_without(std::string_view dropped) {
  Row fields = persona_fields();
  std::erase(fields, dropped);
  return fields;
}

class LegacyTable {
 public:
  explicit LegacyTable(const ExportSet& set) : set_(set) {
    speaker_.keys = fields_without("username");
    annotator_.keys = fields_without("special_instructions");
    for (const ExportedAnnotation* annotation : by_path(set.annotations)) {
      annotations_[annotation->record.conv_id].push_back(annotation);
      annotator_.add(traits_of(annotation->record.annotator_prompt), "special_instructions");
    }
    for (const ExportedDiscussion* discussion : by_path(set.discussions)) {
      discussions_.push_back(discussion);
      const std::optional<std::string>& moderator = discussion->record.moderator_prompt;
      if (moderator) speaker_.add(traits_of(*moderator), "username");
      for (const std::string& prompt : discussion->record.user_prompts) speaker_.add(traits_of(prompt), "username");
    }
    name_columns(speaker_, annotator_);
  }

  std::string text() {
    append(text_, {"conv_id", "timestamp_conv", "ctx_length_conv", "conv_variant", "user", "message", "model",
                   "user_prompt", "is_moderator", "message_id", "message_order"});
    append(text_, speaker_.names);
    append(text_, {"timestamp_annot", "annotator_model", "annotator_prompt", "ctx_length_annot", "annotation_variant",
                   "annotation"});
    append(text_, annotator_.names);
    text_ += '\n';
    for (const ExportedDiscussion* discussion : discussions_) add(*discussion);
    return std::move(text_);
  }

 private:
  const Traits& traits_of(const std::string& prompt) {
    const auto [at, fresh] = traits_.try_emplace(prompt);
    if (fresh) at->second = legacy_traits(prompt);
    return at->second;
  }

  /// The first prompt that has the name anywhere in it: SynDisco's way, which meets the wrong one when a name is part
  /// of another.
  static std::string prompt_of(const ExportedDiscussion& discussion, std::size_t index) {
    const DiscussionRecord& record = discussion.record;
    if (discussion.by_moderator(index)) return record.moderator_prompt.value_or(std::string());
    if (!discussion[index].prompt.empty()) return discussion[index].prompt;
    for (const std::string& prompt : record.user_prompts) {
      if (prompt.find(discussion[index].name) != std::string::npos) return prompt;
    }
    return {};
  }

  /// What stands right of each text of a discussion: one part for each annotation of it.
  std::unordered_map<std::string, std::vector<std::string>> beside(const std::string& conv_id) {
    std::unordered_map<std::string, std::vector<std::string>> by_text;
    const auto found = annotations_.find(conv_id);
    if (found == annotations_.end()) return by_text;
    for (const ExportedAnnotation* annotation : found->second) {
      const AnnotationRecord& record = annotation->record;
      std::string head, tail;
      append(head, {record.timestamp, record.annotator_model, record.annotator_prompt, cell(record.ctx_length),
                    annotation->variant});
      append(tail, annotator_.cells(traits_of(record.annotator_prompt)));
      for (const AnnotationRecord::Entry& entry : record.entries) {
        std::string part = head;
        append(part, {entry.annotation});
        by_text[entry.message].push_back(part + tail);
      }
    }
    return by_text;
  }

  void add(const ExportedDiscussion& discussion) {
    const DiscussionRecord& record = discussion.record;
    const auto annotations = beside(record.id);
    std::string none;
    append(none, Row(6 + annotator_.keys.size()));
    MessageOrder order;
    for (std::size_t i = 0; i < discussion.size(); ++i) {
      const DiscussionEvent& event = discussion[i];
      const std::string prompt = prompt_of(discussion, i);
      std::string left;
      append(left, {record.id, record.timestamp, cell(record.ctx_length), discussion.variant, event.name, event.text,
                    event.model, prompt, cell(discussion.by_moderator(i)), md5_hex(record.id + "_" + event.text),
                    order.of(event.text)});
      append(left, speaker_.cells(traits_of(prompt)));
      const auto at = annotations.find(event.text);
      if (at == annotations.end()) {
        row(left, none);
      } else {
        for (const std::string& right : at->second) row(left, right);
      }
    }
  }

  void row(const std::string& left, const std::string& right) {
    text_ += std::to_string(rows_++);
    text_ += left;
    text_ += right;
    text_ += '\n';
  }

  const ExportSet& set_;
  TraitColumns speaker_, annotator_;
  std::vector<const ExportedDiscussion*> discussions_;
  std::unordered_map<std::string, std::vector<const ExportedAnnotation*>> annotations_;
  std::unordered_map<std::string, Traits> traits_;
  std::string text_;
  std::uint64_t rows_ = 0;
};

}  // namespace

JointExport export_legacy_comments(const std::string& path, const std::vector<const BatchView*>& batches) {
  ExportSet set = gather(batches, Beside::nothing);
  std::set<std::string> ids;
  for (const ExportedDiscussion& discussion : set.discussions) ids.insert(discussion.record.id);
  const auto lost = std::count_if(set.annotations.begin(), set.annotations.end(),
                                  [&](const auto& annotation) { return !ids.contains(annotation.record.conv_id); });
  if (lost > 0) set.notes.push_back(note_of_lost(static_cast<std::uint64_t>(lost)));
  return {{{path, LegacyTable(set).text()}}, std::move(set.notes), set.runs};
}

JointExport export_legacy20_comments(const std::string& path, const std::vector<const BatchView*>& batches) {
  ExportSet set = gather(batches, Beside::nothing);
  const Row fields = fields_without("username");
  std::string text;
  append(text, {"conv_id", "timestamp", "ctx_length", "user", "message", "model", "is_moderator", "message_id",
                "message_order"});
  append(text, fields);
  append(text, {"0"});
  text += '\n';
  std::uint64_t rows = 0, without_json = 0, shown = 0;
  for (const ExportedDiscussion* discussion : by_path(set.discussions)) {
    const DiscussionRecord& record = discussion->record;
    if (record.format != Generation::g4) {
      ++without_json;
      continue;
    }
    ++shown;
    MessageOrder order;
    for (std::size_t i = 0; i < discussion->size(); ++i) {
      const DiscussionEvent& event = (*discussion)[i];
      const bool moderator = discussion->by_moderator(i);
      text += std::to_string(rows++);
      append(text, {record.id, record.timestamp, cell(record.ctx_length), event.name, event.text, event.model,
                    cell(moderator), md5_hex(record.id + "_" + event.text), order.of(event.text)});
      const Speaker speaker = discussion->speaker(i);
      for (const std::string& field : fields) append(text, {moderator ? "" : cell(field_of(speaker.persona, field))});
      append(text, {moderator ? speaker.prompt : ""});
      text += '\n';
    }
  }
  if (shown == 0) {
    throw Error("empty", "none of the selected discussions has the form g4, which this table is of", {},
                "comments and comments:legacy take those of any form");
  }
  if (without_json > 0) {
    set.notes.push_back(counted(without_json, "discussion is", "discussions are") +
                        " not of the form g4, which this table is of: left out");
  }
  return {{{path, std::move(text)}}, std::move(set.notes), shown};
}

}  // namespace assay
