// Attributes, items and slices: nothing but the entries of maps, elements, code points, and the few attributes of what
// the engine itself makes. Anything else is undefined.

#include <algorithm>
#include <limits>

#include "runners/prompt/characters.hpp"
#include "runners/prompt/loop.hpp"
#include "runners/prompt/macro.hpp"
#include "runners/prompt/runtime.hpp"

namespace assay::prompt {
namespace {

Value missing(Runtime& runtime, const Value& object, const std::string& name) {
  return runtime.undefined(std::string(object.noun()) + " has no attribute " + name);
}

Value loop_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  LoopData& loop = object.as_loop();
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "length") return Value::integer(loop.length());
  if (name == "revindex") return Value::integer(loop.length() - loop.index0);
  if (name == "revindex0") return Value::integer(loop.length() - loop.index0 - 1);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(!loop.peek());
  if (name == "depth") return Value::integer(1);
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem") {
    if (loop.index0 == 0 || !loop.previous) return runtime.undefined("there is no previous item");
    return *loop.previous;
  }
  if (name == "nextitem") return loop.peek() ? loop.ahead.front() : runtime.undefined("there is no next item");
  return missing(runtime, object, name);
}

Value macro_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  const Statement& macro = *object.as_macro().definition;
  if (name == "name") return runtime.text(macro.text);
  if (name == "catch_kwargs") return Value::boolean(macro.takes_kwargs);
  if (name == "catch_varargs") return Value::boolean(macro.takes_varargs);
  if (name == "caller") return Value::boolean(false);
  if (name == "arguments") {
    std::vector<Value> names;
    for (const Parameter& parameter : macro.parameters) names.push_back(runtime.text(parameter.text));
    return runtime.list(std::move(names), ListStyle::tuple);
  }
  return missing(runtime, object, name);
}

Value element(Runtime& runtime, const Value& object, std::int64_t index) {
  const auto count = static_cast<std::int64_t>(length(runtime, object));
  const std::int64_t at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) return runtime.undefined("index " + std::to_string(index) + " is out of range");
  if (object.is_list()) return object.as_list().items[static_cast<std::size_t>(at)];
  const TextData& data = object.text_data();
  if (data.ascii()) return runtime.text(data.text.substr(static_cast<std::size_t>(at), 1), object.is_safe());
  runtime.work(data.text.size());
  const std::size_t begin = byte_offset(data.text, static_cast<std::size_t>(at));
  std::size_t bytes = 0;
  decode_at(data.text, begin, bytes);
  return runtime.text(data.text.substr(begin, bytes), object.is_safe());
}

/// Python's slice.indices for one bound.
std::int64_t clamp(std::int64_t index, std::int64_t count, bool backward) {
  if (index < 0) {
    index += count;
    if (index < 0) index = backward ? -1 : 0;
  } else if (index >= count) {
    index = backward ? count - 1 : count;
  }
  return index;
}

std::int64_t slice_part(const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_whole()) fail_type(std::string("the parts of a slice are integers, not ") + value.noun());
  return value.as_integer();
}

}  // namespace

Value get_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  switch (object.kind()) {
    case Kind::undefined:
      fail_undefined(object);
    case Kind::map: {
      const Value* found = object.as_map().find(name);
      if (found != nullptr) return *found;
      return runtime.undefined("the map has no entry " + name);
    }
    case Kind::names: {
      const Value* found = object.as_names().find(name);
      if (found != nullptr) return *found;
      return runtime.undefined("the namespace has no attribute " + name);
    }
    case Kind::loop:
      return loop_attribute(runtime, object, name);
    case Kind::macro:
      return macro_attribute(runtime, object, name);
    case Kind::list:
      if (object.as_list().style == ListStyle::group && name == "grouper") return object.as_list().items[0];
      if (object.as_list().style == ListStyle::group && name == "list") return object.as_list().items[1];
      return missing(runtime, object, name);
    default:
      return missing(runtime, object, name);
  }
}

Value get_item(Runtime& runtime, const Value& object, const Value& index) {
  if (object.is_undefined()) fail_undefined(object);
  if (index.is_text()) {
    const std::string& name = index.as_text();
    if (!object.is_map() && name.starts_with("_")) fail("security", "names that begin with _ are not accessible");
    return get_attribute(runtime, object, name);
  }
  if (object.is_list() && object.as_list().style >= ListStyle::keys) {
    return runtime.undefined("keys(), values() and items() have no order to index: use the filter list");
  }
  if (index.is_whole() && (object.is_list() || object.is_text())) return element(runtime, object, index.as_integer());
  if (index.is_undefined() && object.is_map()) require_defined(runtime, index);
  return runtime.undefined(std::string(object.noun()) + " has no such item");
}

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail_undefined(object);
  const bool view = object.is_list() && object.as_list().style >= ListStyle::keys;
  if (view || (!object.is_list() && !object.is_text())) {
    fail_type(std::string(object.noun()) + " cannot be sliced");
  }
  const std::int64_t stride = step.is_null() ? 1 : slice_part(step);
  if (stride == 0) fail_type("the step of a slice must not be 0");
  const auto count = static_cast<std::int64_t>(length(runtime, object));
  const bool backward = stride < 0;
  const std::int64_t first = start.is_null() ? (backward ? count - 1 : 0) : clamp(slice_part(start), count, backward);
  const std::int64_t last = stop.is_null() ? (backward ? -1 : count) : clamp(slice_part(stop), count, backward);
  std::vector<std::size_t> places;
  for (std::int64_t at = first; backward ? at > last : at < last;) {
    places.push_back(static_cast<std::size_t>(at));
    // A huge stride must not wrap around.
    if (backward ? stride < last - at : stride > last - at) break;
    at += stride;
  }
  runtime.work(places.size() * 8);
  if (object.is_list()) {
    const ListData& list = object.as_list();
    std::vector<Value> items;
    items.reserve(places.size());
    for (const std::size_t at : places) items.push_back(list.items[at]);
    const bool tuple = list.style == ListStyle::tuple || list.style == ListStyle::group;
    return runtime.list(std::move(items), tuple ? ListStyle::tuple : list.style);
  }
  const TextData& data = object.text_data();
  runtime.work(data.text.size());
  std::string text;
  if (data.ascii()) {
    if (stride == 1) {
      text = places.empty() ? "" : data.text.substr(places.front(), places.size());
    } else {
      for (const std::size_t at : places) text += data.text[at];
    }
  } else {
    const std::u32string points = decode(data.text);
    std::u32string chosen;
    for (const std::size_t at : places) chosen += points[at];
    text = encode(chosen);
  }
  return runtime.text(std::move(text), object.is_safe());
}

AttributePath::AttributePath(Runtime& runtime, const Value& path) {
  if (path.is_null()) return;
  if (!path.is_text()) {
    parts_.push_back(path);
    return;
  }
  std::string_view rest = path.as_text();
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string part(rest.substr(0, dot));
    if (part.starts_with("_")) fail("security", "names that begin with _ are not accessible");
    const bool digits =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    parts_.push_back(digits && part.size() < 18 ? Value::integer(std::stoll(part)) : runtime.text(part));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (parts_.size() > runtime.limits().max_nesting)
    fail("limit", "an attribute of too many parts (prompt.max_nesting)");
}

Value AttributePath::get(Runtime& runtime, const Value& object, const Value& fallback) const {
  Value value = object;
  for (const Value& part : parts_) {
    runtime.work();
    value = get_item(runtime, value, part);
    if (value.is_undefined() && !fallback.is_null()) value = fallback;
  }
  return value;
}

}  // namespace assay::prompt
