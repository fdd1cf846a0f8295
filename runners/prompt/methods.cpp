#include "runners/prompt/methods.hpp"

#include <algorithm>

#include "runners/prompt/characters.hpp"
#include "runners/prompt/filters.hpp"
#include "runners/prompt/loop.hpp"

namespace assay::prompt {
namespace {

struct MethodCall {
  Runtime& runtime;
  const Value& object;
  const Bound& bound;
  const Arguments& arguments;
  const std::string& text() const { return object.as_text(); }
  Value same(std::string text) const { return runtime.text(std::move(text), object.is_safe()); }
};

struct MethodRow {
  Kind kind;
  const char* name;
  const char* parameters;
  std::size_t required;
  Value (*run)(const MethodCall& call);
};

/// The part [start, end) that count and find look at, as bytes; false when start lies beyond the end.
bool window(const MethodCall& call, std::size_t& begin, std::size_t& end) {
  const auto length = static_cast<std::int64_t>(call.object.text_data().length);
  const auto place = [&](std::size_t index, std::int64_t fallback) {
    const std::int64_t at = call.bound.is_null(index) ? fallback : call.bound.integer(index, fallback);
    return at < 0 ? std::max<std::int64_t>(0, at + length) : at;
  };
  const std::int64_t from = place(1, 0);
  const std::int64_t to = std::min(place(2, length), length);
  if (from > length || from > to) return false;
  begin = byte_offset(call.text(), static_cast<std::size_t>(from));
  end = byte_offset(call.text(), static_cast<std::size_t>(to));
  return true;
}

Value run_count(const MethodCall& call) {
  const std::string part = call.bound.text(0, "");
  std::size_t begin = 0, end = 0;
  if (!window(call, begin, end)) return Value::integer(0);
  const std::string_view text = std::string_view(call.text()).substr(begin, end - begin);
  call.runtime.work(text.size());
  std::int64_t count = 0;
  if (part.empty()) {
    for (std::size_t at = 0, length = 0; at < text.size(); at += length, ++count) decode_at(text, at, length);
    return Value::integer(count + 1);
  }
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return Value::integer(count);
}

Value run_find(const MethodCall& call) {
  const std::string part = call.bound.text(0, "");
  std::size_t begin = 0, end = 0;
  if (!window(call, begin, end)) return Value::integer(-1);
  const std::string_view text = std::string_view(call.text()).substr(0, end);
  call.runtime.work(text.size());
  const std::size_t found = text.find(part, begin);
  if (found == std::string_view::npos) return Value::integer(-1);
  std::int64_t index = 0;
  for (std::size_t at = 0, length = 0; at < found; at += length, ++index) decode_at(text, at, length);
  return Value::integer(index);
}

bool matches_edge(const MethodCall& call, bool front) {
  std::size_t begin = 0, end = 0;
  const bool inside = window(call, begin, end);
  const auto one = [&](const Value& part) {
    if (!part.is_text()) fail_type(std::string("a text is wanted, not ") + part.noun());
    if (!inside) return false;
    const std::string_view text = std::string_view(call.text()).substr(begin, end - begin);
    return front ? text.starts_with(part.as_text()) : text.ends_with(part.as_text());
  };
  const Value part = call.bound.value(0);
  if (part.is_undefined()) fail_undefined(part);
  if (!part.is_list() || part.as_list().style != ListStyle::tuple) return one(part);
  bool any = false;
  for (const Value& item : part.as_list().items) any = one(item) || any;
  return any;
}

Value run_startswith(const MethodCall& call) { return Value::boolean(matches_edge(call, true)); }
Value run_endswith(const MethodCall& call) { return Value::boolean(matches_edge(call, false)); }

Value stripped(const MethodCall& call, bool left, bool right) {
  call.runtime.work(call.text().size());
  if (call.bound.is_null(0)) return call.same(std::string(strip(call.text(), nullptr, left, right)));
  const std::string chars = call.bound.text(0, "");
  call.runtime.work(4 * chars.size());
  const std::string_view set = chars;
  return call.same(std::string(strip(call.text(), &set, left, right)));
}

Value run_strip(const MethodCall& call) { return stripped(call, true, true); }
Value run_lstrip(const MethodCall& call) { return stripped(call, true, false); }
Value run_rstrip(const MethodCall& call) { return stripped(call, false, true); }

Value changed(const MethodCall& call, std::string (*change)(std::string_view)) {
  call.runtime.work(4 * call.text().size());
  return call.same(change(call.text()));
}

Value run_upper(const MethodCall& call) { return changed(call, upper); }
Value run_lower(const MethodCall& call) { return changed(call, lower); }
Value run_capitalize(const MethodCall& call) { return changed(call, capitalize); }

Value run_title(const MethodCall& call) {
  const std::string& source = call.text();
  call.runtime.work(4 * source.size());
  std::string out;
  bool begin = true;
  for (std::size_t at = 0, length = 0; at < source.size(); at += length) {
    const char32_t c = decode_at(source, at, length);
    const std::string_view here(source.data() + at, length);
    out += begin ? capitalize(here) : lower(here);
    begin = !is_upper_case(c) && !is_lower_case(c);
  }
  return call.same(std::move(out));
}

Value run_join(const MethodCall& call) {
  std::vector<Value> parts = elements(call.runtime, call.bound.value(0));
  for (Value& part : parts) {
    if (part.is_undefined() && call.object.is_safe()) part = soft_text(call.runtime, part);
    if (part.is_undefined()) fail_undefined(part);
    if (call.object.is_safe()) part = soft_text(call.runtime, part);
    if (!part.is_text()) {
      fail("type", std::string("join wants texts, not ") + part.noun(), kNoOffset, "use the filter join");
    }
  }
  return join_texts(call.runtime, parts, call.object, call.object.is_safe());
}

Value run_replace(const MethodCall& call) {
  const Value from = call.runtime.text(call.bound.text(0, ""));
  const Value to = call.bound.value(1);
  if (to.is_undefined()) fail_undefined(to);
  if (!to.is_text()) fail_type(std::string("a text is wanted, not ") + to.noun());
  return replace_text(call.runtime, call.object, from, to, call.bound.integer(2, -1));
}

Value texts(const MethodCall& call, const std::vector<std::string_view>& parts) {
  std::vector<Value> out;
  call.runtime.count_iterations(parts.size());
  out.reserve(parts.size());
  for (const std::string_view part : parts) out.push_back(call.same(std::string(part)));
  return call.runtime.list(std::move(out));
}

Value run_split(const MethodCall& call) {
  call.runtime.work(call.text().size());
  const std::int64_t most = call.bound.integer(1, -1);
  if (call.bound.is_null(0)) return texts(call, split_words(call.text(), most));
  const std::string separator = call.bound.text(0, "");
  if (separator.empty()) fail_type("the separator must not be empty");
  std::vector<std::string_view> parts;
  std::string_view rest = call.text();
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = rest.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(rest.substr(0, at));
    rest.remove_prefix(at + separator.size());
  }
  parts.push_back(rest);
  return texts(call, parts);
}

Value run_splitlines(const MethodCall& call) {
  call.runtime.work(call.text().size());
  return texts(call, split_lines(call.text(), call.bound.flag(call.runtime, 0, false)));
}

Value run_get(const MethodCall& call) {
  const Value key = call.bound.value(0);
  require_defined(call.runtime, key);
  if (key.is_list() || key.is_map()) fail_type(std::string(key.noun()) + " cannot be a key");
  const Value* found = key.is_text() ? call.object.as_map().find(key.as_text()) : nullptr;
  return found != nullptr ? *found : call.bound.value(1);
}

Value run_items(const MethodCall& call) {
  std::vector<Value> out;
  for (const auto& [key, value] : call.object.as_map().entries) {
    out.push_back(call.runtime.list({key, value}, ListStyle::tuple));
  }
  return call.runtime.list(std::move(out), ListStyle::items);
}

Value run_keys(const MethodCall& call) {
  std::vector<Value> out;
  for (const auto& entry : call.object.as_map().entries) out.push_back(entry.first);
  return call.runtime.list(std::move(out), ListStyle::keys);
}

Value run_values(const MethodCall& call) {
  std::vector<Value> out;
  for (const auto& entry : call.object.as_map().entries) out.push_back(entry.second);
  return call.runtime.list(std::move(out), ListStyle::values);
}

Value run_cycle(const MethodCall& call) {
  const std::vector<Value>& given = call.arguments.positional;
  if (given.empty() || !call.arguments.named.empty()) fail_type("cycle wants values to choose from");
  const std::int64_t index = std::max<std::int64_t>(0, call.object.as_loop().index0);
  return given[static_cast<std::size_t>(index) % given.size()];
}

Value run_changed(const MethodCall& call) {
  if (!call.arguments.named.empty()) fail_type("changed takes no named arguments");
  LoopData& loop = call.object.as_loop();
  const std::vector<Value>& given = call.arguments.positional;
  bool same = loop.last_changed && loop.last_changed->size() == given.size();
  for (std::size_t i = 0; same && i < given.size(); ++i) {
    same = (*loop.last_changed)[i].same_as(given[i]) || equal(call.runtime, (*loop.last_changed)[i], given[i]);
  }
  if (!same && !loop.over) loop.last_changed = given;
  return Value::boolean(!same);
}

const MethodRow kMethods[] = {
    {Kind::text, "capitalize", "", 0, run_capitalize},
    {Kind::text, "count", "sub start end", 1, run_count},
    {Kind::text, "endswith", "suffix start end", 1, run_endswith},
    {Kind::text, "find", "sub start end", 1, run_find},
    {Kind::text, "join", "iterable", 1, run_join},
    {Kind::text, "lower", "", 0, run_lower},
    {Kind::text, "lstrip", "chars", 0, run_lstrip},
    {Kind::text, "replace", "old new count", 2, run_replace},
    {Kind::text, "rstrip", "chars", 0, run_rstrip},
    {Kind::text, "split", "sep maxsplit", 0, run_split},
    {Kind::text, "splitlines", "keepends", 0, run_splitlines},
    {Kind::text, "startswith", "prefix start end", 1, run_startswith},
    {Kind::text, "strip", "chars", 0, run_strip},
    {Kind::text, "title", "", 0, run_title},
    {Kind::text, "upper", "", 0, run_upper},
    {Kind::map, "get", "key default", 1, run_get},
    {Kind::map, "items", "", 0, run_items},
    {Kind::map, "keys", "", 0, run_keys},
    {Kind::map, "values", "", 0, run_values},
    {Kind::loop, "cycle", "*", 0, run_cycle},
    {Kind::loop, "changed", "*", 0, run_changed},
};

const MethodRow* find_method(Kind kind, std::string_view name) {
  for (const MethodRow& row : kMethods) {
    if (row.kind == kind && name == row.name) return &row;
  }
  return nullptr;
}

}  // namespace

bool is_method_name(std::string_view name) {
  return std::any_of(std::begin(kMethods), std::end(kMethods), [&](const MethodRow& row) { return name == row.name; });
}

std::string advice_for_method(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"append", "{% set xs = xs + [x] %}"}, {"update", "dict(a, **b)"},   {"islower", "the test lower"},
      {"isupper", "the test upper"},         {"index", "the method find"}, {"encode", "the filter urlencode"}};
  if (find_filter(name) != nullptr) return "use the filter " + std::string(name);
  for (const auto& [method, instead] : kOthers) {
    if (name == method) return "use " + std::string(instead);
  }
  return {};
}

bool has_method(const Value& object, std::string_view name) { return find_method(object.kind(), name) != nullptr; }

Value call_method(Runtime& runtime, const Value& object, const std::string& name, const Arguments& arguments) {
  runtime.work();
  const MethodRow& row = *find_method(object.kind(), name);
  if (std::string_view(row.parameters) == "*") {
    const Bound none(name, "", 0, {});
    return row.run({runtime, object, none, arguments});
  }
  const Bound bound(name, row.parameters, row.required, arguments);
  return row.run({runtime, object, bound, arguments});
}

}  // namespace assay::prompt
