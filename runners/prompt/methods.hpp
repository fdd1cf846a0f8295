#pragma once
// The closed table of calls written after a dot (specs/prompts.md section 3.4). Nothing else can be called so.

#include <string>
#include <string_view>

#include "runners/prompt/runtime.hpp"

namespace assay::prompt {

/// Whether any value has a method of this name (also `cycle` and `changed` of a loop).
bool is_method_name(std::string_view name);
/// "use the filter ..", or "".
std::string advice_for_method(std::string_view name);

/// True when a value of this kind has the method.
bool has_method(const Value& object, std::string_view name);
Value call_method(Runtime& runtime, const Value& object, const std::string& name, const Arguments& arguments);

}  // namespace assay::prompt
