#pragma once
// Where the `random` filter draws from: the run's own recorded stream, so that a rendering can be repeated.

#include <cstdint>

namespace assay {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t next() = 0;
};

}  // namespace assay
