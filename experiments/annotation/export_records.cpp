#include "experiments/annotation/export_records.hpp"
#include "experiments/annotation/runner.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_map>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/settings.hpp"
#include "experiments/discussion/batch_runs.hpp"
#include "experiments/discussion/runner.hpp"

namespace assay {
namespace {

template <typename Map>
auto* found_in(Map& map, const std::string& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : &at->second;
}

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

ExportedRun exported_run(const RunView& run, const BatchInfo& batch, const std::string& file) {
  ExportedRun exported;
  exported.run = run.run_id;
  exported.batch = batch.name;
  exported.variant = variant_of(file, batch);
  return exported;
}

/// One parser for each way of reading replies: making one costs more than using it.
class Parsers {
 public:
  const AnnotationParser& of(const Json& settings) {
    const AnnotationParsing parsing = parsing_from(settings);
    const std::string key = dump_json(to_json(parsing));
    const auto at = parsers_.find(key);
    return at != parsers_.end() ? at->second : parsers_.emplace(key, AnnotationParser(parsing)).first->second;
  }

 private:
  std::map<std::string, AnnotationParser> parsers_;
};

using Values = std::vector<std::pair<std::string, Json>>;

void drop_out_of_scale(Values& values, const Json& entry, const AnnotationParsing& parsing) {
  for (auto& [key, value] : values) {
    const auto [low, high] = evaluated_scale(entry, key, parsing);
    const double number = value.get<double>();
    if (number < low || number > high) value = nullptr;
  }
}

/// What the run's evaluation has read, else what its parameters read now.
std::vector<Values> values_of(const RunView& run, const AnnotationRecord& record, Parsers& parsers) {
  const Json settings = run.data.is_object() ? run.data.value("settings", Json::object()) : Json::object();
  const AnnotationParser& parser = parsers.of(settings);
  const bool evaluated = run.answer.is_array() && run.answer.size() == record.entries.size();
  std::vector<Values> out;
  for (std::size_t i = 0; i < record.entries.size(); ++i) {
    Values values;
    const Json* read =
        evaluated && run.answer[i].is_object() && run.answer[i].contains("values") ? &run.answer[i]["values"] : nullptr;
    if (read != nullptr && read->is_object()) {
      for (const auto& [key, value] : read->items()) {
        if (value.is_number()) values.emplace_back(key, value);
      }
    } else {
      values = parser(record.entries[i].annotation).values;
    }
    drop_out_of_scale(values, evaluated ? run.answer[i] : Json(), parser.settings());
    out.push_back(std::move(values));
  }
  return out;
}

ExportedAnnotation exported_annotation(const RunView& run, const BatchInfo& batch, Parsers& parsers) {
  ExportedAnnotation out;
  out.record = annotation_record(run);
  static_cast<ExportedRun&>(out) = exported_run(run, batch, out.record.file);
  if (out.record.persona.is_null()) out.record.persona = persona_in_prompt(out.record.annotator_prompt);
  out.annotator = text_at(out.record.persona, "username");
  if (out.annotator.empty() && run.data.is_object()) {
    out.annotator = text_at(run.data.value("annotator", Json()), "name");
  }
  out.values = values_of(run, out.record, parsers);
  out.record.source = nullptr;
  out.record.source_text.clear();
  return out;
}

ExportedDiscussion exported_discussion(const RunView& run, const BatchInfo& batch) {
  ExportedDiscussion out;
  out.record = discussion_record(batch, run);
  static_cast<ExportedRun&>(out) = exported_run(run, batch, out.record.file);
  for (std::size_t i = 0; i < out.record.events.size(); ++i) {
    if (out.record.events[i].logged) out.logged.push_back(i);
  }
  out.annotations.resize(out.size());
  out.record.source = nullptr;
  out.record.source_text.clear();
  return out;
}

/// Annotations to the discussions that they are of: by the run that they were made of, else by conv_id.
class Joining {
 public:
  explicit Joining(ExportSet& set) : set_(set) {
    for (std::size_t i = 0; i < set.discussions.size(); ++i) {
      by_id_[set.discussions[i].record.id].push_back(i);
      by_address_.emplace(set.discussions[i].address(), i);
    }
  }

  void join_all(const std::vector<std::string>& made_of) {
    std::uint64_t lost = 0;
    std::vector<std::string> unfit;
    for (std::size_t i = 0; i < set_.annotations.size(); ++i) {
      const std::vector<std::size_t> candidates = candidates_of(set_.annotations[i].record.conv_id, made_of[i]);
      if (candidates.empty()) {
        ++lost;
      } else if (!std::any_of(candidates.begin(), candidates.end(), [&](std::size_t d) { return place(i, d); })) {
        unfit.push_back(set_.annotations[i].address());
      }
    }
    if (lost > 0) {
      set_.notes.push_back(note_of_lost(lost));
    }
    if (!unfit.empty()) {
      constexpr std::size_t shown = 3;
      const std::size_t n = unfit.size();
      unfit.resize(std::min(n, shown));
      set_.notes.push_back(counted(n, "annotation does", "annotations do") +
                           " not fit the comments of their discussions: left out (" + joined(unfit, ", ") +
                           (n > shown ? ", .." : "") + ")");
    }
    std::uint64_t shared = 0;
    for (const auto& [id, discussions] : by_id_) shared += discussions.size() > 1 ? 1 : 0;
    if (shared > 0 && !set_.annotations.empty()) {
      set_.notes.push_back(counted(shared, "id is", "ids are") +
                           " of several discussions: result files of annotations stand beside the first that they fit");
    }
  }

 private:
  std::vector<std::size_t> candidates_of(const std::string& id, const std::string& made_of) {
    const std::vector<std::size_t>* all = found_in(by_id_, id);
    if (all == nullptr) return {};
    if (const std::size_t* exact = found_in(by_address_, made_of)) {
      // What it was made of comes first; that run may have been held again since, or another be called so now.
      std::vector<std::size_t> first = {*exact};
      for (const std::size_t other : *all) {
        if (other != *exact) first.push_back(other);
      }
      if (set_.discussions[*exact].record.id == id) return first;
    }
    return *all;
  }

  bool place(std::size_t annotation, std::size_t discussion) {
    AnnotationRecord& record = set_.annotations[annotation].record;
    ExportedDiscussion& of = set_.discussions[discussion];
    if (!join(record, of.record)) return false;
    for (std::size_t entry = 0; entry < record.entries.size(); ++entry) {
      const auto& index = record.entries[entry].index;
      if (index && *index < of.size()) of.annotations[*index].push_back({annotation, entry});
    }
    return true;
  }

  ExportSet& set_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_id_;
  std::unordered_map<std::string, std::size_t> by_address_;
};

}  // namespace

bool ExportedDiscussion::by_moderator(std::size_t index) const {
  const DiscussionEvent& event = (*this)[index];
  return event.kind == DiscussionEvent::Kind::moderator || (record.moderator && event.name == *record.moderator);
}

Speaker ExportedDiscussion::speaker(std::size_t index) const {
  const DiscussionEvent& event = (*this)[index];
  if (by_moderator(index)) {
    const std::string prompt = record.moderator_prompt.value_or(std::string());
    return {prompt, persona_in_prompt(prompt), record.moderator_prompt.has_value()};
  }
  if (!event.prompt.empty()) {
    // The prompt of an opening tells nothing: what its speaker is told later does.
    const std::string* telling = &event.prompt;
    for (std::size_t i = 0; event.kind == DiscussionEvent::Kind::seed && i < size(); ++i) {
      if ((*this)[i].name != event.name || (*this)[i].kind == DiscussionEvent::Kind::seed) continue;
      telling = &(*this)[i].prompt;
      break;
    }
    return {*telling, persona_in_prompt(*telling), true};
  }
  const auto at = std::find(record.users.begin(), record.users.end(), event.name);
  if (at == record.users.end()) return {};
  const auto user = static_cast<std::size_t>(at - record.users.begin());
  Speaker speaker{{}, nullptr, true};
  if (user < record.user_prompts.size()) speaker.prompt = record.user_prompts[user];
  if (user < record.personas.size()) speaker.persona = record.personas[user];
  return speaker;
}

std::string note_of_lost(std::uint64_t annotations) {
  return counted(annotations, "annotation is", "annotations are") +
         " of discussions that are not among the selected runs: left out";
}

ExportSet gather(const std::vector<const BatchView*>& batches, Beside beside) {
  ExportSet set;
  Parsers parsers;
  std::vector<std::string> made_of;  // of each annotation: "BATCH:ID" of its discussion, or ""
  std::uint64_t unfinished_discussions = 0, unfinished_annotations = 0;
  for (const BatchView* batch : batches) {
    const bool discussions = batch->info().kind == "discussion";
    if (!discussions && batch->info().kind != "annotation") continue;
    batch->each(true, [&](const RunView& run) {
      if (run.status != Status::complete) {
        ++(discussions ? unfinished_discussions : unfinished_annotations);
        return;
      }
      ++set.runs;
      if (discussions) {
        set.discussions.push_back(exported_discussion(run, batch->info()));
      } else {
        set.annotations.push_back(exported_annotation(run, batch->info(), parsers));
        made_of.push_back(run.data.is_object() ? text_at(run.data.value("discussion", Json()), "run") : std::string());
      }
    });
  }
  if (set.discussions.empty()) {
    throw Error(
        "empty",
        unfinished_discussions > 0 ? "none of the selected discussions is COMPLETE" : "no discussion is selected", {},
        set.annotations.empty() ? "" : "annotations are shown beside the comments: select their discussions too");
  }
  if (unfinished_discussions > 0) {
    set.notes.push_back(counted(unfinished_discussions, "discussion is", "discussions are") +
                        " not COMPLETE: left out");
  }
  if (unfinished_annotations > 0) {
    set.notes.push_back(counted(unfinished_annotations, "annotation is", "annotations are") +
                        " not COMPLETE: left out");
  }
  if (beside == Beside::comments) Joining(set).join_all(made_of);
  return set;
}

std::string field_text(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

const Json& field_of(const Json& persona, std::string_view field) {
  static const Json none;
  if (!persona.is_object()) return none;
  const auto at = persona.find(std::string(field));
  return at == persona.end() ? none : *at;
}

std::string variant_of(const std::string& file, const BatchInfo& batch) {
  if (file.empty()) return batch.name;
  const std::filesystem::path below = std::filesystem::path(file).parent_path();
  if (!below.empty()) return below.filename().string();
  // What was loaded was the file itself, or the folder it lies in.
  std::filesystem::path loaded = batch.source;
  if (!loaded.has_filename()) loaded = loaded.parent_path();
  const std::string name = (loaded.extension() == ".json" ? loaded.parent_path() : loaded).filename().string();
  return name.empty() || name == "." || name == ".." ? batch.name : name;
}

}  // namespace assay
