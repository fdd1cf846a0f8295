#include "experiments/discussion/record.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/history_window.hpp"
#include "experiments/discussion/result_file.hpp"
#include "experiments/discussion/speakers.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

using EventKind = DiscussionEvent::Kind;

constexpr std::string_view kModerator = "moderator";

std::string_view to_text(EventKind kind) {
  return kind == EventKind::seed ? "seed" : kind == EventKind::moderator ? "moderator" : "user";
}

/// One file's JSON, with its place in messages.
class SourceReader {
 public:
  SourceReader(const Json& source, const std::string& file) : source_(source), file_(file) {}

  [[noreturn]] void refuse(const std::string& what, const std::string& expected) const {
    throw Error("file", what + ", expected " + expected, file_);
  }

  std::string text(const char* key) const {
    const auto found = source_.find(key);
    if (found == source_.end()) return {};
    if (!found->is_string()) refuse('"' + std::string(key) + "\" is " + dump_json(*found), "a text");
    return found->get<std::string>();
  }

  std::optional<std::string> text_or_null(const char* key) const {
    const auto found = source_.find(key);
    if (found == source_.end() || found->is_null()) return std::nullopt;
    return text(key);
  }

  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    const auto found = source_.find(key);
    if (found == source_.end()) return out;
    if (!found->is_array()) refuse('"' + std::string(key) + "\" is no list", "a list of texts");
    for (const Json& one : *found) {
      if (!one.is_string()) refuse('"' + std::string(key) + "\" holds " + dump_json(one), "a list of texts");
      out.push_back(one.get<std::string>());
    }
    return out;
  }

  std::vector<DiscussionEvent> log() const {
    const auto found = source_.find("logs");
    if (found == source_.end() || !found->is_array()) refuse("there is no list \"logs\"", "the comments");
    std::vector<DiscussionEvent> events;
    for (std::size_t i = 0; i < found->size(); ++i) events.push_back(entry((*found)[i], i));
    return events;
  }

 private:
  DiscussionEvent entry(const Json& entry, std::size_t index) const {
    const std::string place = "logs[" + std::to_string(index) + "]";
    DiscussionEvent event;
    if (entry.is_array()) {
      if (entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string()) {
        refuse(place + " is " + shortened(entry), "[name, text]");
      }
      event.name = entry[0].get<std::string>();
      event.text = entry[1].get<std::string>();
      return event;
    }
    if (!entry.is_object()) refuse(place + " is " + shortened(entry), R"({"name", "text", "model"})");
    for (const auto& [key, member, needed] : {std::tuple{"name", &DiscussionEvent::name, true},
                                              {"text", &DiscussionEvent::text, true},
                                              {"model", &DiscussionEvent::model, false},
                                              {"prompt", &DiscussionEvent::prompt, false}}) {
      const auto found = entry.find(key);
      if (found == entry.end() || found->is_null()) {
        if (needed && found == entry.end()) refuse(place + " has no \"" + key + "\"", "a text");
        continue;
      }
      if (!found->is_string()) refuse(place + "." + key + " is " + shortened(*found), "a text");
      event.*member = found->get<std::string>();
    }
    return event;
  }

  static std::string shortened(const Json& value) {
    constexpr std::size_t kMost = 60;
    const std::string text = dump_json(value);
    return text.size() <= kMost ? text : text.substr(0, kMost) + "..";
  }

  const Json& source_;
  const std::string& file_;
};

/// Kinds, turns and silence of a file's entries.
void classify(DiscussionRecord& record) {
  const SilenceRule silent("quotes");
  bool opening = true;
  std::uint32_t turn = 0;
  for (DiscussionEvent& event : record.events) {
    opening = opening && event.model == kOpeningModel;
    event.kind = opening                                               ? EventKind::seed
                 : record.moderator && event.name == *record.moderator ? EventKind::moderator
                                                                       : EventKind::user;
    if (event.kind == EventKind::user) ++turn;
    event.turn = turn;
    event.silent = silent(event.text);
  }
}

/// Files of g5 name nobody but those who speak.
void find_speakers(DiscussionRecord& record) {
  for (const DiscussionEvent& event : record.events) {
    if (event.name.find(kModerator) != std::string::npos) {
      if (!record.moderator) record.moderator = event.name;
    } else if (std::find(record.users.begin(), record.users.end(), event.name) == record.users.end()) {
      record.users.push_back(event.name);
    }
  }
  for (const std::string& user : record.users) {
    Json persona;
    for (const DiscussionEvent& event : record.events) {
      if (event.name == user && persona.is_null()) persona = persona_in_prompt(event.prompt);
      if (record.moderator && event.name == *record.moderator && event.model != kOpeningModel) {
        record.moderator_prompt = event.prompt;
      }
    }
    record.personas.push_back(std::move(persona));
  }
}

/// What stands for history_ctx_len in files: g0 and g1 wrote how many items the window held at its end.
Json context_length(const DiscussionSettings& settings, const std::vector<DiscussionEvent>& events) {
  const auto keep = settings.text.history;
  if (keep && settings.format > Generation::g1) return *keep;
  HistoryWindow window(keep);
  for (const DiscussionEvent& event : events) {
    if (takes_place(event, settings)) window.push({});
  }
  return window.size();
}

bool by_moderator(const ContextMessage& message) {
  return message.more.is_object() && message.more.value("kind", std::string()) == to_text(EventKind::moderator);
}

DiscussionRecord own_record(const RunView& run, const DiscussionSettings* at_end) {
  const DiscussionParts parts = parts_of(run.data);
  const DiscussionSettings& settings = at_end != nullptr ? *at_end : parts.settings;
  DiscussionRecord record;
  record.format = settings.format;
  record.id = parts.design.id;
  for (const Participant& user : parts.design.users) {
    record.users.push_back(user.name);
    record.personas.push_back(user.persona);
  }
  // Who moderated the shared turns of a fork stays known, whether asked to go on or not.
  DiscussionSettings moderated = settings;
  moderated.include_mod = settings.include_mod || std::any_of(run.context.begin(), run.context.end(), by_moderator);
  SystemPrompts prompts = system_prompts(moderated, parts.design);
  record.user_prompts = std::move(prompts.users);
  record.moderator_prompt = std::move(prompts.moderator);
  if (moderated.include_mod) record.moderator = parts.design.moderator;
  WallTime ended = run.status == Status::complete ? run.ended_at : 0;
  for (const ContextMessage& message : run.context) {
    record.events.push_back(event_of(message));
    if (!message.more.is_object()) continue;
    record.stop_reason = message.more.value("stop", record.stop_reason);
    ended = message.more.value("at", ended);
  }
  if (ended != 0) record.timestamp = result_timestamp(ended);
  record.ctx_length = context_length(settings, record.events);
  return record;
}

}  // namespace

bool takes_place(const DiscussionEvent& event, const DiscussionSettings& settings) {
  return event.logged && (event.kind != EventKind::moderator || !event.silent || settings.mod_silence_slot);
}

ContextMessage to_message(const DiscussionEvent& event, std::optional<std::size_t> index) {
  Json more = {{"name", event.name}, {"model", event.model}, {"kind", to_text(event.kind)}, {"turn", event.turn}};
  if (index) more["index"] = *index;
  if (event.silent) more["silent"] = true;
  if (!event.banned.empty()) more["banned"] = event.banned;
  return {event.kind == EventKind::seed ? "user" : "assistant", Json(event.text), std::move(more)};
}

DiscussionEvent event_of(const ContextMessage& message) {
  const Json& more = message.more;
  if (!more.is_object()) throw Error("file", "a message of the discussion says nothing of its speaker", "context");
  DiscussionEvent event;
  event.name = more.value("name", std::string());
  event.text = message.content.is_string() ? message.content.get<std::string>() : dump_json(message.content);
  event.model = more.value("model", std::string());
  const std::string kind = more.value("kind", std::string());
  event.kind = kind == to_text(EventKind::seed)        ? EventKind::seed
               : kind == to_text(EventKind::moderator) ? EventKind::moderator
                                                       : EventKind::user;
  event.turn = more.value("turn", 0U);
  event.silent = more.value("silent", false);
  event.logged = more.contains("index");
  event.banned = more.value("banned", std::string());
  return event;
}

std::vector<const DiscussionEvent*> DiscussionRecord::log() const {
  std::vector<const DiscussionEvent*> entries;
  for (const DiscussionEvent& event : events) {
    if (event.logged) entries.push_back(&event);
  }
  return entries;
}

DiscussionRecord record_of_file(Json source, Generation format, const std::string& file) {
  DiscussionRecord record;
  record.format = format;
  record.loaded = true;
  record.file = file;
  const SourceReader reader(source, file);
  record.id = format == Generation::g5 ? file : reader.text("id");
  record.timestamp = reader.text("timestamp");
  record.events = reader.log();
  if (format == Generation::g5) {
    find_speakers(record);
  } else {
    record.users = reader.texts("users");
    record.moderator = reader.text_or_null("moderator");
    record.user_prompts = reader.texts("user_prompts");
    record.moderator_prompt = reader.text_or_null("moderator_prompt");
    record.ctx_length = source.value("ctx_length", Json());
    if (!record.user_prompts.empty() && record.user_prompts.size() != record.users.size()) {
      reader.refuse(counted(record.users.size(), "user", "users") + ", but " +
                        counted(record.user_prompts.size(), "prompt", "prompts") + " of users",
                    "one a user");
    }
    for (std::size_t i = 0; i < record.users.size(); ++i) {
      record.personas.push_back(i < record.user_prompts.size() ? persona_in_prompt(record.user_prompts[i]) : Json());
    }
  }
  classify(record);
  record.source = std::move(source);
  return record;
}

namespace {

DiscussionRecord read_record(const RunView& run, const DiscussionSettings* settings) {
  const Json& data = run.data;
  if (!data.is_object()) throw Error("file", "run " + run.run_id + " is no discussion");
  if (!data.contains("source") || data.contains("forked_from")) return own_record(run, settings);
  const auto format = generation_from(data.value("format", std::string("g2")));
  if (!format) throw Error("file", "found " + dump_json(data["format"]) + ", expected g0 .. g5", "format");
  DiscussionRecord record = record_of_file(data["source"], *format, data.value("file", run.run_id));
  record.source_text = data.value("source_text", std::string());
  return record;
}

}  // namespace

DiscussionRecord discussion_record(const RunView& run, const DiscussionSettings* settings) {
  try {
    return read_record(run, settings);
  } catch (const Json::exception& problem) {  // a save that somebody has changed
    throw Error("file", "it holds what no discussion holds: " + std::string(problem.what()), run.run_id);
  }
}

}  // namespace assay
