// What a call waits for, in words for people (models.md 3.7).

#include <algorithm>

#include "core/text/duration.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {
namespace {

/// What a person can do about a limit: by where it comes from.
std::string lift_of(const std::string& held_by, const LaneState& state, const std::string& name) {
  const std::string forget = "`models forget " + name + "` drops what was learned";
  const bool in_flight = held_by.starts_with("in flight");
  if (held_by.starts_with("the learned rate")) return forget;
  for (const LimitShown& limit : state.shown) {
    if (!(in_flight ? limit.dimension == "in flight" : held_by == "the limit " + limit.dimension)) continue;
    if (limit.source == LimitSource::learned) return forget;
    if (limit.source == LimitSource::header) return "the provider's own";
    return in_flight                  ? "`set limit.concurrency N` or the models file changes it"
           : limit.dimension == "rpm" ? "`set limit.rpm N` or the models file changes it"
                                      : "the models file changes it";
  }
  return "";
}

/// What stands before ": " is the same for all that wait for it; behind it, how it is now.
EffectWaiting turn_of(const std::string& held_by, const Limiter& limiter, const std::string& lane,
                      const std::string& name, SteadyTime now) {
  EffectWaiting waiting{"the limits of " + name + (held_by.empty() ? "" : ", " + held_by), std::nullopt};
  for (const LaneState& state : limiter.lanes()) {
    if (state.lane != lane) continue;
    const std::string lift = lift_of(held_by, state, name);
    waiting.what += ": " + describe(state) + (lift.empty() ? "" : "; " + lift);
    if (state.paused_for.count() > 0) waiting.until = now + state.paused_for;
  }
  return waiting;
}

}  // namespace

EffectWaiting ChatEffect::waiting(SteadyTime now) const {
  const std::string& name = entry_->name;
  switch (state_) {
    case State::idle:
    case State::done:
      return {};
    case State::awaiting_twin:
      return {"the answer to the same request of another run, which the cache will give to this one", std::nullopt};
    case State::backing_off: {
      std::string after =
          previous_ ? previous_->kind + (previous_->sub.empty() ? "" : "/" + previous_->sub) +
                          (previous_->http_status > 0 ? " (" + std::to_string(previous_->http_status) + ")" : "") +
                          " of " + name
                    : "a failure of " + name;
      return {"the back-off after " + after, look_at_};
    }
    case State::simulating:
      return {"the answer of " + name + ", which is simulated", look_at_};
    case State::queued:
      if (money_.poll() == Budget::Hold::State::waiting) {
        return {"room in the budget: calls in flight may leave some of what is reserved for them", std::nullopt};
      }
      for (const Targets::State& target : shared_->targets.states(now)) {
        if (target.lane != lane_) continue;
        if (target.held) return {name + ", which is held: " + target.held->message, std::nullopt};
        if (target.cooling_for.count() > 0) {
          return {name + " to cool down after " + std::to_string(target.failures) + " failures in a row",
                  now + target.cooling_for};
        }
        if (target.probing) return {"another call, which tries whether " + name + " answers again", std::nullopt};
      }
      return turn_of(ticket_.waits_for(now), shared_->options.limiter, lane_, name, now);
    case State::in_flight:
      break;
  }
  if (!slot_) return {"the answer of " + name, std::nullopt};
  CallId call = 0;
  int try_no = 0;
  {
    const std::lock_guard lock(slot_->mutex);
    call = slot_->request.call;
    try_no = slot_->request.try_no;
  }
  const Lookup found = shared_->options.transport.lookup(call, try_no);
  switch (found.stage) {
    case Lookup::Stage::connecting:
      return {"a connection to " + entry_->address, std::nullopt};
    case Lookup::Stage::sent:
      return {"the first byte of the answer of " + name, std::nullopt};
    case Lookup::Stage::receiving:
      return {"the rest of the answer of " + name, std::nullopt};
    case Lookup::Stage::unknown:
      break;
  }
  constexpr std::chrono::milliseconds kUntold{500};
  const auto since = trail_.admitted_at();
  const bool queued = found.state == Lookup::State::in_flight && since && now - *since > kUntold;
  return {queued ? "a free connection to " + entry_->address : "the answer of " + name, std::nullopt};
}

}  // namespace assay
