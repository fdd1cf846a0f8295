#pragma once
// Where two JSON values first differ, for people. Pure functions: any thread.

#include <optional>
#include <string>

#include "core/text/json.hpp"

namespace assay {

struct JsonDifference {
  std::string pointer;  // RFC 6901; "" is the whole value
  std::string was, is;  // what stands there, cut to the first difference of texts; "" where there is nothing
};

/// The first difference in the order of sorted keys and of array positions; the order of keys in the values does not
/// matter. Numbers are compared as they are written: 0 and 0.0 differ. Nothing when the values are equal.
std::optional<JsonDifference> first_difference(const Json& was, const Json& is);

}  // namespace assay
