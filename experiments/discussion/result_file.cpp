#include "experiments/discussion/result_file.hpp"

#include <algorithm>
#include <map>
#include <system_error>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/local_time.hpp"
#include "core/text/python_json.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/prompt_forms.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".json";
constexpr const char* kSkip = "skip_bad=true loads the others";
constexpr std::size_t kMostNamed = 20;
constexpr std::size_t kIdShown = 8;  // of an id in a file name

bool has_entries_with(const Json& logs, const char* key) {
  return !logs.empty() && logs[0].is_object() && logs[0].contains(key);
}

/// Of g5, annotations too are lists of comments with prompts: the prompt tells whose.
bool has_annotator_prompts(const Json& logs) {
  const Json& prompt = logs[0]["prompt"];
  if (!prompt.is_string()) return false;
  const auto parsed = json_prompt(prompt.get_ref<const std::string&>());
  return parsed && parsed->value("type", Json()) == "annotator";
}

std::string without_ending(std::string name) {
  if (name.size() > kEnding.size() && name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
  return name;
}

void list_folder(const fs::path& folder, const std::string& prefix, ResultListing& listing) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) {
      listing.ignored.push_back(prefix + name);
    } else if (entry.is_directory() && !entry.is_symlink()) {
      list_folder(entry.path(), prefix + name + "/", listing);
    } else if (name.size() > kEnding.size() && name.ends_with(kEnding) && entry.is_regular_file()) {
      listing.files.push_back({entry.path(), prefix + name});
    } else {
      listing.ignored.push_back(prefix + name);
    }
  }
}

std::string named(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMostNamed)));
  if (names.size() > kMostNamed) shown.push_back("and " + std::to_string(names.size() - kMostNamed) + " more");
  return joined(shown, ", ");
}

const char* name_of(ResultShape shape) { return shape == ResultShape::annotation ? "annotation" : "discussion"; }

NewRun load_file(const ResultPath& file, const ResultKind& kind) {
  const std::string place = file.path.string();
  std::string text = read_file(place);
  if (text.empty()) throw Error("file", "the file is empty (0 bytes)", place, kSkip);
  Json source;
  try {
    source = parse_json(text, place);
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), error.place(), error.hint().empty() ? kSkip : error.hint());
  }
  const ResultShape shape = result_shape(source);
  if (shape == ResultShape::none) {
    throw Error("file",
                "it is no result: it needs `logs` with `users`, with `conv_id`, or with a `prompt` in each entry",
                place, kSkip);
  }
  if (shape != kind.shape) {
    throw Error("file",
                std::string("it is ") + (shape == ResultShape::annotation ? "an annotation" : "a discussion") +
                    ", expected results of " + name_of(kind.shape) + "s",
                place, std::string("load ") + name_of(shape) + " reads it");
  }
  std::string again;
  append_python_json(again, source);
  const bool same = again == text;
  NewRun run;
  try {
    run = kind.make(source, file.name);
  } catch (const Error& error) {
    throw Error(error.kind(), error.message(), place, kSkip);
  }
  run.id = file.name;
  run.status = Status::complete;
  Json data = {{"source", std::move(source)}, {"file", file.name}};
  data.update(run.data);
  if (!same) data["source_text"] = std::move(text);
  run.data = std::move(data);
  return run;
}

enum class Schema { pairs, entries, prompts };
Schema schema_of(Generation format) {
  if (format == Generation::g0) return Schema::pairs;
  return format == Generation::g5 ? Schema::prompts : Schema::entries;
}

Json or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

/// The system message of an event's speaker, as g5 files hold it.
std::string prompt_of(const DiscussionRecord& record, const DiscussionEvent& event) {
  if (!event.prompt.empty()) return event.prompt;
  if (event.kind == DiscussionEvent::Kind::moderator) return record.moderator_prompt.value_or("");
  const auto user = std::find(record.users.begin(), record.users.end(), event.name);
  if (event.kind == DiscussionEvent::Kind::seed || user == record.users.end()) {
    return python_json_line(Json{{"context", ""}, {"instructions", ""}, {"type", "user"}, {"persona", Json::object()}});
  }
  const auto at = static_cast<std::size_t>(user - record.users.begin());
  return at < record.user_prompts.size() ? record.user_prompts[at] : "";
}

Json log_entry(const DiscussionRecord& record, const DiscussionEvent& event, Schema schema) {
  if (schema == Schema::pairs) return Json::array({event.name, event.text});
  Json entry = {{"name", event.name}, {"text", event.text}, {"model", event.model}};
  if (schema == Schema::prompts) entry["prompt"] = prompt_of(record, event);
  return entry;
}

/// What stands at `path`: null when nothing, or nothing that could be read.
std::optional<std::string> text_at(const fs::path& path) {
  try {
    return read_file(path.string());
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The same run's file: it has its id, or, where files have none, its bytes.
bool is_of(const std::string& text, const std::string& id, const std::string& written) {
  if (text == written) return true;
  const auto value = parse_json_lenient(text);
  return value && value->is_object() && value->value("id", Json()) == id;
}

}  // namespace

ResultShape result_shape(const Json& value) {
  if (!value.is_object()) return ResultShape::none;
  const auto logs = value.find("logs");
  if (logs == value.end() || !logs->is_array()) return ResultShape::none;
  if (value.contains("conv_id")) return ResultShape::annotation;
  if (value.contains("users")) return ResultShape::discussion;
  if (logs->empty()) return value.contains("timestamp") ? ResultShape::discussion : ResultShape::none;
  if (!has_entries_with(*logs, "prompt")) return ResultShape::none;
  return has_annotator_prompts(*logs) ? ResultShape::annotation : ResultShape::discussion;
}

Generation discussion_generation(const Json& value) {
  if (!value.contains("users")) return Generation::g5;
  const Json& logs = value.at("logs");
  if (logs.empty() ? value.contains("user_types") : logs[0].is_array()) return Generation::g0;
  for (const char* key : {"user_prompts", "moderator_prompt"}) {
    const Json prompts = value.value(key, Json());
    const Json& prompt = prompts.is_array() && !prompts.empty() ? prompts[0] : prompts;
    if (prompt.is_string() && json_prompt(prompt.get_ref<const std::string&>())) return Generation::g4;
  }
  return Generation::g2;  // the files of g1, g2 and g3 are the same
}

ResultListing list_results(const fs::path& path) {
  ResultListing listing;
  if (!fs::is_directory(path)) {
    listing.files.push_back({path, without_ending(path.filename().string())});
    return listing;
  }
  try {
    list_folder(path, "", listing);
  } catch (const fs::filesystem_error& error) {
    throw Error("file", "it can't be read: " + error.code().message(), error.path1().string());
  }
  std::sort(listing.ignored.begin(), listing.ignored.end());
  if (listing.files.empty()) {
    throw Error("file",
                "the folder holds no *.json" +
                    (listing.ignored.empty() ? std::string(": it is empty") : "; seen: " + named(listing.ignored)),
                path.string());
  }
  std::sort(listing.files.begin(), listing.files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (ResultPath& file : listing.files) file.name = without_ending(std::move(file.name));
  return listing;
}

std::vector<NewRun> load_results(const fs::path& path, bool skip_bad, const ResultKind& kind,
                                 std::vector<std::string>& warnings) {
  const ResultListing listing = list_results(path);
  std::vector<NewRun> runs;
  std::vector<std::string> bad;
  for (const ResultPath& file : listing.files) {
    try {
      runs.push_back(load_file(file, kind));
    } catch (const Error& error) {
      if (!skip_bad) throw;
      bad.push_back(error.what());
      if (!error.hint().empty() && error.hint() != kSkip) bad.back() += " (" + error.hint() + ")";
    }
  }
  if (runs.empty()) {
    throw Error("file", "none of its " + counted(bad.size(), "file", "files") + " could be read: " + bad.front(),
                path.string());
  }
  for (std::string& problem : bad) warnings.push_back("left out: " + std::move(problem));
  if (!listing.ignored.empty()) {
    warnings.push_back(counted(listing.ignored.size(), "file that is", "files that are") +
                       " no result ignored: " + named(listing.ignored));
  }
  return runs;
}

std::vector<NewRun> load_discussion_results(const fs::path& path, bool skip_bad, std::vector<std::string>& warnings) {
  std::map<std::string, std::vector<std::string>> files_of;
  const auto make = [&](Json source, const std::string& name) {
    const Generation format = discussion_generation(source);
    const DiscussionRecord record = record_of_file(std::move(source), format, name);
    NewRun run;
    run.data = {{"format", to_text(format)}};
    for (std::size_t i = 0; i < record.events.size(); ++i) {
      run.context.push_back(to_message(record.events[i], i));
      run.steps = std::max(run.steps, record.events[i].turn);
    }
    files_of[record.id].push_back(name);
    return run;
  };
  auto runs = load_results(path, skip_bad, {ResultShape::discussion, make}, warnings);
  for (const auto& [id, files] : files_of) {
    if (files.size() < 2) continue;
    warnings.push_back(counted(files.size(), "file has", "files have") + " the id " + id +
                       ", all loaded: " + named(files));
  }
  return runs;
}

std::string discussion_file(const DiscussionRecord& record, Generation format) {
  const Schema schema = schema_of(format);
  std::string out;
  if (record.loaded && schema_of(record.format) == schema) {
    if (!record.source_text.empty()) return record.source_text;
    append_python_json(out, record.source);
    return out;
  }
  if (record.loaded && record.format == Generation::g5) {
    throw Error("usage",
                record.file + " is of g5: it names no users and prompts, which files of " +
                    std::string(to_text(format)) + " hold",
                {}, "export syndisco, or syndisco:g5");
  }
  Json file = Json::object();
  if (schema != Schema::prompts) {
    file["id"] = record.id;
    file["timestamp"] = record.timestamp;
    file["users"] = record.users;
    if (schema == Schema::pairs) file["user_types"] = std::vector<std::string>(record.users.size(), "str");
    file["moderator"] = or_null(record.moderator);
    if (schema == Schema::pairs) file["moderator_type"] = record.moderator ? Json("LLMUser") : Json();
    file["user_prompts"] = record.user_prompts;
    file["moderator_prompt"] = or_null(record.moderator_prompt);
    file["ctx_length"] = record.ctx_length;
  } else {
    file["timestamp"] = record.timestamp;
  }
  Json logs = Json::array();
  for (const DiscussionEvent* event : record.log()) logs.push_back(log_entry(record, *event, schema));
  file["logs"] = std::move(logs);
  append_python_json(out, file);
  return out;
}

std::string result_file_name(WallTime ended, const std::string& id) {
  return local_time(ended, "%y-%m-%d-%H-%M-%S") + "_" + safe_file_name(id.substr(0, kIdShown)) + std::string(kEnding);
}

std::string longer_result_stem(const std::string& stem, const std::string& id, std::size_t attempt) {
  std::string longer = stem;
  if (id.size() > kIdShown && stem.ends_with(safe_file_name(id.substr(0, kIdShown)))) {
    longer += safe_file_name(id.substr(kIdShown));
  }
  if (attempt == 0) return stem;
  return attempt == 1 ? longer : longer + "_" + std::to_string(attempt);
}

std::string result_timestamp(WallTime ended) { return local_time(ended, "%y-%m-%d-%H-%M"); }

std::string write_result(const fs::path& folder, const std::string& name, const std::string& id,
                         const std::string& text) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Error("file", "the folder can't be made: " + failed.message(), folder.string());
  const std::string stem = without_ending(name);
  for (std::size_t attempt = 0;; ++attempt) {
    const fs::path path = folder / (longer_result_stem(stem, id, attempt) + std::string(kEnding));
    AtomicFileOptions options{.compress_by_name = false, .may_replace = false, .follow_links = false};
    if (fs::exists(fs::symlink_status(path))) {
      const auto there = text_at(path);
      if (!there || !is_of(*there, id, text)) continue;
      options.may_replace = true;
    }
    try {
      write_file(path.string(), text, options);
      return path.string();
    } catch (const Error&) {
      // Another run may have taken the name in the meantime.
      if (options.may_replace || !fs::exists(fs::symlink_status(path))) throw;
    }
  }
}

}  // namespace assay
