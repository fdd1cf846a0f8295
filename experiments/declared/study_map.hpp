#pragma once
// Reading a study: the keys of one mapping, each with its type. What is wrong is an Error "yaml" of one line at
// "FILE:LINE", its message begins with the keys that lead there ("steps.2.ask: .."). One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runners/yaml/yaml.hpp"

namespace assay {

[[noreturn]] void refuse_study(const std::string& file, std::size_t line, const std::string& key,
                               const std::string& message, const std::string& hint = {});

/// A value of a study: the node, the keys that lead to it, the file. Lives as long as the document.
struct StudyValue {
  const YamlNode* node;
  std::string key;
  const std::string* file;

  [[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) const {
    refuse_study(*file, node->line, key, message, hint);
  }
  bool is_scalar() const { return node->kind == YamlNode::Kind::scalar; }
  bool is_list() const { return node->kind == YamlNode::Kind::list; }
  bool is_map() const { return node->kind == YamlNode::Kind::map; }

  /// A text that is not empty; whether it was quoted makes no difference.
  std::string text() const;
  bool flag() const;
  double number() const;
  /// A whole number from `least` to `most`.
  std::int64_t count(std::int64_t least, std::int64_t most) const;
  /// A list of texts, not empty; one text is a list of one.
  std::vector<std::string> texts() const;
  std::string choice(const std::vector<std::string>& words) const;
  std::vector<StudyValue> items() const;
};

class StudyMap {
 public:
  /// Refuses what is no mapping, and keys that are not `known` (none: any) or have no value.
  StudyMap(StudyValue value, std::vector<std::string> known);

  std::optional<StudyValue> find(const std::string& key) const;
  std::string text(const std::string& key) const;  ///< "" when it is absent
  std::vector<StudyValue> values() const;
  const StudyValue& self() const { return value_; }

 private:
  StudyValue value_;
};

/// As JSON, but what a plain scalar says is kept as it was written: `yes` and 007 stay texts.
Json as_written(const YamlNode& node);
/// And back; without lines.
YamlNode node_of(const Json& written);

}  // namespace assay
