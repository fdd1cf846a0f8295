#include "runners/llm/field_values.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/llm/environment.hpp"

namespace assay {
namespace {}  // namespace

std::string nearest_hint(const std::string& word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? "did you mean " + *near + "?" : "known: " + joined(known);
}

std::string text_value(const Json& value, const std::string& sub) {
  if (!value.is_string()) throw FieldFault{sub, "must be a text", value.is_structured() ? "" : "put it in quotes"};
  std::string text = value.get<std::string>();
  if (text.empty()) throw FieldFault{sub, "is empty", ""};
  return text;
}

bool flag_value(const Json& value, const std::string& sub) {
  if (!value.is_boolean()) throw FieldFault{sub, "must be true or false", ""};
  return value.get<bool>();
}

std::int64_t count_value(const Json& value, std::int64_t least, const std::string& sub) {
  constexpr std::int64_t most = 1'000'000'000'000'000;
  if (!value.is_number_integer()) throw FieldFault{sub, "must be a whole number", ""};
  const auto count = value.get<std::int64_t>();
  if (count < least || count > most) throw FieldFault{sub, "must be at least " + std::to_string(least), ""};
  return count;
}

double rate_value(const Json& value, const std::string& sub) {
  const double rate = value.is_number() ? value.get<double>() : 0;
  if (!(rate > 0) || !std::isfinite(rate)) throw FieldFault{sub, "must be a number above 0", ""};
  return rate;
}

std::chrono::milliseconds duration_value(const Json& value, bool zero, const std::string& sub) {
  const char* hint = "durations are written 500ms, 10s, 5m, 1h";
  if (zero && value.is_number_integer() && value == 0) return std::chrono::milliseconds(0);
  if (!value.is_string()) throw FieldFault{sub, "is no duration", hint};
  std::chrono::nanoseconds duration{};
  try {
    duration = parse_duration(value.get<std::string>());
  } catch (const Error& error) {
    throw FieldFault{sub, error.message(), hint};
  }
  if (!zero && duration.count() <= 0) throw FieldFault{sub, "must be longer than 0", hint};
  return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

std::string choice_value(const Json& value, const std::vector<std::string>& choices, const std::string& sub) {
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    throw FieldFault{sub, "must be one of " + joined(choices), text.empty() ? "" : nearest_hint(text, choices)};
  }
  return text;
}

std::vector<std::string> texts_value(const Json& value, const std::string& sub) {
  if (value.is_string()) return {text_value(value, sub)};
  if (!value.is_array()) throw FieldFault{sub, "must be a list of texts", ""};
  std::vector<std::string> texts;
  for (const Json& item : value) {
    if (!item.is_string()) throw FieldFault{sub, "must be a list of texts", "put numbers in quotes"};
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<std::pair<std::string, Json>> map_value(const Json& value, const std::vector<std::string>& known,
                                                    const std::string& sub) {
  if (!value.is_object()) throw FieldFault{sub, "must be a mapping like {key: value}", ""};
  std::vector<std::pair<std::string, Json>> pairs;
  for (const auto& [key, item] : value.items()) {
    if (!known.empty() && std::find(known.begin(), known.end(), key) == known.end()) {
      throw FieldFault{sub.empty() ? key : sub + "." + key, "unknown key", nearest_hint(key, known)};
    }
    pairs.emplace_back(key, item);
  }
  return pairs;
}

std::vector<std::string> variable_names(const Json& value, const std::string& sub) {
  std::vector<std::string> names = texts_value(value, sub);
  if (names.empty()) throw FieldFault{sub, "names no variable", ""};
  for (const std::string& name : names) {
    if (!is_variable_name(name)) {
      throw FieldFault{sub, "must name a variable of the environment", "like OPENAI_API_KEY; never the key itself"};
    }
  }
  return names;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms == 0) return "0s";
  if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
  if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  if (ms % 1'000 == 0) return std::to_string(ms / 1'000) + "s";
  return std::to_string(ms) + "ms";
}

}  // namespace assay
