#include "runners/prompt/loop.hpp"

namespace assay::prompt {

bool LoopData::take(Value& out) {
  while (cursor < items->size()) {
    const Value& item = (*items)[cursor++];
    if (keeps && !keeps(item)) continue;
    out = item;
    return true;
  }
  return false;
}

bool LoopData::advance() {
  Value value;
  if (!ahead.empty()) {
    value = std::move(ahead.front());
    ahead.pop_front();
  } else if (!take(value)) {
    return false;
  }
  ++index0;
  previous = std::move(current);
  current = std::move(value);
  return true;
}

bool LoopData::peek() {
  if (!ahead.empty()) return true;
  Value value;
  if (!take(value)) return false;
  ahead.push_back(std::move(value));
  return true;
}

std::int64_t LoopData::length() {
  if (!known_length) {
    if (!keeps) {
      known_length = static_cast<std::int64_t>(items->size());
    } else {
      for (Value value; take(value);) ahead.push_back(std::move(value));
      known_length = index0 + 1 + static_cast<std::int64_t>(ahead.size());
    }
  }
  return *known_length;
}

}  // namespace assay::prompt
