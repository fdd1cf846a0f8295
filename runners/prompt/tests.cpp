// The tests of `is`, as in Jinja2's tests.py.

#include <string>
#include <vector>

#include "core/text/edit_distance.hpp"
#include "runners/prompt/characters.hpp"
#include "runners/prompt/filters.hpp"

namespace assay::prompt {
namespace {

using Args = std::vector<Value>;

bool is_hashable(const Value& value) {
  return !value.is_map() && !(value.is_list() && value.as_list().style == ListStyle::list);
}

Value remainder(Runtime& runtime, const Value& value, std::int64_t divisor) {
  if (value.is_text()) fail_type("a text has no remainder");
  return modulo(runtime, value, Value::integer(divisor));
}

/// All letters with case have this case, and there is one.
bool has_case(Runtime& runtime, const Value& value, bool (*right)(char32_t), bool (*wrong)(char32_t)) {
  const std::string text = to_text(runtime, value);
  runtime.work(2 * text.size());
  bool found = false;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const char32_t c = decode_at(text, at, length);
    if (wrong(c)) return false;
    found = found || right(c);
  }
  return found;
}

bool is_sequence(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return !runtime.strict() || value.as_undefined().lenient;
  return value.is_text() || value.is_map() || (value.is_list() && (value.as_list().style < ListStyle::keys));
}

bool is_iterable(Runtime& runtime, const Value& value) {
  require_defined(runtime, value);
  return value.is_undefined() || value.is_text() || value.is_map() || value.is_list() || value.kind() == Kind::loop;
}

bool test_equal(Runtime& runtime, const Value& value, const Args& args) { return equal(runtime, value, args[0]); }
bool test_unequal(Runtime& runtime, const Value& value, const Args& args) { return !equal(runtime, value, args[0]); }
bool test_less(Runtime& runtime, const Value& value, const Args& args) { return less(runtime, value, args[0]); }
bool test_greater(Runtime& runtime, const Value& value, const Args& args) { return less(runtime, args[0], value); }
bool test_less_equal(Runtime& runtime, const Value& value, const Args& args) {
  return less(runtime, value, args[0]) || equal(runtime, value, args[0]);
}
bool test_greater_equal(Runtime& runtime, const Value& value, const Args& args) {
  return less(runtime, args[0], value) || equal(runtime, value, args[0]);
}
bool test_divisible(Runtime& runtime, const Value& value, const Args& args) {
  if (value.is_text()) fail_type("a text is not divisible");
  return equal(runtime, modulo(runtime, value, args[0]), Value::integer(0));
}

bool is_kind(const Value& value, Kind kind) { return value.kind() == kind; }

const TestRow kTests[] = {
    {"!=", 1, test_unequal},
    {"<", 1, test_less},
    {"<=", 1, test_less_equal},
    {"==", 1, test_equal},
    {">", 1, test_greater},
    {">=", 1, test_greater_equal},
    {"boolean", 0, [](Runtime&, const Value& v, const Args&) { return is_kind(v, Kind::boolean); }},
    {"callable", 0,
     [](Runtime&, const Value& v, const Args&) {
       return is_kind(v, Kind::macro) || is_kind(v, Kind::function) || is_kind(v, Kind::loop) || v.is_undefined();
     }},
    {"defined", 0, [](Runtime&, const Value& v, const Args&) { return !v.is_undefined(); }},
    {"divisibleby", 1, test_divisible},
    {"eq", 1, test_equal},
    {"equalto", 1, test_equal},
    {"even", 0,
     [](Runtime& r, const Value& v, const Args&) { return equal(r, remainder(r, v, 2), Value::integer(0)); }},
    {"false", 0, [](Runtime&, const Value& v, const Args&) { return is_kind(v, Kind::boolean) && !v.as_bool(); }},
    {"filter", 0,
     [](Runtime& r, const Value& v, const Args&) {
       require_defined(r, v);
       if (!is_hashable(v)) fail_type(std::string(v.noun()) + " is no name");
       return v.is_text() && find_filter(v.as_text()) != nullptr;
     }},
    {"float", 0, [](Runtime&, const Value& v, const Args&) { return is_kind(v, Kind::real); }},
    {"ge", 1, test_greater_equal},
    {"greaterthan", 1, test_greater},
    {"gt", 1, test_greater},
    {"in", 1, [](Runtime& r, const Value& v, const Args& a) { return contains(r, a[0], v); }},
    {"integer", 0, [](Runtime&, const Value& v, const Args&) { return is_kind(v, Kind::integer); }},
    {"iterable", 0, [](Runtime& r, const Value& v, const Args&) { return is_iterable(r, v); }},
    {"le", 1, test_less_equal},
    {"lessthan", 1, test_less},
    {"lower", 0, [](Runtime& r, const Value& v, const Args&) { return has_case(r, v, is_lower_case, is_upper_case); }},
    {"lt", 1, test_less},
    {"mapping", 0, [](Runtime&, const Value& v, const Args&) { return v.is_map(); }},
    {"ne", 1, test_unequal},
    {"none", 0, [](Runtime&, const Value& v, const Args&) { return v.is_null(); }},
    {"number", 0, [](Runtime&, const Value& v, const Args&) { return v.is_number(); }},
    {"odd", 0, [](Runtime& r, const Value& v, const Args&) { return equal(r, remainder(r, v, 2), Value::integer(1)); }},
    {"sameas", 1, [](Runtime&, const Value& v, const Args& a) { return v.same_as(a[0]); }},
    {"sequence", 0, [](Runtime& r, const Value& v, const Args&) { return is_sequence(r, v); }},
    {"string", 0, [](Runtime&, const Value& v, const Args&) { return v.is_text(); }},
    {"test", 0,
     [](Runtime& r, const Value& v, const Args&) {
       require_defined(r, v);
       if (!is_hashable(v)) fail_type(std::string(v.noun()) + " is no name");
       return v.is_text() && find_test(v.as_text()) != nullptr;
     }},
    {"true", 0, [](Runtime&, const Value& v, const Args&) { return is_kind(v, Kind::boolean) && v.as_bool(); }},
    {"undefined", 0, [](Runtime&, const Value& v, const Args&) { return v.is_undefined(); }},
    {"upper", 0, [](Runtime& r, const Value& v, const Args&) { return has_case(r, v, is_upper_case, is_lower_case); }},
};

}  // namespace

const TestRow* find_test(std::string_view name) {
  for (const TestRow& row : kTests) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

std::string advice_for_test(std::string_view name) {
  std::vector<std::string> names;
  for (const TestRow& row : kTests) names.emplace_back(row.name);
  const auto near = nearest(name, names);
  return near ? "did you mean " + *near + "?" : "";
}

bool call_test(Runtime& runtime, const TestRow& row, const Value& value, const Arguments& arguments) {
  runtime.work();
  const std::size_t given = arguments.positional.size() + arguments.named.size();
  if (given != row.arguments) {
    fail_type(std::string("the test ") + row.name + " takes " + std::to_string(row.arguments) + " arguments");
  }
  if (arguments.named.empty()) return row.run(runtime, value, arguments.positional);
  const std::string& name = arguments.named.front().first;
  const bool known = (std::string_view(row.name) == "divisibleby" && name == "num") ||
                     (std::string_view(row.name) == "sameas" && name == "other") ||
                     (std::string_view(row.name) == "in" && name == "seq");
  if (!known) fail_type(std::string("the test ") + row.name + " has no argument " + name);
  return row.run(runtime, value, {arguments.named.front().second});
}

}  // namespace assay::prompt
