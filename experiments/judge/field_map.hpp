#pragma once
// Where the fields of a judged item stand in a row or a run: as map.FIELD=PATH says, else under one of the names that
// judge.md 1 lists. Immutable: any thread.

#include <map>
#include <set>
#include <string>

#include "core/text/json.hpp"
#include "experiments/qa/json_path.hpp"

namespace assay {

class JudgeFieldMap {
 public:
  /// `params`: those of the load. Throws Error "usage" for a field that there is not, with the nearest.
  explicit JudgeFieldMap(const Json& params);

  /// nullptr: it is not there, or null. `used` gets the column that it was found in.
  const Json* find(const Json& row, const char* field, std::set<std::string>* used = nullptr) const;
  bool maps(const char* field) const { return paths_.contains(field); }

 private:
  std::map<std::string, JsonPath, std::less<>> paths_;
};

}  // namespace assay
