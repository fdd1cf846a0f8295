// Filters to and on numbers.

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "runners/prompt/filters.hpp"
#include "runners/prompt/numbers.hpp"

namespace assay::prompt {
namespace {

[[noreturn]] void fail_64_bits() { fail("limit", "the number does not fit into 64 bits"); }

Value run_abs(const FilterCall& call) {
  require_defined(call.runtime, call.input);
  if (call.input.kind() == Kind::real) return Value::real(std::fabs(call.input.as_real()));
  if (!call.input.is_whole()) fail_type(std::string(call.input.noun()) + " has no absolute value");
  if (call.input.as_integer() == std::numeric_limits<std::int64_t>::min()) fail_64_bits();
  return Value::integer(std::abs(call.input.as_integer()));
}

Value truncated(double value) {
  if (std::fabs(value) >= 9223372036854775808.0) fail_64_bits();
  return Value::integer(static_cast<std::int64_t>(value));
}

Value run_int(const FilterCall& call) {
  const Value fallback = call.bound.has(0) ? call.bound.value(0) : Value::integer(0);
  if (call.input.is_undefined()) fail_undefined(call.input);
  if (call.input.is_whole()) return Value::integer(call.input.as_integer());
  if (call.input.kind() == Kind::real) {
    if (std::isnan(call.input.as_real())) return fallback;
    if (std::isinf(call.input.as_real())) fail_type("an infinite number has no integer");
    return truncated(call.input.as_real());
  }
  if (!call.input.is_text()) return fallback;
  const std::int64_t base = call.bound.integer(1, 10);
  call.runtime.work(call.input.as_text().size());
  if (base == 0 || (base >= 2 && base <= 36)) {
    std::int64_t value = 0;
    const IntegerParse parse = parse_python_integer(call.input.as_text(), static_cast<int>(base), value);
    if (parse == IntegerParse::too_large) fail_64_bits();
    if (parse == IntegerParse::good) return Value::integer(value);
  }
  const auto real = parse_python_real(call.input.as_text());
  if (!real || !std::isfinite(*real)) return fallback;
  return truncated(*real);
}

Value run_float(const FilterCall& call) {
  if (call.input.is_undefined()) fail_undefined(call.input);
  if (call.input.is_number()) return Value::real(call.input.as_real());
  if (call.input.is_text()) {
    call.runtime.work(call.input.as_text().size());
    if (const auto real = parse_python_real(call.input.as_text())) return Value::real(*real);
  }
  return call.bound.has(0) ? call.bound.value(0) : Value::real(0);
}

Value run_round(const FilterCall& call) {
  const std::int64_t digits = call.bound.integer(0, 0);
  const std::string method = call.bound.text(1, "common");
  if (method != "common" && method != "ceil" && method != "floor") fail_type("method must be common, ceil or floor");
  if (call.input.is_undefined() && method != "common") fail_undefined(call.input);
  require_defined(call.runtime, call.input);
  if (!call.input.is_number()) fail_type(std::string(call.input.noun()) + " cannot be rounded");
  if (method == "common") {
    if (!call.input.is_whole()) {
      const double rounded = round_real(call.input.as_real(), digits);
      if (std::isinf(rounded) && std::isfinite(call.input.as_real())) fail_type("the rounded number is too large");
      return Value::real(rounded);
    }
    const std::int64_t whole = call.input.as_integer();
    if (digits >= 0) return Value::integer(whole);
    if (digits < -18) return Value::integer(0);
    std::int64_t unit = 1;
    for (std::int64_t i = 0; i < -digits; ++i) unit *= 10;
    const std::int64_t rest = ((whole % unit) + unit) % unit;
    std::int64_t down = 0;
    if (__builtin_sub_overflow(whole, rest, &down)) fail_64_bits();
    const bool up = rest > unit / 2 || (rest == unit / 2 && (down / unit) % 2 != 0);
    if (up && __builtin_add_overflow(down, unit, &down)) fail_64_bits();
    return Value::integer(down);
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  if (std::isinf(unit) || unit == 0) fail_type("precision is out of range");
  const double scaled = call.input.as_real() * unit;
  if (!std::isfinite(scaled)) fail_type("the number cannot be rounded");
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

Value run_filesizeformat(const FilterCall& call) {
  if (call.input.is_undefined()) fail_undefined(call.input);
  double bytes = 0;
  if (call.input.is_number()) {
    bytes = call.input.as_real();
  } else {
    const auto real = call.input.is_text() ? parse_python_real(call.input.as_text()) : std::nullopt;
    if (!real) fail_type(std::string(call.input.noun()) + " is no size");
    bytes = *real;
  }
  if (std::isnan(bytes)) fail_type("this is no size");
  const bool binary = call.bound.flag(call.runtime, 0, false);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return call.runtime.text("1 Byte");
  std::array<char, 400> out{};
  if (bytes < base) {
    if (std::isinf(bytes)) fail_type("this is no size");
    std::snprintf(out.data(), out.size(), "%.0f Bytes", std::trunc(bytes));
    // Python's int() has no negative zero.
    return call.runtime.text(std::trunc(bytes) == 0 ? "0 Bytes" : out.data());
  }
  static constexpr std::string_view kUnits = "kMGTPEZY";
  double unit = base;
  std::size_t at = 0;
  for (; at < kUnits.size(); ++at) {
    unit *= base;
    if (bytes < unit) break;
  }
  const char letter = kUnits[std::min(at, kUnits.size() - 1)];
  std::snprintf(out.data(), out.size(), "%.1f %c%s", base * bytes / unit, binary && letter == 'k' ? 'K' : letter,
                binary ? "iB" : "B");
  return call.runtime.text(out.data());
}

}  // namespace

const FilterRow kNumberFilters[] = {
    {"abs", "", 0, run_abs},
    {"filesizeformat", "binary", 0, run_filesizeformat},
    {"float", "default", 0, run_float},
    {"int", "default base", 0, run_int},
    {"round", "precision method", 0, run_round},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace assay::prompt
