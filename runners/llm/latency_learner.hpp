#pragma once
// For servers that queue instead of refusing: how many calls in flight are enough. Narrows the width while the
// completions a second stay what they were, goes back when they fall, and tries a wider one now and then.
// Used under the lane's lock. Specs: models.md 4.3, 8.

#include <cstdint>
#include <optional>

#include "runners/llm/bucket.hpp"

namespace assay {

class LatencyLearner {
 public:
  /// At most that many in flight; 0: not known.
  std::int64_t width() const { return width_; }
  /// A call has been answered. `in_flight`: before it ended; `held`: others wait, or will at once. `least`: not below.
  void answered(std::int64_t in_flight, std::int64_t least, SteadyTime now);
  void restore(std::int64_t width) { width_ = width; }

 private:
  enum class Step : std::uint8_t { narrower, check, settled, wider };
  void end_window(double per_second, std::int64_t most, std::int64_t least, SteadyTime now);
  void begin_window(SteadyTime now);

  std::int64_t width_ = 0, before_ = 0;
  Step step_ = Step::narrower;
  double reference_ = 0;  // completions a second that a narrower width has to keep
  int references_ = 0;
  SteadyTime settled_at_{};
  std::optional<SteadyTime> window_at_;
  std::int64_t completions_ = 0, most_ = 0;
  double in_flight_sum_ = 0;
};

}  // namespace assay
