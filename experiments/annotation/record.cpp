#include "experiments/annotation/record.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/python_json.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/result_file.hpp"

namespace assay {
namespace {

constexpr const char* kType = "annotator_type";

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string text_of(const Json& value, const char* key, const std::string& place) {
  if (!value.is_object() || !value.contains(key)) return {};
  const Json& found = value[key];
  if (!found.is_string()) throw Error("file", '"' + std::string(key) + "\" is no text", place);
  return found.get<std::string>();
}

/// The annotations of g1 to g3 differ in their annotator's context only, those of the first weeks of g1 in a key too.
Generation annotation_generation(const Json& value) {
  if (!value.contains("conv_id")) return Generation::g5;
  const Json& found = value.value("annotator_prompt", Json());
  const std::string prompt = found.is_string() ? found.get<std::string>() : std::string();
  if (json_prompt(prompt)) return Generation::g4;
  if (value.contains(kType)) {
    return prompt.starts_with("You are ") && contains(prompt, ". Context: ") ? Generation::g0 : Generation::g1;
  }
  return prompt.starts_with(annotator_context(Generation::g3)) ? Generation::g3 : Generation::g2;
}

AnnotationRecord::Entry entry_of(const Json& entry, std::size_t index, const std::string& place) {
  const std::string where = place + ": logs[" + std::to_string(index) + "]";
  AnnotationRecord::Entry read;
  if (entry.is_object()) {
    read.name = text_of(entry, "name", where);
    read.annotation = text_of(entry, "text", where);
    return read;
  }
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string()) {
    throw Error("file", "it is no pair of texts, expected [message, annotation]", where);
  }
  read.message = entry[0].get<std::string>();
  read.annotation = entry[1].get<std::string>();
  return read;
}

AnnotationRecord record_of_annotation_file(Json source, Generation format, const std::string& file) {
  AnnotationRecord record;
  record.format = format;
  record.loaded = true;
  record.file = file;
  record.conv_id = text_of(source, "conv_id", file);
  record.timestamp = text_of(source, "timestamp", file);
  record.ctx_length = source.value("ctx_length", Json());
  const Json& logs = source.value("logs", Json());
  if (!logs.is_array()) throw Error("file", "there is no list \"logs\"", file);
  for (std::size_t i = 0; i < logs.size(); ++i) record.entries.push_back(entry_of(logs[i], i, file));
  if (format == Generation::g5) {
    if (!logs.empty()) {
      record.annotator_model = text_of(logs[0], "model", file);
      record.annotator_prompt = text_of(logs[0], "prompt", file);
    }
  } else {
    record.annotator_model = text_of(source, "annotator_model", file);
    record.annotator_prompt = text_of(source, "annotator_prompt", file);
  }
  record.persona = persona_in_prompt(record.annotator_prompt);
  record.source = std::move(source);
  return record;
}

AnnotationRecord own_annotation(const RunView& run) {
  const AnnotationTask task = annotation_task(run.data);
  AnnotationRecord record;
  record.format = task.settings.format;
  record.conv_id = task.conv_id;
  record.annotator_model = task.settings.pseudoname;
  record.annotator_prompt = annotator_prompt(task);
  record.persona = task.persona;
  const auto history = task.settings.whole_discussion ? std::nullopt : task.settings.text.history;
  record.ctx_length = history.value_or(task.log.size());
  WallTime ended = run.status == Status::complete ? run.ended_at : 0;
  for (const ContextMessage& message : run.context) {
    const Json& more = message.more;
    const std::string text =
        message.content.is_string() ? message.content.get<std::string>() : dump_json(message.content);
    if (message.role == "user") {
      AnnotationRecord::Entry entry;
      const Json index = more.is_object() ? more.value("index", Json()) : Json();
      if (!index.is_number_unsigned() || index.get<std::size_t>() >= task.log.size()) {
        throw Error("file",
                    "a judged comment stands at " + dump_json(index) + ", expected 0 to " +
                        std::to_string(task.log.size()) + " - 1",
                    run.run_id);
      }
      entry.index = index.get<std::size_t>();
      if (more.is_object()) entry.name = more.value("name", std::string());
      entry.message = text;
      record.entries.push_back(std::move(entry));
    } else if (!record.entries.empty()) {
      record.entries.back().annotation = text;
      if (more.is_object()) ended = more.value("at", ended);
    }
  }
  // The last comment has been shown, but not judged yet.
  if (!run.context.empty() && run.context.back().role == "user") record.entries.pop_back();
  if (ended != 0) record.timestamp = result_timestamp(ended);
  return record;
}

enum class Schema { typed, modelled, prompts };
Schema schema_of(Generation format) {
  if (format == Generation::g0) return Schema::typed;
  return format == Generation::g5 ? Schema::prompts : Schema::modelled;
}
Schema schema_of(const AnnotationRecord& record) {
  return record.loaded && record.source.contains(kType) ? Schema::typed : schema_of(record.format);
}

AnnotationRecord read_record(const RunView& run) {
  const Json& data = run.data;
  if (data.is_object() && data.contains("annotator") && data.contains("discussion")) return own_annotation(run);
  if (!data.is_object() || !data.contains("source")) {
    throw Error("file", "run " + run.run_id + " is no annotation");
  }
  const auto format = generation_from(data.value("format", std::string("g2")));
  if (!format) throw Error("file", "found " + dump_json(data["format"]) + ", expected g0 .. g5", "format");
  AnnotationRecord record = record_of_annotation_file(data["source"], *format, data.value("file", run.run_id));
  record.source_text = data.value("source_text", std::string());
  return record;
}

}  // namespace

AnnotationRecord annotation_record(const RunView& run) {
  try {
    return read_record(run);
  } catch (const Json::exception& problem) {  // a save that somebody has changed
    throw Error("file", "it holds what no annotation holds: " + std::string(problem.what()), run.run_id);
  }
}

bool join(AnnotationRecord& annotation, const DiscussionRecord& discussion) {
  const auto log = discussion.log();
  const auto unknown = [](const auto& entry) { return !entry.index; };
  if (std::none_of(annotation.entries.begin(), annotation.entries.end(), unknown)) {
    // The discussion may have been held again since.
    return std::all_of(annotation.entries.begin(), annotation.entries.end(), [&](const auto& entry) {
      return *entry.index < log.size() && log[*entry.index]->text == entry.message;
    });
  }
  // SynDisco left out whoever's name holds "moderator".
  std::vector<std::size_t> all, others, unlike;
  for (std::size_t i = 0; i < log.size(); ++i) {
    all.push_back(i);
    if (!discussion.moderator || log[i]->name != *discussion.moderator) others.push_back(i);
    if (!contains(ascii_lower(log[i]->name), "moderator")) unlike.push_back(i);
  }
  // Annotations of g5 hold the speakers, not the comments.
  const bool by_name = annotation.format == Generation::g5;
  for (const auto& indices : {all, others, unlike}) {
    const auto fits = [&](const AnnotationRecord::Entry& entry, std::size_t index) {
      return by_name ? entry.name == log[index]->name : entry.message == log[index]->text;
    };
    if (!std::equal(annotation.entries.begin(), annotation.entries.end(), indices.begin(), indices.end(), fits)) {
      continue;
    }
    for (std::size_t i = 0; i < indices.size(); ++i) {
      AnnotationRecord::Entry& entry = annotation.entries[i];
      entry.index = indices[i];
      entry.name = log[indices[i]]->name;
      if (by_name) entry.message = log[indices[i]]->text;
    }
    return true;
  }
  return false;
}

std::string annotation_file(const AnnotationRecord& record, Generation format) {
  const Schema schema = schema_of(format);
  std::string out;
  if (record.loaded && (record.format == format || schema_of(record) == schema)) {
    if (!record.source_text.empty()) return record.source_text;
    append_python_json(out, record.source);
    return out;
  }
  if (record.loaded && record.format == Generation::g5) {
    throw Error("usage",
                record.file + " is of g5: it names no discussion and no comments, which files of " +
                    std::string(to_text(format)) + " hold",
                {}, "export syndisco, or syndisco:g5");
  }
  Json file = Json::object();
  if (schema != Schema::prompts) file["conv_id"] = record.conv_id;
  file["timestamp"] = record.timestamp;
  if (schema == Schema::typed) file[kType] = "LLMAnnotator";
  if (schema == Schema::modelled) file["annotator_model"] = record.annotator_model;
  if (schema != Schema::prompts) {
    file["annotator_prompt"] = record.annotator_prompt;
    file["ctx_length"] = record.ctx_length;
  }
  Json logs = Json::array();
  for (const AnnotationRecord::Entry& entry : record.entries) {
    logs.push_back(schema == Schema::prompts ? Json{{"name", entry.name},
                                                    {"text", entry.annotation},
                                                    {"model", record.annotator_model},
                                                    {"prompt", record.annotator_prompt}}
                                             : Json::array({entry.message, entry.annotation}));
  }
  file["logs"] = std::move(logs);
  append_python_json(out, file);
  return out;
}

std::vector<NewRun> load_annotation_results(const std::filesystem::path& path, bool skip_bad,
                                            std::vector<std::string>& warnings) {
  const auto make = [&](Json source, const std::string& name) {
    const Generation format = annotation_generation(source);
    const AnnotationRecord record = record_of_annotation_file(std::move(source), format, name);
    if (record.conv_id.empty()) {
      warnings.push_back(name + " names no discussion (conv_id): it joins none");
    }
    NewRun run;
    run.data = {{"format", to_text(format)}};
    for (std::size_t i = 0; i < record.entries.size(); ++i) {
      const AnnotationRecord::Entry& entry = record.entries[i];
      run.context.push_back({"user", entry.message, Json{{"entry", i}}});
      run.context.push_back({"assistant", entry.annotation, Json{{"entry", i}}});
    }
    run.steps = static_cast<std::uint32_t>(record.entries.size());
    return run;
  };
  return load_results(path, skip_bad, {ResultShape::annotation, make}, warnings);
}

}  // namespace assay
