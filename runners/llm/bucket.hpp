#pragma once
// A token bucket: `rate` a second, at most `burst` at once. Times come from the caller, never decreasing. A weight
// above the burst goes when the bucket is full, and leaves it in debt. Used under the lane's lock.

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/engine/clock.hpp"

namespace assay {

inline double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}
/// `seconds` after `time`, rounded up to a nanosecond so that what is due then is due; at most a year.
inline SteadyTime after(SteadyTime time, double seconds) {
  const double limited = std::clamp(seconds, 0.0, 365.0 * 86400);
  return time + std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(limited * 1e9)) + 1);
}

class Bucket {
 public:
  bool on() const { return rate_ > 0; }
  double rate() const { return rate_; }
  double burst() const { return burst_; }
  double level() const { return level_; }

  /// 0: no such limit. A new bucket is full; a changed one keeps its level.
  void set(double rate, double burst, SteadyTime now) {
    if (on()) fill(now);
    const bool fresh = !on();
    rate_ = rate;
    burst_ = std::max(burst, 1e-9);
    level_ = fresh ? burst_ : std::min(level_, burst_);
    filled_at_ = now;
  }
  void set_level(double level, SteadyTime now) {
    level_ = std::min(level, burst_);
    filled_at_ = now;
  }
  void fill(SteadyTime now) {
    if (now <= filled_at_) return;
    level_ = std::min(burst_, level_ + rate_ * seconds_between(filled_at_, now));
    filled_at_ = now;
  }
  /// Filled to `now` first.
  bool fits(double weight) const { return !on() || level_ + 1e-9 >= std::min(weight, burst_); }
  SteadyTime fits_at(double weight, SteadyTime now) const {
    return fits(weight) ? now : after(now, (std::min(weight, burst_) - level_) / rate_);
  }
  void take(double weight) { level_ -= weight; }
  void give(double weight) { level_ = std::min(burst_, level_ + weight); }

 private:
  double rate_ = 0, burst_ = 1, level_ = 0;
  SteadyTime filled_at_{};
};

}  // namespace assay
