#include "runners/prompt/runtime.hpp"

#include <algorithm>

#include "runners/prompt/characters.hpp"
#include "runners/prompt/loop.hpp"

namespace assay::prompt {
namespace {

// Beside the output itself; what is left of the 64 MiB a rendering may take goes to buffers that grow by doubling.
constexpr std::size_t kValueSlack = std::size_t{8} << 20;
constexpr std::size_t kBytesPerOperation = 64;

}  // namespace

void Runtime::work(std::size_t bytes) {
  operations_ += 1 + bytes / kBytesPerOperation;
  if (operations_ > limits_.max_operations) {
    fail("limit", "more than " + std::to_string(limits_.max_operations) + " operations (prompt.max_operations)");
  }
}

void Runtime::count_iterations(std::size_t count) {
  iterations_ += count;
  if (iterations_ > limits_.max_iterations) {
    fail("limit", "more than " + std::to_string(limits_.max_iterations) + " iterations (prompt.max_iterations)");
  }
}

void Runtime::check_size(std::size_t bytes) {
  if (bytes > limits_.max_output) {
    fail("limit", "a text of more than " + std::to_string(limits_.max_output) + " bytes (prompt.max_output)");
  }
}

void Runtime::check_memory() {
  if (meter_.live > limits_.max_output + kValueSlack) {
    fail("limit", "the values of this rendering take more than " + std::to_string(limits_.max_output + kValueSlack) +
                      " bytes (prompt.max_output and 8 MiB)");
  }
}

Value Runtime::text(std::string value, bool safe) {
  check_size(value.size());
  Value made = Value::text(std::move(value), &meter_, safe);
  check_memory();
  return made;
}

Value Runtime::list(std::vector<Value> items, ListStyle style) {
  work(items.size() * 8);
  Value made = Value::list(std::move(items), style, &meter_);
  check_memory();
  return made;
}

Value Runtime::map(std::vector<std::pair<Value, Value>> entries) {
  work(entries.size() * 64);
  Value made = Value::map(std::move(entries), &meter_);
  check_memory();
  return made;
}

void fail_undefined(const Value& value) {
  const UndefinedData& data = value.as_undefined();
  fail("undefined", data.message, data.offset);
}

bool truth(const Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      require_defined(runtime, value);
      return false;
    case Kind::null:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::text:
      return !value.as_text().empty();
    case Kind::list:
      return !value.as_list().items.empty();
    case Kind::map:
      return !value.as_map().entries.empty();
    default:
      return true;
  }
}

std::vector<Value> elements(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      require_defined(runtime, value);
      return {};
    case Kind::list:
      runtime.count_iterations(value.as_list().items.size());
      runtime.check_size(value.as_list().items.size() * sizeof(Value));
      return value.as_list().items;
    case Kind::text: {
      const TextData& data = value.text_data();
      runtime.count_iterations(data.length);
      std::vector<Value> out;
      out.reserve(data.length);
      for (std::size_t at = 0, bytes = 0; at < data.text.size(); at += bytes) {
        decode_at(data.text, at, bytes);
        out.push_back(runtime.text(data.text.substr(at, bytes)));
      }
      return out;
    }
    case Kind::map: {
      std::vector<Value> out;
      runtime.count_iterations(value.as_map().entries.size());
      for (const auto& entry : value.as_map().entries) out.push_back(entry.first);
      return out;
    }
    default:
      fail_type(std::string(value.noun()) + " has no elements");
  }
}

std::size_t length(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      require_defined(runtime, value);
      return 0;
    case Kind::text:
      return value.text_data().length;
    case Kind::list:
      return value.as_list().items.size();
    case Kind::map:
      return value.as_map().entries.size();
    case Kind::loop:
      return static_cast<std::size_t>(value.as_loop().length());
    default:
      fail_type(std::string(value.noun()) + " has no length");
  }
}

Value soft_text(Runtime& runtime, const Value& value) {
  return value.is_text() ? value : runtime.text(to_text(runtime, value));
}

Bound::Bound(const std::string& callee, std::string_view names, std::size_t required, const Arguments& arguments) {
  std::vector<std::string_view> aliases;
  for (const std::string_view word : split_words(names)) {
    const std::size_t slash = word.find('/');
    names_.emplace_back(word.substr(0, slash));
    aliases.push_back(slash == std::string_view::npos ? word : word.substr(slash + 1));
  }
  values_.resize(names_.size());
  if (arguments.positional.size() > names_.size()) {
    fail_type(callee + " takes at most " + std::to_string(names_.size()) + " arguments");
  }
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.named) {
    std::size_t at = 0;
    while (at < names_.size() && names_[at] != name && aliases[at] != name) ++at;
    if (at == names_.size()) fail_type(callee + " has no argument " + name);
    if (values_[at]) fail_type(callee + " got its argument " + name + " twice");
    values_[at] = value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!values_[i]) fail_type(callee + " needs its argument " + names_[i]);
  }
}

std::int64_t Bound::integer(std::size_t index, std::int64_t fallback) const {
  if (!has(index)) return fallback;
  const Value& value = *values_[index];
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_whole()) fail_type(names_[index] + " must be an integer, not " + value.noun());
  return value.as_integer();
}

bool Bound::flag(const Runtime& runtime, std::size_t index, bool fallback) const {
  return has(index) ? truth(runtime, *values_[index]) : fallback;
}

std::string Bound::text(std::size_t index, std::string_view fallback) const {
  if (!has(index)) return std::string(fallback);
  const Value& value = *values_[index];
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_text()) fail_type(names_[index] + " must be a text, not " + value.noun());
  return value.as_text();
}

}  // namespace assay::prompt
