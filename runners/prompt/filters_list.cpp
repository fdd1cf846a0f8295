// Filters over elements: order, grouping, picking, joining.

#include <algorithm>
#include <unordered_set>

#include "runners/prompt/characters.hpp"
#include "runners/prompt/filters.hpp"

namespace assay::prompt {
namespace {

Value ignoring_case(Runtime& runtime, const Value& value) {
  if (!value.is_text()) return value;
  runtime.work(4 * value.as_text().size());
  return runtime.text(lower(value.as_text()));
}

/// The order of Python's sorted(): stable, also when reversed. Keys compare like one-element lists: equal ones need
/// no order.
template <typename Row, typename Key>
void sort_rows(Runtime& runtime, std::vector<Row>& rows, bool reverse, Key key) {
  const auto before = [&](const Value& a, const Value& b) { return !equal(runtime, a, b) && less(runtime, a, b); };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return reverse ? before(key(b), key(a)) : before(key(a), key(b));
  });
}

struct Keyed {
  Value key, value;
};

std::vector<Keyed> keyed(Runtime& runtime, const Value& input, const Value& attribute, bool case_sensitive,
                         const Value& fallback = {}) {
  const AttributePath path(runtime, attribute);
  std::vector<Keyed> rows;
  for (Value& item : elements(runtime, input)) {
    Value key = path.get(runtime, item, fallback);
    if (!case_sensitive) key = ignoring_case(runtime, key);
    rows.push_back({std::move(key), std::move(item)});
  }
  return rows;
}

Value run_sort(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const bool reverse = call.bound.flag(runtime, 0, false), sensitive = call.bound.flag(runtime, 1, false);
  const Value attribute = call.bound.value(2);
  std::vector<Value> paths;
  if (attribute.is_text()) {
    // "a,b": by a, then by b.
    std::string_view rest = attribute.as_text();
    for (std::size_t comma = 0; comma != std::string_view::npos;) {
      comma = rest.find(',');
      paths.push_back(runtime.text(std::string(rest.substr(0, comma))));
      if (comma != std::string_view::npos) rest.remove_prefix(comma + 1);
    }
  } else {
    paths.push_back(attribute);
  }
  std::vector<std::vector<Value>> keys;
  for (const Value& path : paths) {
    std::vector<Keyed> rows = keyed(runtime, call.input, path, sensitive);
    keys.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) keys[i].push_back(std::move(rows[i].key));
  }
  std::vector<Keyed> rows;
  const std::vector<Value> items = elements(runtime, call.input);
  for (std::size_t i = 0; i < items.size(); ++i) rows.push_back({runtime.list(std::move(keys[i])), items[i]});
  sort_rows(runtime, rows, reverse, [](const Keyed& row) -> const Value& { return row.key; });
  std::vector<Value> out;
  out.reserve(rows.size());
  for (Keyed& row : rows) out.push_back(std::move(row.value));
  return runtime.list(std::move(out));
}

Value run_dictsort(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const bool sensitive = call.bound.flag(runtime, 0, false), reverse = call.bound.flag(runtime, 2, false);
  const std::string by = call.bound.text(1, "key");
  if (by != "key" && by != "value") fail_type("by must be key or value");
  if (call.input.is_undefined()) fail_undefined(call.input);
  if (!call.input.is_map()) fail_type(std::string("dictsort wants a map, not ") + call.input.noun());
  std::vector<Keyed> rows;
  for (const auto& [key, value] : call.input.as_map().entries) {
    const Value& part = by == "key" ? key : value;
    rows.push_back({sensitive ? part : ignoring_case(runtime, part), runtime.list({key, value}, ListStyle::tuple)});
  }
  // Python compares these keys directly, so that two equal maps have no order.
  std::stable_sort(rows.begin(), rows.end(), [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(runtime, b.key, a.key) : less(runtime, a.key, b.key);
  });
  std::vector<Value> out;
  for (Keyed& row : rows) out.push_back(std::move(row.value));
  return runtime.list(std::move(out));
}

Value run_groupby(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const bool sensitive = call.bound.flag(runtime, 2, false);
  const Value attribute = call.bound.value(0), fallback = call.bound.value(1);
  std::vector<Keyed> rows = keyed(runtime, call.input, attribute, sensitive, fallback);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Keyed& a, const Keyed& b) { return less(runtime, a.key, b.key); });
  const AttributePath path(runtime, attribute);
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    std::vector<Value> members = {rows[begin].value};
    while (end < rows.size() && equal(runtime, rows[end].key, rows[begin].key)) members.push_back(rows[end++].value);
    const Value name = sensitive ? rows[begin].key : path.get(runtime, members.front(), fallback);
    groups.push_back(runtime.list({name, runtime.list(std::move(members))}, ListStyle::group));
    begin = end;
  }
  return runtime.list(std::move(groups));
}

Value run_unique(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  std::unordered_set<std::string> seen;
  std::vector<Value> out;
  for (Keyed& row : keyed(runtime, call.input, call.bound.value(1), call.bound.flag(runtime, 0, false))) {
    if (seen.insert(hash_key(runtime, row.key)).second) out.push_back(std::move(row.value));
  }
  return runtime.list(std::move(out));
}

Value extreme(const FilterCall& call, bool largest) {
  Runtime& runtime = call.runtime;
  const std::vector<Keyed> rows = keyed(runtime, call.input, call.bound.value(1), call.bound.flag(runtime, 0, false));
  if (rows.empty()) return runtime.undefined("there is nothing to choose from: the sequence is empty");
  const Keyed* best = &rows.front();
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const bool better = largest ? less(runtime, best->key, rows[i].key) : less(runtime, rows[i].key, best->key);
    if (better) best = &rows[i];
  }
  return best->value;
}

Value run_min(const FilterCall& call) { return extreme(call, false); }
Value run_max(const FilterCall& call) { return extreme(call, true); }

Value run_sum(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const AttributePath path(runtime, call.bound.value(0));
  Value total = call.bound.has(1) ? call.bound.value(1) : Value::integer(0);
  if (total.is_text()) fail_type("sum cannot add texts: use join");
  for (const Value& item : elements(runtime, call.input)) total = add(runtime, total, path.get(runtime, item));
  return total;
}

Value run_join(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  std::vector<Value> parts = elements(runtime, call.input);
  if (!call.bound.is_null(1)) {
    const AttributePath path(runtime, call.bound.value(1));
    for (Value& part : parts) part = path.get(runtime, part);
  }
  const Value separator = call.bound.has(0) ? soft_text(runtime, call.bound.value(0)) : runtime.text("");
  bool escape = false;
  if (runtime.autoescape()) {
    escape = separator.is_safe();
    for (const Value& part : parts) escape = escape || part.is_safe();
  }
  for (Value& part : parts) part = soft_text(runtime, part);
  return join_texts(runtime, parts, separator, escape);
}

Value run_length(const FilterCall& call) {
  return Value::integer(static_cast<std::int64_t>(length(call.runtime, call.input)));
}

Value run_list(const FilterCall& call) { return call.runtime.list(elements(call.runtime, call.input)); }

Value run_items(const FilterCall& call) {
  if (call.input.is_undefined()) return call.runtime.list({});
  if (!call.input.is_map()) fail_type(std::string("items wants a map, not ") + call.input.noun());
  std::vector<Value> out;
  for (const auto& [key, value] : call.input.as_map().entries) {
    out.push_back(call.runtime.list({key, value}, ListStyle::tuple));
  }
  return call.runtime.list(std::move(out));
}

Value run_first(const FilterCall& call) {
  const Value& input = call.input;
  if (input.is_list()) {
    if (!input.as_list().items.empty()) return input.as_list().items.front();
  } else {
    const std::vector<Value> all = elements(call.runtime, input);
    if (!all.empty()) return all.front();
  }
  return call.runtime.undefined("there is no first item: the sequence is empty");
}

Value run_last(const FilterCall& call) {
  const Value& input = call.input;
  if (input.is_list()) {
    if (!input.as_list().items.empty()) return input.as_list().items.back();
  } else {
    const std::vector<Value> all = elements(call.runtime, input);
    // Python reverses a safe text by indexing, which keeps it safe; first iterates, which does not.
    if (!all.empty()) return input.is_text() ? all.back().with_safe(input.is_safe()) : all.back();
  }
  return call.runtime.undefined("there is no last item: the sequence is empty");
}

Value run_random(const FilterCall& call) {
  if (call.input.is_map()) fail_type("random wants a list or a text, not a map");
  const std::size_t count = length(call.runtime, call.input);
  if (count == 0) return call.runtime.undefined("there is no random item: the sequence is empty");
  const auto at = static_cast<std::int64_t>(call.runtime.random_number() % count);
  return get_item(call.runtime, call.input, Value::integer(at));
}

Value run_reverse(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  if (call.input.is_text()) return get_slice(runtime, call.input, {}, {}, Value::integer(-1));
  std::vector<Value> out = elements(runtime, call.input);
  std::reverse(out.begin(), out.end());
  return runtime.list(std::move(out));
}

std::size_t at_least_one(const FilterCall& call) {
  const std::int64_t count = call.bound.integer(0, 0);
  if (count < 1) fail_type("the number must be at least 1");
  if (count > static_cast<std::int64_t>(call.runtime.limits().max_iterations))
    call.runtime.count_iterations(static_cast<std::size_t>(count));
  return static_cast<std::size_t>(count);
}

Value run_batch(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const std::size_t size = at_least_one(call);
  const std::vector<Value> items = elements(runtime, call.input);
  std::vector<Value> out;
  for (std::size_t at = 0; at < items.size(); at += size) {
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t count = std::min(size, items.size() - at);
    std::vector<Value> row(begin, begin + static_cast<std::ptrdiff_t>(count));
    if (!call.bound.is_null(1) && count < size) {
      runtime.count_iterations(size - count);
      runtime.check_size(size * sizeof(Value));
      row.resize(size, call.bound.value(1));
    }
    out.push_back(runtime.list(std::move(row)));
  }
  return runtime.list(std::move(out));
}

Value run_slice(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const std::size_t slices = at_least_one(call);
  const std::vector<Value> items = elements(runtime, call.input);
  runtime.count_iterations(slices);
  const std::size_t each = items.size() / slices, extra = items.size() % slices;
  std::vector<Value> out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    const std::size_t count = each + (i < extra ? 1 : 0);
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<Value> row(begin, begin + static_cast<std::ptrdiff_t>(count));
    at += count;
    if (!call.bound.is_null(1) && i >= extra) row.push_back(call.bound.value(1));
    out.push_back(runtime.list(std::move(row)));
  }
  return runtime.list(std::move(out));
}

Value run_default(const FilterCall& call) {
  const bool by_truth = call.bound.flag(call.runtime, 1, false);
  if (call.input.is_undefined() || (by_truth && !truth(call.runtime, call.input))) {
    return call.bound.has(0) ? call.bound.value(0) : call.runtime.text("");
  }
  return call.input;
}

}  // namespace

Value join_texts(Runtime& runtime, const std::vector<Value>& parts, const Value& separator, bool escape_plain) {
  const std::string between = escape_plain ? escaped(runtime, separator).as_text() : separator.as_text();
  std::string out;
  bool begin = true;
  for (const Value& part : parts) {
    if (!begin) append(runtime, out, between);
    begin = false;
    if (escape_plain && !part.is_safe()) {
      append(runtime, out, escape_html(runtime, part.as_text()));
    } else {
      append(runtime, out, part.as_text());
    }
  }
  runtime.work(out.size());
  return runtime.text(std::move(out), escape_plain);
}

const FilterRow kListFilters[] = {
    {"batch", "linecount/n fill_with/fill", 1, run_batch},
    {"count", "", 0, run_length},
    {"d", "default_value/value boolean", 0, run_default},
    {"default", "default_value/value boolean", 0, run_default},
    {"dictsort", "case_sensitive by reverse", 0, run_dictsort},
    {"first", "", 0, run_first},
    {"groupby", "attribute default case_sensitive", 1, run_groupby},
    {"items", "", 0, run_items},
    {"join", "d attribute", 0, run_join},
    {"last", "", 0, run_last},
    {"length", "", 0, run_length},
    {"list", "", 0, run_list},
    {"max", "case_sensitive attribute", 0, run_max},
    {"min", "case_sensitive attribute", 0, run_min},
    {"random", "", 0, run_random},
    {"reverse", "", 0, run_reverse},
    {"slice", "slices/n fill_with/fill", 1, run_slice},
    {"sort", "reverse case_sensitive attribute", 0, run_sort},
    {"sum", "attribute start", 0, run_sum},
    {"unique", "case_sensitive attribute", 0, run_unique},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace assay::prompt
