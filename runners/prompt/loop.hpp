#pragma once
// The state behind `loop`: elements are taken one by one, so that a condition (`for x in xs if ..`) is evaluated when
// its element is reached, as in Jinja2. One rendering, one thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "runners/prompt/value.hpp"

namespace assay::prompt {

struct LoopData {
  Value source;             ///< keeps the elements alive
  std::vector<Value> made;  ///< elements of a text or a map
  const std::vector<Value>* items = nullptr;
  std::size_t cursor = 0;
  std::function<bool(const Value&)> keeps;  ///< the condition; empty when there is none or the loop is over

  std::deque<Value> ahead;  ///< taken but not yet current
  std::int64_t index0 = -1;
  std::optional<Value> previous, current;
  std::optional<std::vector<Value>> last_changed;
  std::optional<std::int64_t> known_length;
  bool over = false;  ///< its block is left; `changed` no longer remembers, so that a loop cannot hold itself

  /// Moves to the next element; false at the end.
  bool advance();
  bool peek();
  std::int64_t length();

 private:
  bool take(Value& out);
};

}  // namespace assay::prompt
