// Equality, order, membership and hashing as Python has them for these types.

#include <cmath>
#include <cstring>

#include "runners/prompt/characters.hpp"
#include "runners/prompt/loop.hpp"
#include "runners/prompt/runtime.hpp"

namespace assay::prompt {
namespace {

bool is_tuple(const Value& value) {
  const ListStyle style = value.as_list().style;
  return style == ListStyle::tuple || style == ListStyle::group;
}

int compare_numbers(const Value& left, const Value& right, bool& ordered) {
  ordered = true;
  if (left.is_whole() && right.is_whole()) {
    return left.as_integer() < right.as_integer() ? -1 : left.as_integer() > right.as_integer() ? 1 : 0;
  }
  const long double a = left.is_whole() ? static_cast<long double>(left.as_integer()) : left.as_real();
  const long double b = right.is_whole() ? static_cast<long double>(right.as_integer()) : right.as_real();
  ordered = !std::isnan(a) && !std::isnan(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/// Both are tuples, or both are lists proper. Ranges compare with ranges only, views of maps by content.
bool comparable_lists(const Value& left, const Value& right) {
  if (is_tuple(left) != is_tuple(right)) return false;
  return (left.as_list().style == ListStyle::range) == (right.as_list().style == ListStyle::range);
}

bool equal_at(Runtime& runtime, const Value& left, const Value& right, std::size_t depth);

bool equal_lists(Runtime& runtime, const Value& left, const Value& right, std::size_t depth) {
  const auto& a = left.as_list().items;
  const auto& b = right.as_list().items;
  if (!comparable_lists(left, right) || a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].same_as(b[i]) && !equal_at(runtime, a[i], b[i], depth + 1)) return false;
  }
  return true;
}

bool equal_at(Runtime& runtime, const Value& left, const Value& right, std::size_t depth) {
  if (depth > 2 * kMaxValueDepth) fail("limit", "these values are nested too deeply to be compared");
  runtime.work();
  if (left.is_undefined() || right.is_undefined()) {
    require_defined(runtime, left);
    require_defined(runtime, right);
    return left.is_undefined() && right.is_undefined();
  }
  if (left.is_number() && right.is_number()) {
    bool ordered = false;
    return compare_numbers(left, right, ordered) == 0 && ordered;
  }
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Kind::null:
      return true;
    case Kind::text: {
      const std::string& a = left.as_text();
      const std::string& b = right.as_text();
      if (a.size() != b.size()) return false;
      runtime.work(a.size());
      return a == b;
    }
    case Kind::list:
      return equal_lists(runtime, left, right, depth);
    case Kind::map: {
      if (left.as_map().entries.size() != right.as_map().entries.size()) return false;
      for (const auto& [key, value] : left.as_map().entries) {
        const Value* other = right.as_map().find(key.as_text());
        if (other == nullptr || !equal_at(runtime, value, *other, depth + 1)) return false;
      }
      return true;
    }
    default:
      return left.same_as(right);
  }
}

}  // namespace

bool equal(Runtime& runtime, const Value& left, const Value& right) { return equal_at(runtime, left, right, 0); }

bool less(Runtime& runtime, const Value& left, const Value& right) {
  runtime.work();
  if (left.is_undefined()) fail_undefined(left);
  if (right.is_undefined()) fail_undefined(right);
  if (left.is_number() && right.is_number()) {
    bool ordered = false;
    return compare_numbers(left, right, ordered) < 0 && ordered;
  }
  if (left.is_text() && right.is_text()) {
    // The order of UTF-8 bytes is the order of code points.
    const std::string& a = left.as_text();
    const std::string& b = right.as_text();
    runtime.work(std::min(a.size(), b.size()));
    const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
    return order < 0 || (order == 0 && a.size() < b.size());
  }
  if (left.is_list() && right.is_list() && comparable_lists(left, right) && left.as_list().style != ListStyle::range) {
    const auto& a = left.as_list().items;
    const auto& b = right.as_list().items;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
      if (!a[i].same_as(b[i]) && !equal(runtime, a[i], b[i])) return less(runtime, a[i], b[i]);
    }
    return a.size() < b.size();
  }
  fail_type(std::string(left.noun()) + " and " + right.noun() + " have no order");
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::undefined:
      require_defined(runtime, container);
      return false;
    case Kind::text:
      require_defined(runtime, item);
      if (!item.is_text()) fail_type(std::string("only a text can be in a text, not ") + item.noun());
      runtime.work(container.as_text().size());
      return container.as_text().find(item.as_text()) != std::string::npos;
    case Kind::list:
      for (const Value& element : container.as_list().items) {
        if (element.same_as(item) || equal(runtime, element, item)) return true;
      }
      return false;
    case Kind::map:
      require_defined(runtime, item);
      if (item.is_map() || (item.is_list() && item.as_list().style == ListStyle::list))
        fail_type(std::string(item.noun()) + " cannot be a key");
      return item.is_text() && container.as_map().find(item.as_text()) != nullptr;
    default:
      fail_type(std::string(container.noun()) + " has no elements");
  }
}

std::string hash_key(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      require_defined(runtime, value);
      return "u";
    case Kind::null:
      return "0";
    case Kind::boolean:
    case Kind::integer:
      return "n" + std::to_string(value.as_integer());
    case Kind::real: {
      const double real = value.as_real();
      const bool whole = std::nearbyint(real) == real && std::fabs(real) < 9e18;
      return "n" + (whole ? std::to_string(static_cast<std::int64_t>(real)) : real_text(real));
    }
    case Kind::text:
      runtime.work(value.as_text().size());
      return "t" + value.as_text();
    case Kind::list: {
      if (!is_tuple(value)) break;
      std::string key = "(";
      for (const Value& item : value.as_list().items) {
        const std::string part = hash_key(runtime, item);
        append(runtime, key, std::to_string(part.size()) + ":" + part);
      }
      return key;
    }
    case Kind::map:
      break;
    default: {
      const void* address = value.kind() == Kind::function ? static_cast<const void*>(value.as_function())
                            : value.kind() == Kind::macro  ? static_cast<const void*>(&value.as_macro())
                            : value.kind() == Kind::loop   ? static_cast<const void*>(&value.as_loop())
                                                           : static_cast<const void*>(&value.as_names());
      return "@" + std::to_string(reinterpret_cast<std::uintptr_t>(address));
    }
  }
  fail_type(std::string(value.noun()) + " cannot be compared by content here");
}

}  // namespace assay::prompt
