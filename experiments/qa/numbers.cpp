#include "experiments/qa/numbers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace assay {
namespace {

constexpr double kExactBelow = 1e15;

std::string cleaned(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '$' && c != ',') out += c;
  }
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!out.empty() && blank(out.back())) out.pop_back();
  out.erase(out.begin(), std::find_if_not(out.begin(), out.end(), blank));
  if (out.size() > 1 && out.back() == '.') out.pop_back();
  if (out.size() > 1 && out.front() == '+' && out[1] != '-' && out[1] != '+') out.erase(0, 1);
  return out;
}

/// Whether all of `text` is a decimal number; `value` then holds it, infinite when it is beyond the doubles.
bool read_double(const std::string& text, double& value) {
  if (text.find_first_of("0123456789") == std::string::npos) return false;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return false;
  if (result.ec == std::errc::result_out_of_range) value = std::numeric_limits<double>::infinity();
  return true;
}

}  // namespace

std::string canonical_number(double value) {
  if (std::trunc(value) == value && std::fabs(value) < kExactBelow) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  // As Python's repr: the same digits in a row from 1e-4 up to 1e16, else with an exponent.
  std::array<char, 64> buffer{};
  const bool plain = std::fabs(value) >= 1e-4 && std::fabs(value) < 1e16;
  const auto form = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, form);
  std::string out(buffer.data(), result.ptr);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::optional<std::string> canonical_number(std::string_view text) {
  const std::string clean = cleaned(text);
  double value = 0;
  if (!read_double(clean, value)) return std::nullopt;
  if (!std::isfinite(value)) return clean;
  return canonical_number(value);
}

std::optional<Json> number_value(std::string_view text) {
  const auto canonical = canonical_number(text);
  if (!canonical) return std::nullopt;
  const double value = number_of(*canonical);
  if (!std::isfinite(value)) return Json(*canonical);
  if (std::trunc(value) == value && std::fabs(value) < kExactBelow) return Json(static_cast<std::int64_t>(value));
  return Json(value);
}

double number_of(std::string_view text) {
  double value = 0;
  if (!read_double(cleaned(text), value)) return std::numeric_limits<double>::quiet_NaN();
  return value;
}

}  // namespace assay
