#include "experiments/judge/field_map.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

struct FieldName {
  const char* field;
  std::vector<std::string> names;  // ours first
};
const std::vector<FieldName>& field_names() {
  static const std::vector<FieldName> names = {
      {"id", {"id", "question_id"}},
      {"question", {"question", "input", "prompt", "instruction"}},
      {"reference", {"reference", "answer", "target", "ground_truth"}},
      {"prediction", {"prediction", "pred", "response", "output"}},
      {"response1", {"response1", "answer_a", "output_1"}},
      {"response2", {"response2", "answer_b", "output_2"}},
      {"model", {"model"}},
      {"model_a", {"model_a"}},
      {"model_b", {"model_b"}},
      {"context", {"context"}},
      {"options", {"options"}},
      {"turns", {"turns"}},
      {"category", {"category"}},
      {"cluster", {"cluster"}},
      {"turn", {"turn"}},
      {"images", {"images"}},
      {"rubric", {"rubric"}},
      {"gold", {"gold"}},
      {"messages", {"messages"}},
  };
  return names;
}

}  // namespace

JudgeFieldMap::JudgeFieldMap(const Json& params) {
  std::vector<std::string> known;
  for (const FieldName& one : field_names()) known.emplace_back(one.field);
  for (const auto& [name, value] : params.items()) {
    if (!name.starts_with("map.") || !value.is_string()) continue;
    const std::string field = name.substr(4);
    if (std::find(known.begin(), known.end(), field) == known.end()) {
      const auto near = nearest(field, known);
      throw Error("usage",
                  name + ": a judged item has no field " + field + (near ? "; did you mean " + *near + "?" : ""), {},
                  "fields: " + joined(known, ", "));
    }
    paths_.emplace(field, JsonPath(value.get<std::string>()));
  }
}

const Json* JudgeFieldMap::find(const Json& row, const char* field, std::set<std::string>* used) const {
  if (const auto path = paths_.find(field); path != paths_.end()) {
    const Json* found = path->second.find(row);
    if (found != nullptr && used != nullptr && path->second.is_plain()) used->insert(path->second.text());
    return found == nullptr || found->is_null() ? nullptr : found;
  }
  for (const FieldName& one : field_names()) {
    if (one.field != std::string_view(field)) continue;
    for (const std::string& name : one.names) {
      const auto found = row.find(name);
      if (found == row.end()) continue;
      if (used != nullptr) used->insert(name);
      if (!found->is_null()) return &*found;
    }
  }
  return nullptr;
}

}  // namespace assay
