#pragma once

#include "runners/prompt/random_source.hpp"

/// 0, 1, 2, ..
class CountingRandom : public assay::RandomSource {
 public:
  std::uint64_t next() override { return count_++; }

 private:
  std::uint64_t count_ = 0;
};
