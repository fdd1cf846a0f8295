#pragma once
// Values as Python writes them, byte for byte: json.dumps on one line and with indent=4, str() and repr(). JSON is
// ASCII with \uXXXX (lower case, surrogate pairs), "[]" and "{}" when empty, no newline at the end. CPython 3:
// Lib/json/encoder.py, float.__repr__, str.__repr__. Pure functions: any thread. Invalid UTF-8 becomes U+FFFD.

#include <string>
#include <string_view>

#include "core/text/json.hpp"

namespace assay {

/// json.dumps(value, indent=4): appends `value` as it stands inside `depth` containers.
void append_python_json(std::string& out, const Json& value, int depth = 0);
/// json.dumps(value): one line, ", " and ": ".
std::string python_json_line(const Json& value);

/// repr(): strings in single quotes unless they hold one and no double quote; what str.isprintable refuses as \xhh,
/// \uhhhh, \Uhhhhhhhh; True, False, None; lists and dicts.
std::string python_repr(const Json& value);
/// str(): strings bare, all else as repr().
std::string python_str(const Json& value);
/// repr(value): the shortest digits that read back, with a point or an exponent; "inf", "nan".
std::string python_float(double value);

}  // namespace assay
