#pragma once
// JSON as Python's json.dump(value, indent=4) writes it, byte for byte: ASCII with \uXXXX (lower case, surrogate
// pairs), ", " never at a line's end, "[]" and "{}" when empty, no newline at the end. CPython 3: Lib/json/encoder.py,
// float.__repr__. Pure functions: any thread.

#include <string>

#include "core/text/json.hpp"

namespace assay {

/// Appends `value` as it stands inside `depth` containers. Invalid UTF-8 becomes U+FFFD.
void append_python_json(std::string& out, const Json& value, int depth = 0);

/// repr(value): the shortest digits that read back, with a point or an exponent; "inf", "nan".
std::string python_float(double value);

}  // namespace assay
