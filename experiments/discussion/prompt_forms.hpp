#pragma once
// The two messages of every call, byte for byte as SynDisco's generations sent them. Specs: discussion.md 7. Pure
// functions: any thread.

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/discussion/generation.hpp"

namespace assay {

/// Whose system message it is.
struct PromptSpeaker {
  enum class Role { user, moderator, annotator } role = Role::user;
  std::string name;
  Json persona;                         ///< object, its keys in the file's order; null for a moderator of attributes
  std::vector<std::string> attributes;  ///< where not empty, used as they stand in place of the persona's
  std::string instructions;
};

/// fields, fields_sex, phrases, phrases_intent, auto (style_of): how g0 lists a persona; g1-g3 always `fields`. 7.2,
/// joined by ", ".
std::string persona_attributes(const Json& persona, std::string_view style);
/// persona_style=auto of g0.
std::string_view style_of(const Json& persona);

/// The persona object of g4 and g5 prompts (7.4): of g4 the nine fields, missing ones filled in; of g5 as it is.
Json prompt_persona(Generation format, const Json& persona);
/// The same of a moderator with these attributes; g4 without any has its own fixed one.
Json moderator_persona(Generation format, const std::string& name, const std::vector<std::string>& attributes);

/// The system message. `topic`: the text of the first opening (g0). The annotator's context: annotator_context().
std::string system_prompt(Generation format, const PromptSpeaker& speaker, std::string_view context,
                          std::string_view topic, std::string_view style = "fields");
/// The user message of a turn: `history` = window items joined by LF.
std::string turn_prompt(Generation format, std::string_view name, std::string_view history);
/// The messages of turn_policy=llm to the model that chooses who speaks. Specs: 4.1.
std::string selector_system();
std::string selector_prompt(std::string_view history, const std::vector<std::string>& participants);
/// The user message for an annotator.
std::string annotation_prompt(Generation format, std::string_view history);
std::string_view annotator_context(Generation format);
std::string_view annotator_name(Generation format);

/// The nine persona fields, in their order.
const std::vector<std::string>& persona_fields();

}  // namespace assay
