#include <algorithm>
#include <charconv>

#include "core/text/error.hpp"
#include "core/text/python_literal.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {
namespace {

constexpr std::string_view kTraits = "Your traits: ", kInstructions = " Your instructions:", kContext = ". Context: ",
                           kYouAre = "You are ";
constexpr std::string_view kSeparator = ", ";

/// `age` is a number in most personas, a text like "25-34" in others.
Json age_value(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size() && std::to_string(number) == text;
  return whole ? Json(number) : Json(text);
}

/// "field: value, field: value, .." from `text` on, the fields in their known order.
Json persona_in_fields(std::string_view text) {
  const auto& fields = persona_fields();
  struct Part {
    std::string_view field, value;
  };
  std::vector<Part> parts;
  for (const std::string& field : fields) {
    // A field's value ends where the next one that is there begins, so that commas in values stay.
    const std::string opening = field + ": ", mark = std::string(kSeparator) + opening;
    if (parts.empty()) {
      if (!text.starts_with(opening)) return nullptr;
      parts.push_back({field, text.substr(opening.size())});
      continue;
    }
    std::string_view& before = parts.back().value;
    const std::size_t at = before.find(mark);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = before.substr(at + mark.size());
    before = before.substr(0, at);
    parts.push_back({field, rest});
  }
  if (parts.size() < 2) return nullptr;
  Json persona = Json::object();
  for (const auto& [field, value] : parts) {
    const std::string name(field);
    std::string_view text_of = value;
    if (&value == &parts.back().value) {
      std::string_view rest = value;
      if (auto list = take_python_literal(rest); list && list->is_array()) {
        persona[name] = std::move(*list);
        continue;
      }
      text_of = value.substr(0, value.find(kInstructions));
      text_of = text_of.substr(0, text_of.find(kContext));
    }
    persona[name] = field == "age" ? age_value(text_of) : Json(text_of);
  }
  return persona;
}

}  // namespace

std::optional<Json> json_prompt(std::string_view prompt) {
  if (!prompt.starts_with('{')) return std::nullopt;
  auto parsed = parse_json_lenient(prompt);
  if (!parsed || !parsed->is_object() || !parsed->contains("persona")) return std::nullopt;
  return parsed;
}

Json persona_in_prompt(std::string_view prompt) {
  if (const auto parsed = json_prompt(prompt)) {
    const Json& persona = parsed->at("persona");
    return persona.is_object() && !persona.empty() ? persona : Json();
  }
  // g0: "You are NAME username: .., man. Context: .."; phrases name no fields.
  if (const std::size_t end = prompt.find(kContext); end != std::string_view::npos && prompt.starts_with(kYouAre)) {
    const std::size_t at = prompt.substr(0, end).find(persona_fields().front() + ": ");
    if (at != std::string_view::npos) {
      if (Json persona = persona_in_fields(prompt.substr(at)); !persona.is_null()) return persona;
    }
  }
  const std::size_t at = prompt.find(kTraits);
  return at == std::string_view::npos ? Json() : persona_in_fields(prompt.substr(at + kTraits.size()));
}

}  // namespace assay
