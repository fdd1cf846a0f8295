#pragma once
// Who may send now. A lane is one key at one address for one model; all jobs share it. Basic form: requests per
// minute (token bucket, first come first served, retries before new calls), a number in flight, and pauses that every
// call of the lane obeys. Adaptive limits join behind the same interface. Specs: models.md 4.1, 4.2, reliability.md 4.
//
// How a call waits: enter() gives a Ticket. Only the head of a lane's queue knows its time; the others are told by
// LimiterTurn when they become the head or are admitted. poll() then says admitted, or wait until.
//
// Thread rule: any thread. Messages are posted without a lock held.

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/effect.hpp"

namespace assay {

/// "Look again": sent to a waiting call.
struct LimiterTurn final : EffectMessage {};

struct LaneLimits {
  double rpm = 0;                // requests per minute; 0: none
  double burst = 0;              // 0: one second's worth, at least 1
  std::int64_t concurrency = 0;  // in flight; 0: none
  friend bool operator==(const LaneLimits&, const LaneLimits&) = default;
};

/// A pause as it is recorded, so that a restart obeys it.
struct PauseInfo {
  std::string lane, reason, source;  // retry_after, ..; the header or text it was read from
  WallTime set_at = 0, until = 0;
  std::int64_t duration_ms = 0;
  std::int64_t until_boot_us = 0;
};

struct LaneState {
  std::string lane;
  LaneLimits limits;
  std::int64_t in_flight = 0, waiting = 0;
  std::chrono::milliseconds paused_for{0};
};

class Limiter {
 public:
  explicit Limiter(Clock& clock) : clock_(clock) {}
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  struct Lane;
  /// A call's place: waiting, then in flight. Given back by leave() or the destructor.
  class Ticket {
   public:
    Ticket() = default;
    ~Ticket() { leave(); }
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;

    struct Answer {
      bool admitted = false;
      /// For the head of the queue: when its turn comes, at most a second away, since limits may change meanwhile.
      /// nullopt: a LimiterTurn will come.
      std::optional<SteadyTime> look_again;
    };
    /// `limits`: those in force now; a changed value takes effect for the whole lane.
    Answer poll(const LaneLimits& limits, SteadyTime now);
    void leave();
    explicit operator bool() const { return waiter_ != nullptr; }

   private:
    friend class Limiter;
    struct Waiter;
    std::shared_ptr<Waiter> waiter_;
  };

  /// Joins the queue of `lane`, to be polled at once.
  Ticket enter(const std::string& lane, bool retry, std::shared_ptr<EffectPort> port);
  /// Nobody of the lane is admitted before `until`. True when that is later than what held before.
  bool pause(const std::string& lane, SteadyTime until);
  /// Ends a pause at once.
  void resume(const std::string& lane);
  /// The pauses of the last session: what is left of each, by boot time when the machine has not restarted since
  /// (`same_boot`), else by wall time, never more than its duration.
  void restore(const std::vector<PauseInfo>& pauses, bool same_boot);

  std::vector<LaneState> lanes() const;

 private:
  std::shared_ptr<Lane> lane(const std::string& name);
  Clock& clock_;
  mutable std::mutex mutex_;  // guards lanes_
  std::map<std::string, std::shared_ptr<Lane>, std::less<>> lanes_;
};

}  // namespace assay
