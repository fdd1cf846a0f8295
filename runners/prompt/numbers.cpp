#include "runners/prompt/numbers.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runners/prompt/characters.hpp"

namespace assay::prompt {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'z' ? low - 'a' + 10 : 99;
}

/// Removes underscores that stand between two digits; false when one stands elsewhere.
bool drop_underscores(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 >= text.size() || digit_value(text[i - 1]) > 9 || digit_value(text[i + 1]) > 9) {
      return false;
    }
  }
  return true;
}

}  // namespace

IntegerParse parse_python_integer(std::string_view text, int base, std::int64_t& value) {
  text = strip(text, nullptr, true, true);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  bool after_prefix = false;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) {
      base = marked;
      text.remove_prefix(2);
      after_prefix = true;
    }
  }
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != std::string_view::npos) {
      return IntegerParse::bad;
    }
    base = 10;
  }
  if (text.empty()) return IntegerParse::bad;
  bool overflow = false, digit_before = after_prefix;
  std::int64_t number = 0;
  for (const char c : text) {
    if (c == '_') {
      if (!digit_before) return IntegerParse::bad;
      digit_before = false;
      continue;
    }
    const int digit = digit_value(c);
    if (digit >= base) return IntegerParse::bad;
    digit_before = true;
    overflow = overflow || __builtin_mul_overflow(number, base, &number) ||
               __builtin_add_overflow(number, negative ? -digit : digit, &number);
  }
  if (!digit_before) return IntegerParse::bad;
  value = number;
  return overflow ? IntegerParse::too_large : IntegerParse::good;
}

std::optional<double> parse_python_real(std::string_view text) {
  std::string digits;
  if (!drop_underscores(strip(text, nullptr, true, true), digits) || digits.empty()) return std::nullopt;
  std::string_view body = digits;
  if (body[0] == '-' || body[0] == '+') body.remove_prefix(1);
  const std::string word = lower(body);
  if (word != "inf" && word != "infinity" && word != "nan" &&
      word.find_first_not_of("0123456789.e+-") != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size()) return std::nullopt;
  return value;
}

double round_real(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 323) return value;
  if (digits >= 0) {
    // printf rounds the exact binary value, half to even.
    std::array<char, 700> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(digits), value);
    return std::strtod(buffer.data(), nullptr);
  }
  if (digits < -308) return std::copysign(0.0, value);
  // Exact decimal digits of the whole part, rounded by hand.
  std::array<char, 700> buffer{};
  const double whole = std::trunc(value);
  std::snprintf(buffer.data(), buffer.size(), "%.0f", std::fabs(whole));
  std::string shown = buffer.data();
  const auto drop = static_cast<std::size_t>(-digits);
  if (shown.size() < drop) return std::copysign(0.0, value);
  shown.insert(0, 1, '0');
  const std::size_t cut = shown.size() - drop;
  const std::string rest = shown.substr(cut);
  shown.resize(cut);
  const bool exact_half = rest[0] == '5' && rest.find_first_not_of('0', 1) == std::string::npos && whole == value;
  const bool up = exact_half ? (shown.back() - '0') % 2 == 1 : rest[0] >= '5';
  for (std::size_t i = shown.size(); up && i-- > 0;) {
    if (shown[i] != '9') {
      ++shown[i];
      break;
    }
    shown[i] = '0';
  }
  shown.append(drop, '0');
  return std::copysign(std::strtod(shown.c_str(), nullptr), value);
}

}  // namespace assay::prompt
