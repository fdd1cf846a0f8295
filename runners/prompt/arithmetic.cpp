// Operators on numbers, texts and lists: Python's rules over 64-bit integers and doubles.

#include <cmath>

#include "runners/prompt/runtime.hpp"

namespace assay::prompt {
namespace {

[[noreturn]] void fail_overflow() { fail("limit", "the result does not fit into 64 bits"); }

[[noreturn]] void fail_operands(const char* op, const Value& left, const Value& right) {
  if (left.is_undefined()) fail_undefined(left);
  if (right.is_undefined()) fail_undefined(right);
  fail_type(std::string(op) + " does not work on " + left.noun() + " and " + right.noun());
}

bool is_plain_list(const Value& value) { return value.is_list() && value.as_list().style == ListStyle::list; }
bool is_tuple(const Value& value) {
  return value.is_list() && (value.as_list().style == ListStyle::tuple || value.as_list().style == ListStyle::group);
}

double check_real(double value, double a, double b) {
  if (std::isinf(value) && !std::isinf(a) && !std::isinf(b)) fail_type("the result is too large");
  return value;
}

double floor_mod(double a, double b, double& quotient) {
  double rest = std::fmod(a, b);
  quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (quotient != 0) {
    const double whole = std::floor(quotient);
    quotient = quotient - whole > 0.5 ? whole + 1 : whole;
  } else {
    quotient = std::copysign(0.0, a / b);
  }
  return rest;
}

Value repeat(Runtime& runtime, const Value& value, std::int64_t times) {
  const auto count = static_cast<std::size_t>(times < 0 ? 0 : times);
  if (value.is_text()) {
    const std::string& text = value.as_text();
    if (!text.empty() && count > runtime.limits().max_output / text.size()) {
      runtime.check_size(runtime.limits().max_output + 1);
    }
    runtime.work(text.size() * count);
    std::string out;
    if (!text.empty()) {
      out.reserve(text.size() * count);
      for (std::size_t i = 0; i < count; ++i) out += text;
    }
    return runtime.text(std::move(out), value.is_safe());
  }
  const auto& items = value.as_list().items;
  std::vector<Value> out;
  if (!items.empty()) {
    if (count > runtime.limits().max_output / sizeof(Value) / items.size()) {
      runtime.check_size(runtime.limits().max_output + 1);
    }
    out.reserve(items.size() * count);
    for (std::size_t i = 0; i < count; ++i) out.insert(out.end(), items.begin(), items.end());
  }
  return runtime.list(std::move(out), is_tuple(value) ? ListStyle::tuple : ListStyle::list);
}

}  // namespace

Value add(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is_whole() && right.is_whole()) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(left.as_integer(), right.as_integer(), &sum)) fail_overflow();
    return Value::integer(sum);
  }
  if (left.is_number() && right.is_number()) return Value::real(left.as_real() + right.as_real());
  if (left.is_text() && right.is_text()) {
    const bool safe = left.is_safe() || right.is_safe();
    std::string text;
    append(runtime, text, safe ? escaped(runtime, left).as_text() : left.as_text());
    append(runtime, text, safe ? escaped(runtime, right).as_text() : right.as_text());
    runtime.work(text.size());
    return runtime.text(std::move(text), safe);
  }
  if ((is_plain_list(left) && is_plain_list(right)) || (is_tuple(left) && is_tuple(right))) {
    std::vector<Value> items = left.as_list().items;
    items.insert(items.end(), right.as_list().items.begin(), right.as_list().items.end());
    return runtime.list(std::move(items), is_tuple(left) ? ListStyle::tuple : ListStyle::list);
  }
  fail_operands("+", left, right);
}

Value subtract(Runtime&, const Value& left, const Value& right) {
  if (left.is_whole() && right.is_whole()) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(left.as_integer(), right.as_integer(), &difference)) fail_overflow();
    return Value::integer(difference);
  }
  if (left.is_number() && right.is_number()) return Value::real(left.as_real() - right.as_real());
  fail_operands("-", left, right);
}

Value multiply(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is_whole() && right.is_whole()) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(left.as_integer(), right.as_integer(), &product)) fail_overflow();
    return Value::integer(product);
  }
  if (left.is_number() && right.is_number()) return Value::real(left.as_real() * right.as_real());
  const auto repeatable = [](const Value& value) { return value.is_text() || is_plain_list(value) || is_tuple(value); };
  if (repeatable(left) && right.is_whole()) return repeat(runtime, left, right.as_integer());
  if (repeatable(right) && left.is_whole()) return repeat(runtime, right, left.as_integer());
  fail_operands("*", left, right);
}

Value divide(Runtime&, const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) fail_operands("/", left, right);
  if (right.as_real() == 0) fail_type("division by zero");
  if (left.is_whole() && right.is_whole()) {
    return Value::real(static_cast<double>(static_cast<long double>(left.as_integer()) /
                                           static_cast<long double>(right.as_integer())));
  }
  return Value::real(left.as_real() / right.as_real());
}

Value floor_divide(Runtime&, const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) fail_operands("//", left, right);
  if (right.as_real() == 0) fail_type("division by zero");
  if (left.is_whole() && right.is_whole()) {
    const std::int64_t a = left.as_integer(), b = right.as_integer();
    if (b == -1) {
      std::int64_t negated = 0;
      if (__builtin_sub_overflow(std::int64_t{0}, a, &negated)) fail_overflow();
      return Value::integer(negated);
    }
    return Value::integer(a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0));
  }
  double quotient = 0;
  floor_mod(left.as_real(), right.as_real(), quotient);
  return Value::real(quotient);
}

Value modulo(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is_text()) {
    require_defined(runtime, right);
    if (right.is_undefined()) fail_undefined(right);
    const bool tuple = is_tuple(right);
    return format_text(runtime, left, tuple ? right.as_list().items : std::vector<Value>{right},
                       right.is_map() || (right.is_list() && !tuple) ? &right : nullptr);
  }
  if (!left.is_number() || !right.is_number()) fail_operands("%", left, right);
  if (right.as_real() == 0) fail_type("division by zero");
  if (left.is_whole() && right.is_whole()) {
    const std::int64_t a = left.as_integer(), b = right.as_integer();
    if (b == -1) return Value::integer(0);
    const std::int64_t rest = a % b;
    return Value::integer(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
  }
  double quotient = 0;
  return Value::real(floor_mod(left.as_real(), right.as_real(), quotient));
}

Value power(Runtime&, const Value& left, const Value& right) {
  if (!left.is_number() || !right.is_number()) fail_operands("**", left, right);
  if (left.is_whole() && right.is_whole() && right.as_integer() >= 0) {
    std::int64_t base = left.as_integer(), result = 1;
    std::int64_t exponent = right.as_integer();
    if (base == 0 || base == 1) return Value::integer(exponent == 0 ? 1 : base);
    if (base == -1) return Value::integer(exponent % 2 == 0 ? 1 : -1);
    while (exponent > 0) {
      if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow();
      exponent >>= 1;
      if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fail_overflow();
    }
    return Value::integer(result);
  }
  const double a = left.as_real(), b = right.as_real();
  if (a == 0 && b < 0) fail_type("0 cannot be raised to a negative power");
  if (a < 0 && std::floor(b) != b && !std::isinf(b)) fail_type("a negative number has no such power");
  return Value::real(check_real(std::pow(a, b), a, b));
}

Value negate(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (value.is_whole()) return subtract(runtime, Value::integer(0), value);
  if (value.kind() == Kind::real) return Value::real(-value.as_real());
  fail_type(std::string(value.noun()) + " has no negative");
}

Value concat(Runtime& runtime, const std::vector<Value>& values) {
  bool safe = false;
  for (const Value& value : values) safe = safe || (runtime.autoescape() && value.is_safe());
  std::string text;
  for (const Value& value : values) {
    if (value.is_text() && (!safe || value.is_safe())) {
      append(runtime, text, value.as_text());
    } else {
      const std::string printed = to_text(runtime, value);
      append(runtime, text, safe ? escape_html(runtime, printed) : printed);
    }
  }
  runtime.work(text.size());
  return runtime.text(std::move(text), safe);
}

}  // namespace assay::prompt
