#include "runners/prompt/value.hpp"

#include <algorithm>
#include <limits>

#include "core/text/utf8.hpp"
#include "runners/prompt/fault.hpp"

namespace assay::prompt {
namespace {

constexpr std::size_t kFewKeys = 8;

std::size_t one_deeper(std::size_t depth) {
  if (depth + 1 > kMaxValueDepth) fail("limit", "values are nested deeper than " + std::to_string(kMaxValueDepth));
  return depth + 1;
}

std::size_t depth_of(const std::vector<Value>& values) {
  std::size_t depth = 0;
  for (const Value& value : values) depth = std::max(depth, value.depth());
  return one_deeper(depth);
}

}  // namespace

TextData::TextData(std::string bytes, Meter* meter)
    : text(std::move(bytes)),
      length(static_cast<std::size_t>(std::count_if(
          text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }))),
      charge(meter, text.capacity() + sizeof(TextData)) {}

ListData::ListData(std::vector<Value> values, ListStyle how, Meter* meter)
    : items(std::move(values)),
      style(how),
      depth(depth_of(items)),
      charge(meter, items.capacity() * sizeof(Value) + sizeof(ListData)) {}

MapData::MapData(std::vector<std::pair<Value, Value>> pairs, Meter* meter)
    : depth(0), charge_(meter, pairs.size() * (2 * sizeof(Value) + 48) + sizeof(MapData)) {
  entries.reserve(pairs.size());
  const bool many = pairs.size() > kFewKeys;
  for (auto& [key, value] : pairs) {
    Value* old = nullptr;
    if (many) {
      const auto [at, added] = index_.try_emplace(key.as_text(), entries.size());
      if (!added) old = &entries[at->second].second;
    } else {
      for (auto& entry : entries) {
        if (entry.first.as_text() == key.as_text()) old = &entry.second;
      }
    }
    depth = std::max(depth, value.depth());
    if (old != nullptr) {
      *old = std::move(value);
    } else {
      entries.emplace_back(std::move(key), std::move(value));
    }
  }
  depth = one_deeper(depth);
}

const Value* MapData::find(std::string_view key) const {
  if (!index_.empty()) {
    const auto at = index_.find(key);
    return at == index_.end() ? nullptr : &entries[at->second].second;
  }
  for (const auto& [name, value] : entries) {
    if (name.as_text() == key) return &value;
  }
  return nullptr;
}

Value* NamespaceData::find(std::string_view key) {
  for (auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value Value::boolean(bool value) {
  Value made;
  made.kind_ = Kind::boolean;
  made.integer_ = value ? 1 : 0;
  return made;
}

Value Value::integer(std::int64_t value) {
  Value made;
  made.kind_ = Kind::integer;
  made.integer_ = value;
  return made;
}

Value Value::real(double value) {
  Value made;
  made.kind_ = Kind::real;
  made.real_ = value;
  return made;
}

Value Value::text(std::string value, Meter* meter, bool safe) {
  Value made;
  made.kind_ = Kind::text;
  made.safe_ = safe;
  made.data_ = std::make_shared<const TextData>(std::move(value), meter);
  return made;
}

Value Value::list(std::vector<Value> items, ListStyle style, Meter* meter) {
  Value made;
  made.kind_ = Kind::list;
  made.data_ = std::make_shared<const ListData>(std::move(items), style, meter);
  return made;
}

Value Value::map(std::vector<std::pair<Value, Value>> entries, Meter* meter) {
  Value made;
  made.kind_ = Kind::map;
  made.data_ = std::make_shared<const MapData>(std::move(entries), meter);
  return made;
}

Value Value::undefined(std::string message, std::size_t offset, bool lenient) {
  Value made;
  made.kind_ = Kind::undefined;
  made.data_ = std::make_shared<const UndefinedData>(UndefinedData{std::move(message), offset, lenient});
  return made;
}

Value Value::macro(std::shared_ptr<const MacroData> data) {
  Value made;
  made.kind_ = Kind::macro;
  made.data_ = std::move(data);
  return made;
}

Value Value::names(std::shared_ptr<NamespaceData> data) {
  Value made;
  made.kind_ = Kind::names;
  made.data_ = std::move(data);
  return made;
}

Value Value::loop(std::shared_ptr<LoopData> data, std::size_t depth) {
  Value made;
  made.kind_ = Kind::loop;
  made.loop_depth_ = static_cast<std::uint32_t>(one_deeper(depth));
  made.data_ = std::move(data);
  return made;
}

Value Value::function(const char* name) {
  Value made;
  made.kind_ = Kind::function;
  made.function_ = name;
  return made;
}

Value Value::with_safe(bool safe) const {
  Value made = *this;
  made.safe_ = safe;
  return made;
}

LoopData& Value::as_loop() const { return *const_cast<LoopData*>(static_cast<const LoopData*>(data_.get())); }

bool Value::same_as(const Value& other) const {
  if (kind_ != other.kind_) return false;
  switch (kind_) {
    case Kind::null:
      return true;
    case Kind::boolean:
    case Kind::integer:
      return integer_ == other.integer_;
    case Kind::function:
      return function_ == other.function_;
    case Kind::text:
      return data_ == other.data_ && safe_ == other.safe_;
    case Kind::real:
      return real_ == other.real_;
    default:
      return data_ == other.data_;
  }
}

std::size_t Value::depth() const {
  if (kind_ == Kind::list) return as_list().depth;
  if (kind_ == Kind::map) return as_map().depth;
  return loop_depth_;
}

const char* Value::noun() const {
  switch (kind_) {
    case Kind::undefined:
      return "an undefined value";
    case Kind::null:
      return "none";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a number";
    case Kind::text:
      return "a text";
    case Kind::list:
      return as_list().style == ListStyle::tuple ? "a tuple" : "a list";
    case Kind::map:
      return "a map";
    case Kind::macro:
      return "a macro";
    case Kind::names:
      return "a namespace";
    case Kind::loop:
      return "a loop";
    case Kind::function:
      return "a function";
  }
  return "a value";
}

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto value = json.get<std::uint64_t>();
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return Value::real(static_cast<double>(value));
      }
      return Value::integer(static_cast<std::int64_t>(value));
    }
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      return Value::text(is_valid_utf8(text) ? text : repair_utf8(text));
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(from_json(item));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      entries.reserve(json.size());
      for (const auto& [key, value] : json.items()) {
        entries.emplace_back(Value::text(is_valid_utf8(key) ? key : repair_utf8(key)), from_json(value));
      }
      return Value::map(std::move(entries));
    }
    default:
      return {};
  }
}

}  // namespace assay::prompt
