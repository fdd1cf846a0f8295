#pragma once
// The fields of a model or provider in models.yaml, one row each: reading it, showing it, pinning it and merging it
// come from here. Specs: models.md 1. Constant tables: any thread.

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "runners/llm/model_entry.hpp"

namespace assay {

struct ModelField {
  std::string_view name;
  enum class Where : std::uint8_t { both, model, provider } where;
  /// So deep are mappings of several origins merged key by key; 0: the nearest value is taken whole.
  int merge_depth;
  /// Part of what a batch keeps.
  bool pinned;
  /// Checks and sets. Throws FieldFault.
  void (*apply)(ModelEntry& entry, const Json& value);
  /// The value in force as it would be written; null when it is the default.
  Json (*show)(const ModelEntry& entry);
};

/// In the order in which they are shown.
std::span<const ModelField> model_fields();
const ModelField* find_model_field(std::string_view name);
/// Names that may stand there.
std::vector<std::string> field_names(ModelField::Where where);

/// A field as written, and where: "models.yaml:12", or a variable's name.
struct FieldValue {
  Json value;
  std::string origin;
};
using FieldMap = std::map<std::string, FieldValue, std::less<>>;

/// Puts what `nearer` says over `farther`. A key written nearer (key_env or key_file) hides both of the farther ones.
void put_over(FieldMap& farther, const FieldMap& nearer);

/// `over` on top of `under`: mappings key by key down to `depth`, all else `over`.
Json merged(const Json& under, const Json& over, int depth);

}  // namespace assay
