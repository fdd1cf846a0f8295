#pragma once
// Random numbers for resampling: the same for the same key, on every machine, whatever the threads. Specs:
// statistics.md 1.1. One thread.

#include <cstdint>
#include <string_view>

namespace assay {

/// SplitMix64 (Steele, Lea, Flood 2014) whose state is XXH64 (seed 0) of the key's UTF-8:
/// "{bootstrap_seed}//0/bootstrap/{NAME}".
class NamedStream {
 public:
  explicit NamedStream(std::string_view key);

  std::uint64_t state() const { return state_; }
  std::uint64_t next();
  /// Uniform in 0 .. n-1, without bias; n >= 1.
  std::uint64_t below(std::uint64_t n);
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace assay
