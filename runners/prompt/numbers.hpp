#pragma once
// Text to number and rounding as Python does them. Any thread.

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::prompt {

enum class IntegerParse : std::uint8_t { good, bad, too_large };

/// int(text, base): white space around, a sign, single underscores between digits, a prefix that fits the base
/// (0: from the prefix).
IntegerParse parse_python_integer(std::string_view text, int base, std::int64_t& value);

/// float(text): also inf, infinity, nan; no hexadecimal.
std::optional<double> parse_python_real(std::string_view text);

/// round(value, digits): half to even on the exact binary value.
double round_real(double value, std::int64_t digits);

}  // namespace assay::prompt
