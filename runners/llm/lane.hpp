#pragma once
// One lane: who waits, who is in flight, and all that holds calls back. Internal to the Limiter, which locks it.
// Specs: models.md 4.

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/effect.hpp"
#include "runners/llm/in_flight_learner.hpp"
#include "runners/llm/known_limits.hpp"
#include "runners/llm/latency_learner.hpp"
#include "runners/llm/rate_learner.hpp"
#include "runners/llm/token_estimate.hpp"
#include "runners/llm/turn_queue.hpp"

namespace assay {

class Lane;

/// A call's place in a lane. Guarded by the lane's mutex after it has entered.
struct LaneWaiter {
  enum class State : std::uint8_t { entered, waiting, admitted, gone } state = State::entered;
  std::shared_ptr<Lane> lane;
  std::shared_ptr<EffectPort> port;
  CallPlace place;
  CallSize size;
  TokenWeight weight;                                 // while admitted
  SentMark mark;                                      // likewise
  TurnQueue<std::shared_ptr<LaneWaiter>>::Spot spot;  // while waiting
};

class Lane {
 public:
  using Waiter = std::shared_ptr<LaneWaiter>;
  using Ports = std::vector<std::shared_ptr<EffectPort>>;  // to be told, without the lock
  std::mutex mutex;

  // All of these with the mutex held. Threads read the clock before they get it: a time older than one already seen is
  // taken for that one, so that nothing below is given time twice.
  void set_limits(const LaneLimits& limits, SteadyTime now);
  /// Goes at once when nobody waits and nothing holds it back, else joins the queue.
  void enter(const Waiter& waiter, SteadyTime now, Ports& tell);
  /// Admits as many as may go now, in their turn.
  void pump(SteadyTime now, Ports& tell);
  bool heads(const Waiter& waiter) const { return !queue_.empty() && queue_.head() == waiter; }
  /// When the head may go; nullopt: when a call has ended.
  std::optional<SteadyTime> head_time(SteadyTime now);
  /// Gives the place back without news; a waiting one leaves the queue.
  void leave(LaneWaiter& waiter, Ports& tell);
  /// An admitted call ended.
  std::optional<LanePause> finish(LaneWaiter& waiter, const CallEnd& end, SteadyTime now, Ports& tell);
  bool pause(SteadyTime until, const std::string& why, Ports& tell);
  void resume(Ports& tell);
  std::optional<SteadyTime> paused_until(SteadyTime now) const {
    return paused_until_ > now ? std::optional(paused_until_) : std::nullopt;
  }
  void restore(const LearnedLimits& learned, SteadyTime now);

  LaneState state(SteadyTime now);
  LearnedLimits learned() const;
  std::string waits_for(const LaneWaiter& waiter, SteadyTime now);

 private:
  SteadyTime forward(SteadyTime now) { return latest_ = std::max(latest_, now); }
  struct Room {
    std::optional<SteadyTime> at;
    const char* why = "";
  };
  Room room(const CallSize& size, SteadyTime now);
  void admit(LaneWaiter& waiter, SteadyTime now);
  std::int64_t width() const;
  std::optional<LanePause> rejected(LaneWaiter& waiter, const CallEnd& end, SteadyTime now);

  SteadyTime latest_{};
  LaneLimits limits_;
  KnownLimits known_;
  RateLearner rate_;
  InFlightLearner in_flight_limit_;
  LatencyLearner latency_;
  TokenEstimate tokens_;
  SteadyTime paused_until_{};
  std::string paused_why_;
  std::int64_t in_flight_ = 0, admitted_ = 0, rejected_ = 0;
  TurnQueue<Waiter> queue_;
};

}  // namespace assay
