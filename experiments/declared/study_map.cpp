#include "experiments/declared/study_map.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/llm/field_values.hpp"

namespace assay {
namespace {

constexpr std::size_t kShown = 40;

std::string shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a mapping";
    default:
      return "'" + truncate_to_width(node.text, kShown) + "'";
  }
}

bool is_nothing(const YamlNode& node) {
  return node.kind == YamlNode::Kind::scalar && node.plain && (node.text.empty() || node.text == "~");
}

Json typed(const std::string& text) {
  YamlNode plain;
  plain.text = text;
  plain.plain = true;
  return yaml_to_json(plain);
}

}  // namespace

void refuse_study(const std::string& file, std::size_t line, const std::string& key, const std::string& message,
                  const std::string& hint) {
  throw Error("yaml", key.empty() ? message : key + ": " + message,
              line == 0 ? file : file + ":" + std::to_string(line), hint);
}

std::string StudyValue::text() const {
  if (is_map()) {
    const bool braces = node->entries.empty() || node->entries.front().value.text.empty();
    refuse("found a mapping, expected a text",
           braces ? "a text that begins with { stands in quotes: \"{{ name }}\"" : "");
  }
  if (!is_scalar()) refuse("found " + shown(*node) + ", expected a text");
  if (node->text.empty()) refuse("is empty, expected a text");
  return node->text;
}

bool StudyValue::flag() const {
  const Json value = is_scalar() ? typed(node->text) : Json();
  if (!value.is_boolean()) refuse("found " + shown(*node) + ", expected yes or no");
  return value.get<bool>();
}

double StudyValue::number() const {
  const Json value = is_scalar() ? typed(node->text) : Json();
  if (!value.is_number()) refuse("found " + shown(*node) + ", expected a number");
  return value.get<double>();
}

std::int64_t StudyValue::count(std::int64_t least, std::int64_t most) const {
  const Json value = is_scalar() ? typed(node->text) : Json();
  if (!value.is_number_integer() || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
    refuse("found " + shown(*node) + ", expected a whole number from " + std::to_string(least) + " to " +
           std::to_string(most));
  }
  return value.get<std::int64_t>();
}

std::vector<std::string> StudyValue::texts() const {
  if (is_scalar()) return {text()};
  if (!is_list()) refuse("found " + shown(*node) + ", expected a list of texts", "[one, two]");
  std::vector<std::string> list;
  for (const StudyValue& item : items()) list.push_back(item.text());
  if (list.empty()) refuse("is an empty list");
  return list;
}

std::string StudyValue::choice(const std::vector<std::string>& words) const {
  const std::string word = text();
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    refuse("found '" + truncate_to_width(word, kShown) + "', expected " + joined(words, ", "),
           nearest_hint(word, words));
  }
  return word;
}

std::vector<StudyValue> StudyValue::items() const {
  std::vector<StudyValue> list;
  for (const YamlNode& item : node->items) {
    list.push_back({&item, key + "." + std::to_string(list.size() + 1), file});
  }
  return list;
}

StudyMap::StudyMap(StudyValue value, std::vector<std::string> known) : value_(std::move(value)) {
  if (!value_.is_map()) {
    value_.refuse("found " + shown(*value_.node) + ", expected keys with values",
                  known.empty() ? "" : "keys: " + joined(known, ", "));
  }
  for (const auto& [key, item] : value_.node->entries) {
    const std::string path = value_.key.empty() ? key.text : value_.key + "." + key.text;
    if (!known.empty() && std::find(known.begin(), known.end(), key.text) == known.end()) {
      refuse_study(*value_.file, key.line, path, "there is no such key", nearest_hint(key.text, known));
    }
    if (!known.empty() && is_nothing(item)) {
      refuse_study(*value_.file, key.line, path, "has no value", "leave the line out, or indent what belongs to it");
    }
  }
}

std::optional<StudyValue> StudyMap::find(const std::string& key) const {
  const YamlNode* node = value_.node->find(key);
  if (node == nullptr) return std::nullopt;
  return StudyValue{node, value_.key.empty() ? key : value_.key + "." + key, value_.file};
}

std::string StudyMap::text(const std::string& key) const {
  const auto value = find(key);
  return value ? value->text() : std::string();
}

std::vector<StudyValue> StudyMap::values() const {
  std::vector<StudyValue> list;
  for (const auto& [key, item] : value_.node->entries) {
    list.push_back({&item, value_.key.empty() ? key.text : value_.key + "." + key.text, value_.file});
  }
  return list;
}

Json as_written(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::list: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(as_written(item));
      return list;
    }
    case YamlNode::Kind::map: {
      Json map = Json::object();
      for (const auto& [key, value] : node.entries) map[key.text] = as_written(value);
      return map;
    }
    default:
      if (node.plain) {
        if (Json value = yaml_to_json(node); !value.is_string() && dump_json(value) == node.text) return value;
      }
      return node.text;
  }
}

YamlNode node_of(const Json& written) {
  YamlNode node;
  node.line = 0;
  if (written.is_array()) {
    node.kind = YamlNode::Kind::list;
    for (const Json& item : written) node.items.push_back(node_of(item));
  } else if (written.is_object()) {
    node.kind = YamlNode::Kind::map;
    for (const auto& [key, value] : written.items()) node.entries.push_back({node_of(Json(key)), node_of(value)});
  } else {
    node.plain = !written.is_string();
    node.text = node.plain ? dump_json(written) : written.get<std::string>();
  }
  return node;
}

}  // namespace assay
