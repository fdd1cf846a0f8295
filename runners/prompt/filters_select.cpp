// Filters that apply another filter or a test to each element.

#include "runners/prompt/filters.hpp"

namespace assay::prompt {
namespace {

Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count), arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

Value run_map(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const Arguments& arguments = call.arguments;
  if (!truth(runtime, call.input)) return runtime.list({});
  std::vector<Value> items = elements(runtime, call.input);
  if (!arguments.positional.empty()) {
    const Value& name = arguments.positional.front();
    if (name.is_undefined()) fail_undefined(name);
    const FilterRow* row = name.is_text() ? find_filter(name.as_text()) : nullptr;
    if (row == nullptr) {
      const std::string shown = to_text(runtime, name);
      fail("unknown", "there is no filter " + shown, kNoOffset, advice_for_filter(shown));
    }
    const Arguments rest = without_first(arguments, 1);
    for (Value& item : items) item = call_filter(runtime, *row, item, rest);
    return runtime.list(std::move(items));
  }
  Value attribute, fallback;
  for (const auto& [name, value] : arguments.named) {
    if (name == "attribute") {
      attribute = value;
    } else if (name == "default") {
      fallback = value;
    } else {
      fail_type("map has no argument " + name);
    }
  }
  if (attribute.is_null()) fail_type("map needs a filter or attribute=");
  const AttributePath path(runtime, attribute);
  for (Value& item : items) item = path.get(runtime, item, fallback);
  return runtime.list(std::move(items));
}

Value choose(const FilterCall& call, bool keep, bool by_attribute) {
  Runtime& runtime = call.runtime;
  if (!truth(runtime, call.input)) return runtime.list({});
  const std::vector<Value>& given = call.arguments.positional;
  const std::size_t at = by_attribute ? 1 : 0;
  if (given.size() < at) fail_type("the name of an attribute is missing");
  const AttributePath path(runtime, by_attribute ? given.front() : Value());
  const TestRow* row = nullptr;
  Arguments rest;
  if (given.size() > at) {
    const Value& name = given[at];
    if (name.is_undefined()) fail_undefined(name);
    row = name.is_text() ? find_test(name.as_text()) : nullptr;
    if (row == nullptr) {
      const std::string shown = to_text(runtime, name);
      fail("unknown", "there is no test " + shown, kNoOffset, advice_for_test(shown));
    }
    rest = without_first(call.arguments, at + 1);
  }
  std::vector<Value> out;
  for (Value& item : elements(runtime, call.input)) {
    const Value value = path.get(runtime, item);
    const bool holds = row != nullptr ? call_test(runtime, *row, value, rest) : truth(runtime, value);
    if (holds == keep) out.push_back(std::move(item));
  }
  return runtime.list(std::move(out));
}

Value run_select(const FilterCall& call) { return choose(call, true, false); }
Value run_reject(const FilterCall& call) { return choose(call, false, false); }
Value run_selectattr(const FilterCall& call) { return choose(call, true, true); }
Value run_rejectattr(const FilterCall& call) { return choose(call, false, true); }

}  // namespace

const FilterRow kSelectFilters[] = {
    {"map", "*", 0, run_map},       {"reject", "*", 0, run_reject},         {"rejectattr", "*", 0, run_rejectattr},
    {"select", "*", 0, run_select}, {"selectattr", "*", 0, run_selectattr}, {nullptr, nullptr, 0, nullptr},
};

}  // namespace assay::prompt
