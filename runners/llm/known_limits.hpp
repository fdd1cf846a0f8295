#pragma once
// Limits that somebody told: configured ones and those that replies announce. One bucket per dimension, the smaller of
// the two in force. Used under the lane's lock. Specs: models.md 4.1, 4.2.

#include <array>
#include <vector>

#include "runners/llm/bucket.hpp"
#include "runners/llm/lane_call.hpp"
#include "runners/llm/lane_limits.hpp"

namespace assay {

class KnownLimits {
 public:
  bool any() const { return any_; }
  void give(const LaneLimits& limits, SteadyTime now);
  /// Headers of the newest reply: limits, and levels that are never higher than what it says remains.
  void announce(const std::vector<LimitHeader>& headers, SteadyTime now);

  struct Answer {
    SteadyTime at;
    const char* why = "";  // the dimension that comes last: "rpm", "tpm", ..
  };
  /// When every dimension has room, all or none.
  Answer fits_at(const TokenWeight& weight, SteadyTime now);
  void take(const TokenWeight& weight);
  /// After the answer: the difference to the estimate is returned or taken.
  void correct(const TokenWeight& estimated, const TokenWeight& real, SteadyTime now);
  /// A request that was refused took nothing.
  void give_back(const TokenWeight& estimated) { correct_by(estimated, 1); }

  void show(std::vector<LimitShown>& out) const;

 private:
  enum Dimension : std::size_t { minute, day, tokens, input, output, kDimensions };
  struct Known {
    double given = 0, header = 0;  // per window
    double header_window_s = 0;
    Bucket bucket;
  };
  static double of(std::size_t dimension, const TokenWeight& weight);
  static double window_s(std::size_t dimension) { return dimension == day ? 86'400 : 60; }
  void refresh(SteadyTime now);
  void correct_by(const TokenWeight& weight, double sign);

  std::array<Known, kDimensions> known_{};
  double burst_ = 0;
  bool any_ = false;
};

}  // namespace assay
