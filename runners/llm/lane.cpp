#include "runners/llm/lane.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

void Lane::set_limits(const LaneLimits& limits, SteadyTime now) {
  if (limits_ == limits) return;
  limits_ = limits;
  known_.give(limits, forward(now));
}

std::int64_t Lane::width() const {
  std::int64_t least = 0;
  const auto below = [&](std::int64_t limit) {
    if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
  };
  below(limits_.concurrency);
  if (limits_.learn) below(in_flight_limit_.limit());
  if (limits_.learn_latency) below(latency_.width());
  return least;
}

Lane::Room Lane::room(const CallSize& size, SteadyTime now) {
  if (paused_until_ > now) return {paused_until_, "paused"};
  if (const std::int64_t most = width(); most > 0 && in_flight_ >= most) return {std::nullopt, "in flight"};
  Room room{now, ""};
  if (limits_.learn) {
    const RateLearner::Answer learned = rate_.ask(now, in_flight_);
    room = {learned.at, learned.why};
  }
  if (known_.any()) {
    const KnownLimits::Answer known = known_.fits_at(tokens_.weigh(size), now);
    if (known.at > *room.at) room = {known.at, known.why};
  }
  return room;
}

std::optional<SteadyTime> Lane::head_time(SteadyTime now) { return room(queue_.head()->size, forward(now)).at; }

void Lane::admit(LaneWaiter& waiter, SteadyTime now) {
  waiter.state = LaneWaiter::State::admitted;
  ++in_flight_;
  ++admitted_;
  if (known_.any()) {
    waiter.weight = tokens_.weigh(waiter.size);
    known_.take(waiter.weight);
  }
  waiter.mark = rate_.admit(now, in_flight_);
  queue_.served(waiter.place.job);
}

void Lane::enter(const Waiter& waiter, SteadyTime now, Ports& tell) {
  now = forward(now);
  if (queue_.empty()) {
    const Room free = room(waiter->size, now);
    if (free.at && *free.at <= now) {
      admit(*waiter, now);
      rate_.idle();
      return;
    }
  }
  waiter->state = LaneWaiter::State::waiting;
  waiter->spot = queue_.add(waiter, waiter->place);
  pump(now, tell);
}

void Lane::pump(SteadyTime now, Ports& tell) {
  now = forward(now);
  bool moved = false;
  while (!queue_.empty()) {
    const Waiter head = queue_.head();
    const Room free = room(head->size, now);
    if (!free.at || *free.at > now) break;
    queue_.remove(head->spot, head->place);
    admit(*head, now);
    tell.push_back(head->port);
    moved = true;
  }
  if (queue_.empty())
    rate_.idle();
  else if (moved)
    tell.push_back(queue_.head()->port);
}

void Lane::leave(LaneWaiter& waiter, Ports& tell) {
  if (waiter.state == LaneWaiter::State::waiting) {
    const bool head = queue_.head().get() == &waiter;
    queue_.remove(waiter.spot, waiter.place);
    if (head && !queue_.empty()) tell.push_back(queue_.head()->port);
  } else if (waiter.state == LaneWaiter::State::admitted) {
    --in_flight_;
    rate_.other(waiter.mark, waiter.mark.at);
    // The head looks by itself: admission needs the time, which only a worker has.
    if (!queue_.empty()) tell.push_back(queue_.head()->port);
  }
  waiter.state = LaneWaiter::State::gone;
}

std::optional<LanePause> Lane::rejected(LaneWaiter& waiter, const CallEnd& end, SteadyTime now) {
  ++rejected_;
  known_.give_back(waiter.weight);
  const auto hint_s = end.hint ? std::optional(std::min(end.hint->wait_ms / 1e3, 86'400.0)) : std::nullopt;
  const std::string source = end.hint ? end.hint->source + " " + end.hint->raw : "";
  std::optional<SteadyTime> hinted, until;
  if (hint_s && after(now, *hint_s) > paused_until_) hinted = after(now, *hint_s);
  if (!limits_.learn) {
    until = hinted;
  } else if (end.sub == "concurrency") {
    in_flight_limit_.told(waiter.mark, now);
    rate_.refused_otherwise(waiter.mark, now);
    until = hinted;
  } else {
    const std::uint32_t episodes = rate_.episodes();
    const bool explained = in_flight_limit_.inferred() &&
                           in_flight_limit_.refused(waiter.mark, false, 0, now) == InFlightLearner::Finding::explained;
    if (explained) {
      rate_.refused_otherwise(waiter.mark, now);
      until = hinted;
    } else {
      if (!in_flight_limit_.inferred() && !rate_.pacing()) rate_.restart();
      until = rate_.rejected(waiter.mark, hint_s, now);
      const bool began = rate_.episodes() != episodes;
      if (in_flight_limit_.refused(waiter.mark, began, rate_.rate_at_episode(), now) == InFlightLearner::Finding::found)
        rate_.set_pacing(false);
    }
  }
  if (!until) return std::nullopt;
  paused_until_ = std::max(paused_until_, *until);
  paused_why_ = "429 " + (source.empty() ? std::string("without a hint") : "with " + source);
  return LanePause{std::chrono::ceil<std::chrono::milliseconds>(*until - now - std::chrono::nanoseconds(1)), source};
}

std::optional<LanePause> Lane::finish(LaneWaiter& waiter, const CallEnd& end, SteadyTime now, Ports& tell) {
  if (waiter.state != LaneWaiter::State::admitted) {
    leave(waiter, tell);
    return std::nullopt;
  }
  now = forward(now);
  std::optional<LanePause> paused;
  const std::int64_t most = width();
  in_flight_limit_.grow(most > 0 && in_flight_ >= most && !queue_.empty(), now);
  switch (end.kind) {
    case CallEnd::Kind::answered: {
      rate_.answered(waiter.mark, now);
      in_flight_limit_.answered(waiter.mark);
      if (limits_.learn_latency) latency_.answered(waiter.mark, in_flight_, limits_.slots, now);
      const TokenWeight real = tokens_.learn(waiter.size, waiter.weight, end);
      known_.correct(waiter.weight, real, now);
      break;
    }
    case CallEnd::Kind::rejected:
      paused = rejected(waiter, end, now);
      break;
    case CallEnd::Kind::other:
      rate_.other(waiter.mark, now);
      break;
  }
  if (!end.limits.empty()) known_.announce(end.limits, now);
  --in_flight_;
  waiter.state = LaneWaiter::State::gone;
  const std::size_t told = tell.size();
  pump(now, tell);
  // What the head waits for may have changed: a pause, a new rate, a probe judged good.
  if (tell.size() == told && !queue_.empty() && end.kind != CallEnd::Kind::answered)
    tell.push_back(queue_.head()->port);
  return paused;
}

bool Lane::pause(SteadyTime until, const std::string& why, Ports& tell) {
  if (until <= paused_until_) return false;
  paused_until_ = until;
  paused_why_ = why;
  if (!queue_.empty()) tell.push_back(queue_.head()->port);
  return true;
}

void Lane::resume(Ports& tell) {
  paused_until_ = SteadyTime{};
  paused_why_.clear();
  rate_.end_pause();
  if (!queue_.empty()) tell.push_back(queue_.head()->port);
}

void Lane::restore(const LearnedLimits& learned, SteadyTime now) {
  now = forward(now);
  if (learned.empty()) {  // all is forgotten
    rate_ = {};
    in_flight_limit_ = {};
    latency_ = {};
    tokens_ = {};
    return;
  }
  rate_.restore(learned.per_second, learned.burst, learned.episodes, now);
  in_flight_limit_.restore(learned.in_flight, now);
  latency_.restore(learned.width);
  tokens_.set_tokens_per_byte(learned.tokens_per_byte);
}

LearnedLimits Lane::learned() const {
  LearnedLimits out;
  if (rate_.learned()) {
    out.per_second = rate_.rate();
    out.burst = rate_.burst();
    out.episodes = rate_.episodes();
  }
  out.in_flight = in_flight_limit_.limit();
  out.width = latency_.width();
  if (tokens_.expected_out() > 0) out.tokens_per_byte = tokens_.tokens_per_byte();
  return out;
}

LaneState Lane::state(SteadyTime now) {
  now = std::max(latest_, now);
  LaneState out;
  out.limits = limits_;
  known_.show(out.shown);
  if (limits_.learn && rate_.learned()) {
    const LimitShown learned{"rpm", rate_.rate() * 60, LimitSource::learned};
    const auto known =
        std::find_if(out.shown.begin(), out.shown.end(), [](const auto& l) { return l.dimension == "rpm"; });
    if (known == out.shown.end())
      out.shown.insert(out.shown.begin(), learned);
    else if (learned.value < known->value)
      *known = learned;
  }
  if (const std::int64_t most = width(); most > 0) {
    out.shown.push_back({"in flight", static_cast<double>(most),
                         most == limits_.concurrency ? LimitSource::given : LimitSource::learned});
  }
  out.in_flight = in_flight_;
  out.waiting = queue_.size();
  out.jobs_waiting = queue_.jobs();
  out.admitted = admitted_;
  out.rejected = rejected_;
  if (paused_until_ > now) {
    out.paused_for = std::chrono::duration_cast<std::chrono::milliseconds>(paused_until_ - now);
    out.paused_why = paused_why_;
  }
  out.probing = rate_.probing(now);
  out.tokens_per_byte = tokens_.tokens_per_byte();
  out.expected_out = tokens_.expected_out();
  if (!queue_.empty()) out.waits_for = waits_for(*queue_.head(), now);
  return out;
}

std::string Lane::waits_for(const LaneWaiter& waiter, SteadyTime now) {
  if (waiter.state != LaneWaiter::State::waiting) return "";
  const Room held = room(waiter.size, std::max(latest_, now));
  const std::string why = held.why;
  if (why == "paused") return "the lane is paused" + (paused_why_.empty() ? "" : ": " + paused_why_);
  if (why == "probing") return "one call tries whether the refusals are over";
  if (why == "in flight") return "in flight: at most " + std::to_string(width());
  if (why == "rate") return "the learned rate: " + std::to_string(std::llround(rate_.rate() * 60)) + " a minute";
  if (why == "opening") return "the first answers of this lane";
  if (!why.empty()) return "the limit " + why;
  return queue_.head().get() == &waiter ? "" : "its turn";
}

}  // namespace assay
