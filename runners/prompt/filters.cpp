#include "runners/prompt/filters.hpp"

#include <vector>

#include "core/text/edit_distance.hpp"

namespace assay::prompt {
namespace {

const FilterRow* const kTables[] = {kTextFilters, kLayoutFilters, kNumberFilters, kListFilters, kSelectFilters};

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto near = nearest(name, candidates);
  return near ? "did you mean " + *near + "?" : "";
}

}  // namespace

const FilterRow* find_filter(std::string_view name) {
  for (const FilterRow* table : kTables) {
    for (const FilterRow* row = table; row->name != nullptr; ++row) {
      if (name == row->name) return row;
    }
  }
  return nullptr;
}

std::string advice_for_filter(std::string_view name) {
  std::vector<std::string> names;
  for (const FilterRow* table : kTables) {
    for (const FilterRow* row = table; row->name != nullptr; ++row) names.emplace_back(row->name);
  }
  return did_you_mean(name, names);
}

Value call_filter(Runtime& runtime, const FilterRow& row, const Value& input, const Arguments& arguments) {
  runtime.work();
  const std::string name = std::string("the filter ") + row.name;
  if (std::string_view(row.parameters) == "*") {
    const Bound none(name, "", 0, {});
    return row.run({runtime, input, none, arguments});
  }
  const Bound bound(name, row.parameters, row.required, arguments);
  return row.run({runtime, input, bound, arguments});
}

}  // namespace assay::prompt
