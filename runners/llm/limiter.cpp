#include "runners/llm/limiter.hpp"

#include <algorithm>
#include <mutex>

#include "runners/llm/lane.hpp"

namespace assay {

using std::chrono::milliseconds;

namespace {

constexpr std::chrono::seconds kLookAgain{1};

void tell_all(const Lane::Ports& ports) {
  for (const auto& port : ports) {
    if (port) port->post(std::make_unique<LimiterTurn>());
  }
}

}  // namespace

Limiter::~Limiter() = default;

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
  using State = LaneWaiter::State;
  Lane::Ports tell;
  Answer answer;
  {
    Lane& lane = *waiter_->lane;
    const std::lock_guard lock(lane.mutex);
    lane.set_limits(limits, now);
    if (waiter_->state == State::entered)
      lane.enter(waiter_, now, tell);
    else if (waiter_->state == State::waiting)
      lane.pump(now, tell);
    if (waiter_->state == State::admitted) {
      answer.admitted = true;
    } else if (lane.heads(waiter_)) {
      const SteadyTime soon = now + kLookAgain;
      answer.look_again = std::min(lane.head_time(now).value_or(soon), soon);
    }
    std::erase(tell, waiter_->port);
  }
  tell_all(tell);
  return answer;
}

std::optional<LanePause> Limiter::Ticket::finish(const CallEnd& end, SteadyTime now) {
  if (!waiter_) return std::nullopt;
  const std::shared_ptr<LaneWaiter> waiter = std::move(waiter_);
  Lane::Ports tell;
  std::optional<LanePause> pause;
  {
    const std::lock_guard lock(waiter->lane->mutex);
    pause = waiter->lane->finish(*waiter, end, now, tell);
  }
  tell_all(tell);
  return pause;
}

void Limiter::Ticket::leave() {
  if (!waiter_) return;
  const std::shared_ptr<LaneWaiter> waiter = std::move(waiter_);
  Lane::Ports tell;
  {
    const std::lock_guard lock(waiter->lane->mutex);
    waiter->lane->leave(*waiter, tell);
  }
  tell_all(tell);
}

std::optional<SteadyTime> Limiter::Ticket::paused_until(SteadyTime now) const {
  if (!waiter_) return std::nullopt;
  const std::lock_guard lock(waiter_->lane->mutex);
  return waiter_->lane->paused_until(now);
}

std::string Limiter::Ticket::waits_for(SteadyTime now) const {
  if (!waiter_) return "";
  const std::lock_guard lock(waiter_->lane->mutex);
  return waiter_->lane->waits_for(*waiter_, now);
}

std::shared_ptr<Lane> Limiter::lane(const std::string& name) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = lanes_.find(name); found != lanes_.end()) return found->second;
  }
  const std::unique_lock lock(mutex_);
  std::shared_ptr<Lane>& lane = lanes_[name];
  if (!lane) lane = std::make_shared<Lane>();
  return lane;
}

Limiter::Ticket Limiter::enter(const std::string& name, const CallPlace& place, const CallSize& size,
                               std::shared_ptr<EffectPort> port) {
  Ticket ticket;
  ticket.waiter_ = std::make_shared<LaneWaiter>();
  ticket.waiter_->lane = lane(name);
  ticket.waiter_->port = std::move(port);
  ticket.waiter_->place = place;
  ticket.waiter_->size = size;
  return ticket;
}

bool Limiter::pause(const std::string& name, SteadyTime until, const std::string& why) {
  const std::shared_ptr<Lane> lane = this->lane(name);
  Lane::Ports tell;
  bool later = false;
  {
    const std::lock_guard lock(lane->mutex);
    later = lane->pause(until, why, tell);
  }
  tell_all(tell);
  return later;
}

void Limiter::resume(const std::string& name) {
  const std::shared_ptr<Lane> lane = this->lane(name);
  Lane::Ports tell;
  {
    const std::lock_guard lock(lane->mutex);
    lane->resume(tell);
  }
  tell_all(tell);
}

void Limiter::restore(const std::vector<PauseInfo>& pauses, bool same_boot) {
  for (const PauseInfo& pause : pauses) {
    const std::int64_t left_us = same_boot ? pause.until_boot_us - clock_.boot_us() : pause.until - clock_.wall();
    const std::int64_t left_ms = std::min((left_us + 999) / 1000, pause.duration_ms);
    if (left_ms > 0) this->pause(pause.lane, clock_.steady() + milliseconds(left_ms), pause.source);
  }
}

void Limiter::restore(const std::vector<LearnedLimits>& learned) {
  for (const LearnedLimits& one : learned) {
    const std::shared_ptr<Lane> lane = this->lane(one.lane);
    const std::lock_guard lock(lane->mutex);
    lane->restore(one, clock_.steady());
  }
}

std::vector<LaneState> Limiter::lanes() const {
  const std::shared_lock lock(mutex_);
  const SteadyTime now = clock_.steady();
  std::vector<LaneState> states;
  for (const auto& [name, lane] : lanes_) {
    const std::lock_guard lane_lock(lane->mutex);
    states.push_back(lane->state(now));
    states.back().lane = name;
  }
  return states;
}

std::vector<LearnedLimits> Limiter::learned() const {
  const std::shared_lock lock(mutex_);
  std::vector<LearnedLimits> all;
  for (const auto& [name, lane] : lanes_) {
    const std::lock_guard lane_lock(lane->mutex);
    LearnedLimits one = lane->learned();
    if (one.empty()) continue;
    one.lane = name;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace assay
