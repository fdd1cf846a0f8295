#include "experiments/discussion/speakers.hpp"

#include "core/text/error.hpp"
#include "core/text/python_json.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {
namespace {

std::string between(const std::string& text, std::string_view from, std::string_view to) {
  const auto begin = text.find(from);
  if (begin == std::string::npos) return {};
  const auto end = text.find(to, begin + from.size());
  return end == std::string::npos ? "" : text.substr(begin + from.size(), end - begin - from.size());
}

std::string text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The context prompt that a system message begins with.
std::string context_in(const std::string& prompt, Generation format) {
  if (has_json_prompts(format)) {
    const auto fields = parse_json_lenient(prompt);
    return fields && fields->is_object() ? text_in(*fields, "context") : "";
  }
  if (format == Generation::g0) return between(prompt, " Context: ", " '");
  const auto end = prompt.find(" Your name is ");
  return end == std::string::npos ? "" : prompt.substr(0, end);
}

std::string topic_of(const DiscussionDesign& design) {
  return design.openings.empty() ? std::string() : design.openings.front().text;
}

DiscussionParts parts_of_file(const Json& data) {
  RunView view;
  view.data = data;
  view.data.erase("forked_from");
  const DiscussionRecord record = discussion_record(view);
  if (record.user_prompts.empty()) {
    throw Error("usage", record.file + " holds no users and prompts: it can't go on", {},
                "results of g0 to g4 can; those of g5 name no users");
  }
  DiscussionParts parts;
  parts.from_file = true;
  parts.design.id = data.value("id", record.id);
  parts.design.seed = NamedStream(record.id).state();
  for (std::size_t i = 0; i < record.users.size(); ++i) {
    parts.design.users.push_back(
        {record.users[i], i < record.personas.size() ? record.personas[i] : Json(), {}, false});
  }
  DiscussionSettings& settings = parts.settings;
  settings.format = record.format;
  settings.user_prompts = record.user_prompts;
  settings.include_mod = record.moderator.has_value();
  if (record.moderator) parts.design.moderator = *record.moderator;
  settings.moderator_prompt = record.moderator_prompt.value_or("");
  if (record.ctx_length.is_number_unsigned()) settings.text.history = record.ctx_length.get<std::size_t>();
  settings.context = context_in(record.user_prompts.front(), record.format);
  settings.moderator_attributes = {"just", "strict", "understanding"};
  if (record.format == Generation::g0) {  // the topic stands in its prompts, not in its log
    parts.design.openings.push_back({"", between(record.user_prompts.front(), " '", "'. Your instructions: "), ""});
  }
  settings.text.trim = has_json_prompts(record.format);
  settings.num_turns = 0;
  for (const DiscussionEvent& event : record.events) {
    if (event.kind == DiscussionEvent::Kind::seed) parts.design.openings.push_back({event.name, event.text, ""});
    settings.num_turns = std::max(settings.num_turns, event.turn);
    std::string& model = event.kind == DiscussionEvent::Kind::moderator ? settings.mod_pseudoname : settings.pseudoname;
    if (event.kind != DiscussionEvent::Kind::seed) model = event.model;
  }
  return parts;
}

}  // namespace

std::string user_system_prompt(const DiscussionSettings& settings, const DiscussionDesign& design, std::size_t user) {
  if (!settings.user_prompts.empty()) return settings.user_prompts.at(user);
  const Participant& participant = design.users.at(user);
  PromptSpeaker speaker;
  speaker.name = participant.name;
  speaker.persona = participant.persona;
  speaker.attributes = participant.attributes;
  speaker.instructions = participant.troll ? settings.troll_instructions : settings.user_instructions;
  return system_prompt(settings.format, speaker, settings.context, topic_of(design), settings.persona_style);
}

std::optional<std::string> moderator_system_prompt(const DiscussionSettings& settings, const DiscussionDesign& design) {
  if (!settings.include_mod) return std::nullopt;
  if (!settings.moderator_prompt.empty()) return settings.moderator_prompt;
  PromptSpeaker moderator;
  moderator.role = PromptSpeaker::Role::moderator;
  moderator.name = design.moderator;
  moderator.instructions = settings.mod_instructions;
  if (has_json_prompts(settings.format)) {
    moderator.persona = settings.moderator_persona.is_object()
                            ? settings.moderator_persona
                            : moderator_persona(settings.format, design.moderator, settings.moderator_attributes);
  } else {
    moderator.attributes = settings.moderator_attributes;
  }
  return system_prompt(settings.format, moderator, settings.context, topic_of(design), settings.persona_style);
}

SystemPrompts system_prompts(const DiscussionSettings& settings, const DiscussionDesign& design) {
  SystemPrompts prompts;
  for (std::size_t i = 0; i < design.users.size(); ++i)
    prompts.users.push_back(user_system_prompt(settings, design, i));
  prompts.moderator = moderator_system_prompt(settings, design);
  return prompts;
}

std::string with_instructions(Generation format, const std::string& prompt, const std::string& instructions) {
  if (has_json_prompts(format)) {
    Json fields = parse_json(prompt, "moderator_prompt");
    if (!fields.is_object())
      throw Error("file", "the moderator's prompt is no JSON object: its instructions can't change",
                  "moderator_prompt");
    fields["instructions"] = instructions;
    return python_json_line(fields);
  }
  constexpr std::string_view kMark = "our instructions: ";  // "Your", g0's too
  const auto at = prompt.find(kMark);
  if (at == std::string::npos) return prompt + " Your instructions: " + instructions;
  return prompt.substr(0, at + kMark.size()) + instructions + (format == Generation::g0 ? "." : "");
}

bool asks_selector(const DiscussionSettings& settings, const DiscussionDesign& design) {
  return settings.turn_policy == "llm" && design.speakers.empty();
}

DiscussionParts parts_of(const Json& data) {
  if (data.is_object() && data.contains("design")) {
    return {design_from(data["design"]), settings_from(data.value("settings", Json())), false};
  }
  return parts_of_file(data);
}

}  // namespace assay
