#include "experiments/qa/python_random.hpp"

#include <algorithm>
#include <bit>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kSize = 624;
constexpr std::size_t kShift = 397;

std::vector<std::uint32_t> words_of(std::uint64_t value) {
  std::vector<std::uint32_t> words{static_cast<std::uint32_t>(value)};
  if (value >> 32U) words.push_back(static_cast<std::uint32_t>(value >> 32U));
  return words;
}

}  // namespace

PythonRandom::PythonRandom(std::int64_t seed)
    : PythonRandom(words_of(seed < 0 ? 0 - static_cast<std::uint64_t>(seed) : static_cast<std::uint64_t>(seed))) {}

PythonRandom PythonRandom::from_decimal(std::string_view digits) {
  std::string_view rest = digits;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  const bool numeric = std::all_of(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (rest.empty() || !numeric || rest.size() > 1000) {
    throw Error("usage", "seed '" + std::string(digits) + "' is no whole number", "seed");
  }
  std::vector<std::uint32_t> words{0};
  for (const char c : rest) {
    std::uint64_t carry = static_cast<std::uint64_t>(c - '0');
    for (std::uint32_t& word : words) {
      carry += std::uint64_t{word} * 10;
      word = static_cast<std::uint32_t>(carry);
      carry >>= 32U;
    }
    if (carry != 0) words.push_back(static_cast<std::uint32_t>(carry));
  }
  return PythonRandom(words);
}

void PythonRandom::seed_by_number(std::uint32_t number) {
  state_[0] = number;
  for (std::uint32_t i = 1; i < kSize; ++i) {
    state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30U)) + i;
  }
}

void PythonRandom::seed_by_array(const std::vector<std::uint32_t>& words) {
  seed_by_number(19650218U);
  std::size_t i = 1;
  std::size_t j = 0;
  const auto wrap = [&] {
    if (i < kSize) return;
    state_[0] = state_[kSize - 1];
    i = 1;
  };
  for (std::size_t k = std::max(kSize, words.size()); k > 0; --k) {
    state_[i] =
        (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1664525U)) + words[j] + static_cast<std::uint32_t>(j);
    ++i;
    if (++j >= words.size()) j = 0;
    wrap();
  }
  for (std::size_t k = kSize - 1; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30U)) * 1566083941U)) - static_cast<std::uint32_t>(i);
    ++i;
    wrap();
  }
  state_[0] = 0x80000000U;
}

std::uint32_t PythonRandom::next() {
  if (at_ == kSize) {
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % kSize] & 0x7fffffffU);
      state_[i] = state_[(i + kShift) % kSize] ^ (y >> 1U) ^ ((y & 1U) != 0 ? 0x9908b0dfU : 0U);
    }
    at_ = 0;
  }
  std::uint32_t y = state_[at_++];
  y ^= y >> 11U;
  y ^= (y << 7U) & 0x9d2c5680U;
  y ^= (y << 15U) & 0xefc60000U;
  y ^= y >> 18U;
  return y;
}

std::uint32_t PythonRandom::below(std::uint32_t bound) {
  const auto width = static_cast<unsigned>(std::bit_width(bound));
  std::uint32_t drawn = bits(width);
  while (drawn >= bound) drawn = bits(width);
  return drawn;
}

std::int64_t PythonRandom::randint(std::int64_t low, std::int64_t high) {
  return low + std::int64_t{below(static_cast<std::uint32_t>(high - low + 1))};
}

double PythonRandom::uniform() {
  const std::uint32_t a = next() >> 5U;
  const std::uint32_t b = next() >> 6U;
  return (a * 67108864.0 + b) / 9007199254740992.0;
}

}  // namespace assay
