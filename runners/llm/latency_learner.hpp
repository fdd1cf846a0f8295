#pragma once
// For servers that queue instead of refusing: how many calls in flight are enough. When answers take longer than they
// did with few in flight, narrows the width while the completions a second stay what they were, goes back when they
// fall, and tries a wider one now and then. A server that answers as fast with many in flight is left alone: to try it
// would cost what it shows.
// Used under the lane's lock. Specs: models.md 4.3, 8.

#include <array>
#include <cstdint>
#include <optional>

#include "runners/llm/bucket.hpp"
#include "runners/llm/rate_learner.hpp"

namespace assay {

class LatencyLearner {
 public:
  /// At most that many in flight; 0: not known.
  std::int64_t width() const { return width_; }
  /// A call has been answered. `in_flight`: before it ended; `least`: not below.
  void answered(const SentMark& mark, std::int64_t in_flight, std::int64_t least, SteadyTime now);
  void restore(std::int64_t width);

 private:
  enum class Step : std::uint8_t { narrower, check, settled, wider };
  void end_window(double per_second, std::int64_t most, std::int64_t least, SteadyTime now);
  void begin_window(SteadyTime now);
  bool queues(std::int64_t most) const;

  std::int64_t width_ = 0, before_ = 0;
  Step step_ = Step::narrower;
  double reference_ = 0;  // completions a second that a narrower width has to keep
  int references_ = 0;
  SteadyTime settled_at_{};
  std::optional<SteadyTime> window_at_;
  std::int64_t completions_ = 0, most_ = 0;
  double in_flight_sum_ = 0, log_latency_sum_ = 0;
  /// Latencies by the power of two of the number in flight when they were sent: geometric means.
  struct Mean {
    double count = 0, log_sum = 0;
  };
  std::array<Mean, 20> by_in_flight_{};
};

}  // namespace assay
