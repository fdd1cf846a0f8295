#include "runners/llm/limiter.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {
constexpr std::chrono::seconds kLookAgain{1};
}  // namespace

struct Limiter::Ticket::Waiter {
  enum class State { waiting, admitted, gone };
  std::shared_ptr<Lane> lane;
  std::shared_ptr<EffectPort> port;
  bool retry = false;
  State state = State::waiting;                        // guarded by the lane's mutex
  std::list<std::shared_ptr<Waiter>>::iterator place;  // while waiting
};

struct Limiter::Lane {
  using Waiter = Ticket::Waiter;
  using Ports = std::vector<std::shared_ptr<EffectPort>>;

  std::mutex mutex;
  LaneLimits limits;
  double level = 0;  // tokens in the bucket at `filled_at`
  SteadyTime filled_at{};
  bool bucket_used = false;
  SteadyTime paused_until{};
  std::int64_t in_flight = 0;
  std::list<std::shared_ptr<Waiter>> queue;
  std::int64_t retries = 0;  // at the front of the queue

  double burst() const { return limits.burst > 0 ? limits.burst : std::max(1.0, limits.rpm / 60); }

  void fill(SteadyTime now) {
    if (!bucket_used) {
      bucket_used = true;
      level = burst();
    } else if (now > filled_at) {
      level = std::min(burst(), level + std::chrono::duration<double>(now - filled_at).count() * limits.rpm / 60);
    }
    filled_at = std::max(filled_at, now);
  }

  void set_limits(const LaneLimits& now_in_force, SteadyTime now) {
    if (limits == now_in_force) return;
    if (bucket_used && limits.rpm > 0)
      fill(now);
    else
      bucket_used = false;
    limits = now_in_force;
    level = std::min(level, burst());
  }

  /// When the head may go: a time, or never by itself (`nullopt`: a release will tell).
  std::optional<SteadyTime> head_time(SteadyTime now) {
    if (limits.concurrency > 0 && in_flight >= limits.concurrency) return std::nullopt;
    SteadyTime when = std::max(now, paused_until);
    if (limits.rpm > 0) {
      fill(now);
      if (level < 1 - 1e-9) {
        const auto need = std::chrono::duration<double>((1 - level) * 60 / limits.rpm);
        when = std::max(when, now + duration_cast<nanoseconds>(need) + nanoseconds(1));
      }
    }
    return when;
  }

  /// Admits from the front as many as may go now; the ports of those, and of the new head, are told.
  void pump(SteadyTime now, Ports& tell) {
    bool moved = false;
    while (!queue.empty()) {
      const auto when = head_time(now);
      if (!when || *when > now) break;
      const std::shared_ptr<Waiter> head = queue.front();
      leave_queue(*head);
      head->state = Waiter::State::admitted;
      ++in_flight;
      if (limits.rpm > 0) level -= 1;
      tell.push_back(head->port);
      moved = true;
    }
    if (moved && !queue.empty()) tell.push_back(queue.front()->port);
  }

  void leave_queue(Waiter& waiter) {
    queue.erase(waiter.place);
    if (waiter.retry) --retries;
  }
};

namespace {

void tell_all(const std::vector<std::shared_ptr<EffectPort>>& ports) {
  for (const auto& port : ports) port->post(std::make_unique<LimiterTurn>());
}

}  // namespace

Limiter::Ticket::Ticket(Ticket&& other) noexcept : waiter_(std::move(other.waiter_)) {}

Limiter::Ticket& Limiter::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    leave();
    waiter_ = std::move(other.waiter_);
  }
  return *this;
}

Limiter::Ticket::Answer Limiter::Ticket::poll(const LaneLimits& limits, SteadyTime now) {
  if (!waiter_) return {true, std::nullopt};
  Lane::Ports tell;
  Answer answer;
  {
    Lane& lane = *waiter_->lane;
    const std::lock_guard lock(lane.mutex);
    lane.set_limits(limits, now);
    if (waiter_->state == Waiter::State::waiting) lane.pump(now, tell);
    if (waiter_->state == Waiter::State::admitted) {
      answer.admitted = true;
    } else if (lane.queue.front() == waiter_) {
      const SteadyTime soon = now + kLookAgain;
      answer.look_again = std::min(lane.head_time(now).value_or(soon), soon);
    }
    std::erase(tell, waiter_->port);
  }
  tell_all(tell);
  return answer;
}

void Limiter::Ticket::leave() {
  if (!waiter_) return;
  const std::shared_ptr<Waiter> waiter = std::move(waiter_);
  Lane::Ports tell;
  {
    Lane& lane = *waiter->lane;
    const std::lock_guard lock(lane.mutex);
    if (waiter->state == Waiter::State::waiting) {
      const bool head = lane.queue.front() == waiter;
      lane.leave_queue(*waiter);
      if (head && !lane.queue.empty()) tell.push_back(lane.queue.front()->port);
    } else if (waiter->state == Waiter::State::admitted) {
      --lane.in_flight;
      // The head looks by itself: admission needs the time, which only a worker's poll has.
      if (!lane.queue.empty()) tell.push_back(lane.queue.front()->port);
    }
    waiter->state = Waiter::State::gone;
  }
  tell_all(tell);
}

std::shared_ptr<Limiter::Lane> Limiter::lane(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Lane>& lane = lanes_[name];
  if (!lane) lane = std::make_shared<Lane>();
  return lane;
}

Limiter::Ticket Limiter::enter(const std::string& name, bool retry, std::shared_ptr<EffectPort> port) {
  Ticket ticket;
  ticket.waiter_ = std::make_shared<Ticket::Waiter>();
  ticket.waiter_->lane = lane(name);
  ticket.waiter_->port = std::move(port);
  ticket.waiter_->retry = retry;
  Lane& lane = *ticket.waiter_->lane;
  const std::lock_guard lock(lane.mutex);
  if (retry) {
    ticket.waiter_->place = lane.queue.insert(std::next(lane.queue.begin(), lane.retries), ticket.waiter_);
    ++lane.retries;
  } else {
    ticket.waiter_->place = lane.queue.insert(lane.queue.end(), ticket.waiter_);
  }
  return ticket;
}

bool Limiter::pause(const std::string& name, SteadyTime until) {
  const std::shared_ptr<Lane> lane = this->lane(name);
  std::shared_ptr<EffectPort> head;
  {
    const std::lock_guard lock(lane->mutex);
    if (until <= lane->paused_until) return false;
    lane->paused_until = until;
    if (!lane->queue.empty()) head = lane->queue.front()->port;
  }
  if (head) head->post(std::make_unique<LimiterTurn>());
  return true;
}

void Limiter::resume(const std::string& name) {
  const std::shared_ptr<Lane> lane = this->lane(name);
  std::shared_ptr<EffectPort> head;
  {
    const std::lock_guard lock(lane->mutex);
    lane->paused_until = SteadyTime{};
    if (!lane->queue.empty()) head = lane->queue.front()->port;
  }
  if (head) head->post(std::make_unique<LimiterTurn>());
}

void Limiter::restore(const std::vector<PauseInfo>& pauses, bool same_boot) {
  for (const PauseInfo& pause : pauses) {
    const std::int64_t left_us = same_boot ? pause.until_boot_us - clock_.boot_us() : pause.until - clock_.wall();
    const std::int64_t left_ms = std::min((left_us + 999) / 1000, pause.duration_ms);
    if (left_ms > 0) this->pause(pause.lane, clock_.steady() + milliseconds(left_ms));
  }
}

std::vector<LaneState> Limiter::lanes() const {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  std::vector<LaneState> states;
  for (const auto& [name, lane] : lanes_) {
    const std::lock_guard lane_lock(lane->mutex);
    LaneState state;
    state.lane = name;
    state.limits = lane->limits;
    state.in_flight = lane->in_flight;
    state.waiting = static_cast<std::int64_t>(lane->queue.size());
    if (lane->paused_until > now) state.paused_for = duration_cast<milliseconds>(lane->paused_until - now);
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace assay
