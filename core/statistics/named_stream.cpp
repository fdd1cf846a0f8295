#include "core/statistics/named_stream.hpp"

#include <xxhash.h>

#include <stdexcept>

namespace assay {

NamedStream::NamedStream(std::string_view key) : state_(XXH64(key.data(), key.size(), 0)) {}

std::uint64_t NamedStream::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t NamedStream::below(std::uint64_t n) {
  if (n == 0) throw std::logic_error("below: n >= 1");
  // floor(2^64/n)*n, as a number of 64 bits: 0 stands for 2^64 itself.
  const std::uint64_t end = 0 - ((0 - n) % n);
  for (;;) {
    const std::uint64_t r = next();
    if (end == 0 || r < end) return r % n;
  }
}

}  // namespace assay
