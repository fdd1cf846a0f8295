#pragma once
// CPython's `random`: MT19937 (Matsumoto, Nishimura 1998) seeded by init_by_array, with the draws that published
// question sets were made with, so that those sets come out again. Specs: qa.md 3. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

class PythonRandom {
 public:
  /// random.seed(int): the absolute value counts.
  explicit PythonRandom(std::int64_t seed);
  /// A seed of any size, as decimal digits with an optional sign. Throws Error "usage" on anything else.
  static PythonRandom from_decimal(std::string_view digits);

  /// getrandbits(k), 1 <= k <= 32.
  std::uint32_t bits(unsigned count) { return next() >> (32U - count); }
  /// _randbelow(n), 1 <= n < 2^32.
  std::uint32_t below(std::uint32_t bound);
  /// randint(low, high), both ends included.
  std::int64_t randint(std::int64_t low, std::int64_t high);
  /// random(), in [0, 1).
  double uniform();
  template <typename T>
  const T& choice(const std::vector<T>& from) {
    return from[below(static_cast<std::uint32_t>(from.size()))];
  }
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i-- > 1;) {
      std::swap(values[i], values[below(static_cast<std::uint32_t>(i) + 1)]);
    }
  }

 private:
  explicit PythonRandom(const std::vector<std::uint32_t>& words) { seed_by_array(words); }
  void seed_by_array(const std::vector<std::uint32_t>& words);
  void seed_by_number(std::uint32_t number);
  std::uint32_t next();

  std::array<std::uint32_t, 624> state_{};
  std::size_t at_ = 624;
};

}  // namespace assay
