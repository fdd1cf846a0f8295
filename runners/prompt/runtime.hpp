#pragma once
// What filters, tests, methods and operators need of the rendering they run in: limits, the mode of undefined values,
// autoescape, random numbers, and calling back by name. One rendering, one thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runners/prompt/fault.hpp"
#include "runners/prompt/limits.hpp"
#include "runners/prompt/random_source.hpp"
#include "runners/prompt/value.hpp"

namespace assay::prompt {

/// Arguments of a call as they were given.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Runtime {
 public:
  Runtime(const PromptLimits& limits, bool strict, bool autoescape, RandomSource& random)
      : limits_(limits), strict_(strict), autoescape_(autoescape), random_(random) {}

  const PromptLimits& limits() const { return limits_; }
  bool strict() const { return strict_; }
  bool autoescape() const { return autoescape_; }
  std::uint64_t random_number() { return random_.next(); }
  Meter& meter() { return meter_; }

  /// One operation, and more for work on `bytes` bytes. Throws Fault "limit".
  void work(std::size_t bytes = 0);
  void count_iterations(std::size_t count = 1);
  /// Throws Fault "limit" when a text of this size may not be built.
  void check_size(std::size_t bytes);

  Value text(std::string value, bool safe = false);
  Value list(std::vector<Value> items, ListStyle style = ListStyle::list);
  Value map(std::vector<std::pair<Value, Value>> entries);
  /// An undefined value that stands at `here()`.
  Value undefined(std::string message) { return Value::undefined(std::move(message), here_); }

  /// The place that faults and undefined values without one of their own get.
  std::size_t here() const { return here_; }
  void set_here(std::size_t offset) { here_ = offset; }

 private:
  void check_memory();

  const PromptLimits& limits_;
  bool strict_, autoescape_;
  RandomSource& random_;
  Meter meter_;
  std::uint64_t operations_ = 0, iterations_ = 0;
  std::size_t here_ = 0;
};

/// Throws Fault "undefined" with the place of the missing value.
[[noreturn]] void fail_undefined(const Value& value);
/// In strict mode an undefined value must not be used in any way.
inline void require_defined(const Runtime& runtime, const Value& value) {
  if (value.is_undefined() && runtime.strict() && !value.as_undefined().lenient) fail_undefined(value);
}

// Python's view of a value.

bool truth(const Runtime& runtime, const Value& value);
/// str(value). Throws Fault "limit" beyond the size limit.
std::string to_text(Runtime& runtime, const Value& value);
/// repr(value): texts quoted.
std::string to_repr(Runtime& runtime, const Value& value);
std::string real_text(double value);
/// The text itself, or str() of another value; safe texts stay safe.
Value soft_text(Runtime& runtime, const Value& value);
std::string escape_html(Runtime& runtime, std::string_view text);
/// What {{ value }} prints.
void append_printed(Runtime& runtime, std::string& out, const Value& value);
/// A text's escaped form; safe texts stay as they are.
Value escaped(Runtime& runtime, const Value& value);
/// Appends, and throws Fault "limit" beyond the size limit.
void append(Runtime& runtime, std::string& out, std::string_view text);

bool equal(Runtime& runtime, const Value& left, const Value& right);
/// left < right; throws Fault "type" when the two have no order.
bool less(Runtime& runtime, const Value& left, const Value& right);
bool contains(Runtime& runtime, const Value& container, const Value& item);
/// Equal values have equal keys; throws Fault "type" for what Python cannot hash.
std::string hash_key(Runtime& runtime, const Value& value);

/// The elements of a list, the code points of a text, the keys of a map; lenient undefined: none. Else Fault "type".
/// Counts iterations.
std::vector<Value> elements(Runtime& runtime, const Value& value);
/// len(value)
std::size_t length(Runtime& runtime, const Value& value);

// Access.

Value get_attribute(Runtime& runtime, const Value& object, const std::string& name);
Value get_item(Runtime& runtime, const Value& object, const Value& index);
/// object[start:stop:step]; null parts are left out.
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step);
/// "a.b.0" as filters take it; null: the object itself. `fallback` replaces undefined on the way when not null.
class AttributePath {
 public:
  AttributePath(Runtime& runtime, const Value& path);
  Value get(Runtime& runtime, const Value& object, const Value& fallback = {}) const;

 private:
  std::vector<Value> parts_;
};

// Arithmetic (specs/prompts.md section 2).

Value add(Runtime& runtime, const Value& left, const Value& right);
Value subtract(Runtime& runtime, const Value& left, const Value& right);
Value multiply(Runtime& runtime, const Value& left, const Value& right);
Value divide(Runtime& runtime, const Value& left, const Value& right);
Value floor_divide(Runtime& runtime, const Value& left, const Value& right);
Value modulo(Runtime& runtime, const Value& left, const Value& right);
Value power(Runtime& runtime, const Value& left, const Value& right);
Value negate(Runtime& runtime, const Value& value);
/// Joins printed forms; the result is safe when one of them is and autoescape is on.
Value concat(Runtime& runtime, const std::vector<Value>& values);
/// text % arguments
Value format_text(Runtime& runtime, const Value& format, const std::vector<Value>& arguments, const Value* named);

// Bound arguments.

/// Arguments in the order of a signature; absent ones are empty.
class Bound {
 public:
  /// `names`: "width first/alias blank". Throws Fault "type" on what does not fit; `required` of them must be there.
  Bound(const std::string& callee, std::string_view names, std::size_t required, const Arguments& arguments);

  bool has(std::size_t index) const { return values_[index].has_value(); }
  /// Absent or null.
  bool is_null(std::size_t index) const { return !has(index) || values_[index]->is_null(); }
  /// null when absent.
  Value value(std::size_t index) const { return values_[index].value_or(Value()); }
  std::int64_t integer(std::size_t index, std::int64_t fallback) const;
  bool flag(const Runtime& runtime, std::size_t index, bool fallback) const;
  std::string text(std::size_t index, std::string_view fallback) const;

 private:
  std::vector<std::optional<Value>> values_;
  std::vector<std::string> names_;
};

}  // namespace assay::prompt
