#pragma once
// What an expression of a template can be (specs/prompts.md section 2): null, boolean, 64-bit integer, double, text,
// list, tuple, map with text keys in insertion order, the undefined value, safe text, and what the engine itself makes
// (macros, namespaces, loops, the three functions). No host objects.
//
// A Value is small and cheap to copy: payloads are shared and never change, so that one context serves many threads.
// Namespaces and loops do change; they live in one rendering and never leave it. Nesting is bounded by kMaxValueDepth
// (Fault "limit"), so that walking and freeing a value needs a bounded stack.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/text/json.hpp"

namespace assay::prompt {

inline constexpr std::size_t kMaxValueDepth = 250;

/// Counts the bytes that the values of one rendering hold; one thread.
struct Meter {
  std::size_t live = 0;
};

class Value;
struct MacroData;
struct LoopData;

/// Bytes counted on a meter as long as the payload lives. The meter outlives every payload that names it.
class Charge {
 public:
  Charge(Meter* meter, std::size_t bytes) : meter_(meter), bytes_(bytes) {
    if (meter_ != nullptr) meter_->live += bytes_;
  }
  ~Charge() {
    if (meter_ != nullptr) meter_->live -= bytes_;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

 private:
  Meter* meter_;
  std::size_t bytes_;
};

struct TextData {
  TextData(std::string bytes, Meter* meter);
  std::string text;    ///< UTF-8
  std::size_t length;  ///< code points
  Charge charge;
  bool ascii() const { return length == text.size(); }
};

/// How Python would show the sequence; everything but printing, equality and tojson treats them as lists.
enum class ListStyle : std::uint8_t { list, tuple, group, range, keys, values, items };

struct ListData {
  ListData(std::vector<Value> values, ListStyle how, Meter* meter);
  std::vector<Value> items;
  ListStyle style;
  std::size_t depth;
  Charge charge;
};

/// Keys are texts, in the order of their first appearance.
struct MapData {
  explicit MapData(std::vector<std::pair<Value, Value>> pairs, Meter* meter);
  const Value* find(std::string_view key) const;
  std::vector<std::pair<Value, Value>> entries;  ///< without repeats: the last value of a key stands at its first place
  std::size_t depth;

 private:
  std::unordered_map<std::string_view, std::size_t> index_;  ///< only of maps with many keys
  Charge charge_;
};

struct UndefinedData {
  std::string message;   ///< 'x' is undefined
  std::size_t offset;    ///< where in the template the value was missing
  bool lenient = false;  ///< as Jinja2's default also in strict mode: `a if false`
};

struct NamespaceData {
  std::vector<std::pair<std::string, Value>> entries;
  Value* find(std::string_view key);
};

enum class Kind : std::uint8_t {
  undefined,
  null,
  boolean,
  integer,
  real,
  text,
  list,
  map,
  macro,
  names,
  loop,
  function
};

class Value {
 public:
  Value() = default;  ///< null
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value real(double value);
  static Value text(std::string value, Meter* meter = nullptr, bool safe = false);
  static Value list(std::vector<Value> items, ListStyle style = ListStyle::list, Meter* meter = nullptr);
  static Value map(std::vector<std::pair<Value, Value>> entries, Meter* meter = nullptr);
  static Value undefined(std::string message, std::size_t offset, bool lenient = false);
  static Value macro(std::shared_ptr<const MacroData> data);
  static Value names(std::shared_ptr<NamespaceData> data);
  static Value loop(std::shared_ptr<LoopData> data, std::size_t depth);
  /// `name` is a constant: "range", "dict", "namespace".
  static Value function(const char* name);
  /// The same text, not to be escaped again (or to be).
  Value with_safe(bool safe) const;

  Kind kind() const { return kind_; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_text() const { return kind_ == Kind::text; }
  bool is_safe() const { return safe_; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_map() const { return kind_ == Kind::map; }
  bool is_number() const { return kind_ == Kind::boolean || kind_ == Kind::integer || kind_ == Kind::real; }
  bool is_whole() const { return kind_ == Kind::boolean || kind_ == Kind::integer; }

  bool as_bool() const { return integer_ != 0; }
  std::int64_t as_integer() const { return integer_; }  ///< of a boolean: 0 or 1
  double as_real() const { return kind_ == Kind::real ? real_ : static_cast<double>(integer_); }
  const std::string& as_text() const { return text_data().text; }
  const TextData& text_data() const { return *static_cast<const TextData*>(data_.get()); }
  const ListData& as_list() const { return *static_cast<const ListData*>(data_.get()); }
  const MapData& as_map() const { return *static_cast<const MapData*>(data_.get()); }
  const UndefinedData& as_undefined() const { return *static_cast<const UndefinedData*>(data_.get()); }
  const MacroData& as_macro() const { return *static_cast<const MacroData*>(data_.get()); }
  // Namespaces and loops are made as mutable objects and are constant only as seen through the shared pointer.
  NamespaceData& as_names() const {
    return *const_cast<NamespaceData*>(static_cast<const NamespaceData*>(data_.get()));
  }
  LoopData& as_loop() const;
  const char* as_function() const { return function_; }
  /// Whether both share one payload (or are the same null, boolean, number).
  bool same_as(const Value& other) const;
  /// Levels of nesting below and including this value.
  std::size_t depth() const;
  /// "a number", "a text", "a list": for messages.
  const char* noun() const;

 private:
  Kind kind_ = Kind::null;
  bool safe_ = false;
  std::uint32_t loop_depth_ = 0;
  union {
    std::int64_t integer_ = 0;
    double real_;
    const char* function_;
  };
  std::shared_ptr<const void> data_;
};

/// Invalid UTF-8 becomes U+FFFD; integers beyond 64 bits become doubles. Throws Fault "limit" beyond kMaxValueDepth.
Value from_json(const Json& json);

}  // namespace assay::prompt
