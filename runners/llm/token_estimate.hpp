#pragma once
// How many tokens a call will take, before it is sent: input by a ratio learned from the lane's replies, output by its
// recent ones. Used under the lane's lock. Specs: models.md 4.1.

#include <array>
#include <cstddef>

#include "runners/llm/lane_call.hpp"

namespace assay {

class TokenEstimate {
 public:
  /// Weights at admission, by the provider's way of counting.
  TokenWeight weigh(const CallSize& size) const;
  /// What a reply told: the next estimates are better. Returns what the call really took, where it told.
  TokenWeight learn(const CallSize& size, const TokenWeight& estimated, const CallEnd& end);

  double tokens_per_byte() const { return ratio_; }
  void set_tokens_per_byte(double ratio);
  /// 90th percentile of the last outputs; 0: none yet.
  double expected_out() const { return p90_; }

 private:
  double ratio_ = 0.30;
  double bytes_seen_ = 0, tokens_seen_ = 0;  // decaying sums
  std::array<double, 64> outputs_{};
  std::size_t count_ = 0;
  double p90_ = 0;
};

}  // namespace assay
