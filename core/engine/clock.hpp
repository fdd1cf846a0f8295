#pragma once
// One clock and one source of randomness, injected everywhere in core and runners, so that a virtual one can take
// their place. Durations, back-off and deadlines are measured by steady(); wall() is only for what is shown or stored.
// Any thread.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "core/engine/signal.hpp"
#include "core/model/effect.hpp"
#include "core/model/ids.hpp"

namespace assay {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime steady() const = 0;
  virtual WallTime wall() const = 0;
  /// Microseconds since boot, counting sleep (CLOCK_BOOTTIME).
  virtual std::int64_t boot_us() const = 0;
  /// Waits on `ready` until notified or `deadline`; false when the deadline passed. `lock` is held by the caller.
  virtual bool wait_until(std::condition_variable& ready, std::unique_lock<std::mutex>& lock, SteadyTime deadline) = 0;
  virtual bool wait_until(Signal& signal, SteadyTime deadline) = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime steady() const override;
  WallTime wall() const override;
  std::int64_t boot_us() const override;
  bool wait_until(std::condition_variable& ready, std::unique_lock<std::mutex>& lock, SteadyTime deadline) override;
  bool wait_until(Signal& signal, SteadyTime deadline) override { return signal.wait_until(deadline); }
};

/// Random seeds. Streams of runs are derived from a seed; nothing else draws from a device.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual std::uint64_t next() = 0;
};
class SystemEntropy final : public Entropy {
 public:
  std::uint64_t next() override;
};

/// SplitMix64 (Steele, Lea, Flood 2014).
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Uniform in [0, 1): 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace assay
