#pragma once
// YAML 1.1 as PyYAML's safe_load understands it (specs/prompts.md section 1), over yaml-cpp's event parser. Bounded:
// depth, nodes after alias expansion, aliases, size. Any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

struct YamlLimits {
  std::size_t max_bytes = 1U << 20;
  std::size_t max_depth = 100;
  std::size_t max_nodes = 10'000;    ///< after alias expansion
  std::size_t max_aliases = 10'000;  ///< uses of anchors
  bool name_keys = false;            ///< messages begin with the keys that lead to the place: "models.judge: .."
};

struct YamlEntry;

/// A parsed document with what JSON has no room for.
struct YamlNode {
  enum class Kind { scalar, list, map } kind = Kind::scalar;
  std::string text;                  ///< of a scalar, as written
  bool plain = false;                ///< not quoted, no block: its type is found by looking at it
  std::size_t line = 1, column = 1;  ///< from 1
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;
  const YamlNode* find(std::string_view key) const;  ///< of a map; null when absent
};
struct YamlEntry {
  YamlNode key, value;
};

/// A key that a map has more than once.
struct YamlRepeatedKey {
  std::string key;                 ///< with those that lead to it: "actions.generate_discussions"
  std::vector<std::size_t> lines;  ///< of all that it stands on, from 1
};

/// One document (null for an empty one). Throws Error "yaml" at "PLACE:LINE:COLUMN": syntax, repeated keys, tags,
/// limits, a second document. With `repeated`, a repeated key is told there and its last value counts, at the place of
/// the first.
YamlNode parse_yaml(std::string_view text, const std::string& place, const YamlLimits& limits = {},
                    std::vector<YamlRepeatedKey>* repeated = nullptr);

/// What safe_load gives: plain scalars resolved (booleans, integers, doubles, null; dates and 1e3 stay texts).
Json yaml_to_json(const YamlNode& node);
Json yaml_to_json(std::string_view text, const std::string& place);

/// The line above the first of a scalar's text, where its lines are those of the file: a literal block (`|`) of the
/// document `text`. nullopt: a quoted, plain or folded one, whose lines are others.
std::optional<std::size_t> line_before_block(std::string_view text, const YamlNode& node);

/// A BOM skipped, CRLF and CR as LF.
std::string normalize_yaml(std::string_view text);

}  // namespace assay
