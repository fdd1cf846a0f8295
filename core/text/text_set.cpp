#include "core/text/text_set.hpp"

#include "core/text/hash.hpp"

namespace assay {

std::uint32_t TextSet::add(std::string_view text) {
  if (text.empty()) return 0;
  if (size() * 10 >= index_.size() * 7) rebuild_index(size() * 2);
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = xxh3_64(text) & mask;
  for (; index_[slot] != 0; slot = (slot + 1) & mask) {
    if (at(index_[slot]) == text) return index_[slot];
  }
  const auto number = static_cast<std::uint32_t>(size());
  bytes_ += text;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  index_[slot] = number;
  return number;
}

void TextSet::rebuild_index(std::size_t texts) {
  std::size_t slots = 16;
  while (texts * 10 > slots * 7) slots *= 2;
  index_.assign(slots, 0);
  for (std::uint32_t number = 1; number < size(); ++number) {
    std::size_t slot = xxh3_64(at(number)) & (slots - 1);
    while (index_[slot] != 0) slot = (slot + 1) & (slots - 1);
    index_[slot] = number;
  }
}

std::size_t TextSet::memory_bytes() const {
  return bytes_.capacity() + (ends_.capacity() + index_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace assay
