#pragma once
// Numbers as answers: found in texts, brought to one form in which they vote and compare. Specs: qa.md 5.3.
// Pure functions: any thread.

#include <optional>
#include <string>
#include <string_view>

#include "core/text/json.hpp"

namespace assay {

/// A number in a text, as RE2: an optional minus and dollar, digits with commas, a fraction.
inline constexpr std::string_view kNumberPattern = R"((?:-?\$?[0-9][0-9,]*(?:\.[0-9]+)?|-?\$?\.[0-9]+))";

/// The canonical form: "$" and "," deleted, trimmed, one final "." dropped, read as a double; integral below 1e15
/// without fraction ("1000"), else the shortest text that reads back. nullopt: no number. Beyond the doubles: the
/// digits.
std::optional<std::string> canonical_number(std::string_view text);
std::string canonical_number(double value);

/// A gold answer as a JSON number: whole ones as integers. nullopt: no number.
std::optional<Json> number_value(std::string_view text);

/// The value of a text in canonical form; NaN when it is none.
double number_of(std::string_view text);

}  // namespace assay
