#pragma once
// Who may send now. A lane is one key at one address for one model; all jobs share it. What holds a call back: limits
// that somebody gave or that replies announce, limits learned from refusals and from completions, and pauses that every
// call of the lane obeys (lane.hpp and what it is made of). Specs: models.md 4, reliability.md 4.
//
// How a call waits: enter() gives a Ticket, poll() says admitted, or wait until. Only the next to be served of a lane
// knows its time; the others are told by LimiterTurn when they become the next or are admitted. finish() gives the
// place back and says how the call ended: that is what the lane learns from.
//
// Thread rule: any thread. A call that nothing holds back costs one short lock of its lane in poll and one in finish.
// Messages are posted without a lock held.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/effect.hpp"
#include "runners/llm/lane_call.hpp"
#include "runners/llm/lane_limits.hpp"

namespace assay {

/// "Look again": sent to a waiting call.
struct LimiterTurn final : EffectMessage {};

class Lane;
struct LaneWaiter;

class Limiter {
 public:
  explicit Limiter(Clock& clock) : clock_(clock) {}
  ~Limiter();
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  /// A call's place: waiting, then in flight. Given back by finish(), leave() or the destructor. One thread at a time.
  class Ticket {
   public:
    Ticket() = default;
    ~Ticket() { leave(); }
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;

    struct Answer {
      bool admitted = false;
      /// For the next to be served: when its turn comes, at most a second away, since limits may change meanwhile.
      /// nullopt: a LimiterTurn will come.
      std::optional<SteadyTime> look_again;
    };
    /// `limits`: those given now; a changed value takes effect for the whole lane.
    Answer poll(const LaneLimits& limits, SteadyTime now);
    /// An admitted call ended. Returns the pause that this has begun or lengthened.
    std::optional<LanePause> finish(const CallEnd& end, SteadyTime now);
    /// Gives up the place without news of the call.
    void leave();
    /// The lane is paused until then; nullopt: it isn't.
    std::optional<SteadyTime> paused_until(SteadyTime now) const;
    /// What it waits for, in words; "" when it doesn't.
    std::string waits_for(SteadyTime now) const;
    explicit operator bool() const { return waiter_ != nullptr; }

   private:
    friend class Limiter;
    std::shared_ptr<LaneWaiter> waiter_;
  };

  /// A call of `lane`, to be polled at once.
  Ticket enter(const std::string& lane, const CallPlace& place, const CallSize& size, std::shared_ptr<EffectPort> port);
  /// Nobody of the lane is admitted before `until`. True when that is later than what held before.
  bool pause(const std::string& lane, SteadyTime until, const std::string& why = "");
  /// Ends a pause at once.
  void resume(const std::string& lane);
  /// The pauses of the last session: what is left of each, by boot time when the machine has not restarted since
  /// (`same_boot`), else by wall time, never more than its duration.
  void restore(const std::vector<PauseInfo>& pauses, bool same_boot);
  /// What the last session learned: the start of this one.
  void restore(const std::vector<LearnedLimits>& learned);

  std::vector<LaneState> lanes() const;
  /// What is worth keeping of each lane that has learned something.
  std::vector<LearnedLimits> learned() const;

 private:
  std::shared_ptr<Lane> lane(const std::string& name);
  Clock& clock_;
  mutable std::shared_mutex mutex_;  // guards lanes_
  std::map<std::string, std::shared_ptr<Lane>, std::less<>> lanes_;
};

}  // namespace assay
