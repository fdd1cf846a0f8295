#include "experiments/discussion/prompt_forms.hpp"

#include <algorithm>

#include "core/text/python_json.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr const char* kInstructions = "special_instructions";
constexpr const char* kCharacteristics = "personality_characteristics";
constexpr const char* kIntent = "intent";

/// What stands for a field that a persona lacks.
Json absent_value(const std::string& field) {
  if (field == "age") return -1;
  if (field == kCharacteristics) return Json::array();
  return "";
}

Json value_of(const Json& persona, const std::string& field) {
  if (persona.is_object()) {
    if (const auto found = persona.find(field); found != persona.end()) return *found;
    if (field == kInstructions || field == kIntent) {
      const auto other = persona.find(field == kIntent ? kInstructions : kIntent);
      if (other != persona.end()) return *other;
    }
  }
  return absent_value(field);
}

std::string sex_word(const Json& persona) {
  const std::string sex = to_lower(python_str(value_of(persona, "sex")));
  return sex == "male" ? "man" : sex == "female" ? "woman" : "non-binary";
}

std::vector<std::string> fields(const Json& persona) {
  std::vector<std::string> out;
  for (const std::string& field : persona_fields()) out.push_back(field + ": " + python_str(value_of(persona, field)));
  return out;
}

std::vector<std::string> phrases(const Json& persona, bool intent) {
  const auto value = [&](const char* field) { return python_str(value_of(persona, field)); };
  std::vector<std::string> out = {value("age") + " years old", value("sexual_orientation"), value("demographic_group"),
                                  value("current_employment")};
  const Json characteristics = value_of(persona, kCharacteristics);
  if (characteristics.is_array()) {
    for (const Json& one : characteristics) out.push_back(python_str(one));
  } else {
    out.push_back(python_str(characteristics));
  }
  out.push_back(sex_word(persona));
  out.push_back("with " + value("education_level") + (intent ? " education" : " education."));
  out.push_back(intent ? "and " + value(kIntent) + " intent" : value(kInstructions));
  return out;
}

/// The traits that a text prompt lists.
std::string attributes_of(const PromptSpeaker& speaker, std::string_view style) {
  if (!speaker.attributes.empty() || speaker.persona.is_null()) return joined(speaker.attributes, ", ");
  return persona_attributes(speaker.persona, style == "auto" ? style_of(speaker.persona) : style);
}

/// The persona that a JSON prompt holds.
Json persona_of(Generation format, const PromptSpeaker& speaker) {
  if (speaker.persona.is_null()) return moderator_persona(format, speaker.name, speaker.attributes);
  // What moderator_persona=FILE gives is taken as it is.
  if (speaker.role == PromptSpeaker::Role::moderator) return speaker.persona;
  Json persona = speaker.persona;
  if (!speaker.attributes.empty() && !persona.contains(kCharacteristics)) {
    persona[kCharacteristics] = speaker.attributes;
  }
  return prompt_persona(format, persona);
}

std::string type_of(Generation format, PromptSpeaker::Role role) {
  const bool annotator = role == PromptSpeaker::Role::annotator;
  if (format == Generation::g5) return annotator ? "annotator" : "user";
  return annotator ? "2" : "1";
}

std::string user_message(std::string content) {
  return python_json_line(Json{{"role", "user"}, {"content", std::move(content)}});
}

}  // namespace

const std::vector<std::string>& persona_fields() {
  static const std::vector<std::string> kFields = {"username",
                                                   "age",
                                                   "sex",
                                                   "sexual_orientation",
                                                   "demographic_group",
                                                   "current_employment",
                                                   "education_level",
                                                   kInstructions,
                                                   kCharacteristics};
  return kFields;
}

std::string persona_attributes(const Json& persona, std::string_view style) {
  if (style == "auto") style = style_of(persona);
  if (style == "phrases" || style == "phrases_intent") {
    return joined(phrases(persona, style == "phrases_intent"), ", ");
  }
  auto parts = fields(persona);
  if (style == "fields_sex") parts.push_back(sex_word(persona));
  return joined(parts, ", ");
}

std::string_view style_of(const Json& persona) {
  const bool intent = persona.is_object() && persona.contains(kIntent) && !persona.contains(kInstructions);
  return intent ? "phrases_intent" : "fields_sex";
}

Json prompt_persona(Generation format, const Json& persona) {
  if (format == Generation::g5) return persona;
  Json out = Json::object();
  for (const std::string& field : persona_fields()) out[field] = value_of(persona, field);
  return out;
}

Json moderator_persona(Generation format, const std::string& name, const std::vector<std::string>& attributes) {
  if (format != Generation::g5 && attributes.empty()) {
    return Json{{"username", name},
                {"age", 30},
                {"sex", "male"},
                {"sexual_orientation", "unknown"},
                {"demographic_group", "unknown"},
                {"current_employment", "moderator"},
                {"education_level", "bachelors"},
                {kInstructions, ""},
                {kCharacteristics, Json::array({"fair"})}};
  }
  return prompt_persona(format, Json{{"username", name}, {kCharacteristics, attributes}});
}

std::string system_prompt(Generation format, const PromptSpeaker& speaker, std::string_view context,
                          std::string_view topic, std::string_view style) {
  if (has_json_prompts(format)) {
    return python_json_line(Json{{"context", context},
                                 {"instructions", speaker.instructions},
                                 {"type", type_of(format, speaker.role)},
                                 {"persona", persona_of(format, speaker)}});
  }
  const std::string said(context);
  if (format == Generation::g0) {
    const bool annotator = speaker.role == PromptSpeaker::Role::annotator;
    return "You are " + speaker.name + " " + attributes_of(speaker, style) + ". Context: " + said +
           (annotator ? "" : " '" + std::string(topic) + "'") + ". Your instructions: " + speaker.instructions + ".";
  }
  return said + " Your name is " + speaker.name + ". Your traits: " + attributes_of(speaker, "fields") +
         " Your instructions: " + speaker.instructions;
}

std::string turn_prompt(Generation format, std::string_view name, std::string_view history) {
  const std::string shown(history);
  if (format == Generation::g5) return user_message("Comments so far: " + shown + ".\nYour comment:");
  std::string text = shown + "\nUser " + std::string(name) + " posted:";
  return format == Generation::g4 ? user_message(std::move(text)) : text;
}

std::string selector_system() { return "You choose who speaks next in a discussion."; }

std::string selector_prompt(std::string_view history, const std::vector<std::string>& participants) {
  return std::string(history) + "\nParticipants: " + joined(participants, ", ") + "\nAnswer with one name.";
}

std::string annotation_prompt(Generation format, std::string_view history) {
  const std::string shown(history);
  if (format == Generation::g5) return user_message("Comments so far: " + shown + ".\nYour annotation:");
  if (format == Generation::g4) return user_message("Conversation so far:\n" + shown + "\nOutput:");
  return "Conversation so far:\n\n" + shown + "\nOutput:";
}

std::string_view annotator_context(Generation format) {
  if (format == Generation::g0) return "";
  return format <= Generation::g2 ? "You are a human working as an annotator" : "You are a human annotator";
}

std::string_view annotator_name(Generation format) {
  return format == Generation::g0 || has_json_prompts(format) ? "" : "annotator";
}

}  // namespace assay
