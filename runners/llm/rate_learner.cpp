#include "runners/llm/rate_learner.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

namespace {
constexpr std::int64_t kOpenGate = 64, kNoGate = std::int64_t{1} << 40;
constexpr double kGateStep = 0.1;
constexpr double kBelow = 0.98;           // of what was measured
constexpr double kLeastRate = 1.0 / 120;  // a request every two minutes
constexpr double kWindow = 0.5;           // s, or
constexpr std::size_t kWindowCalls = 20;  // calls, whichever is longer
constexpr double kLeastPause = 0.25, kMostPause = 60;
constexpr double kAfterResume = 0.3;
constexpr double kMean = 120;
constexpr double kDeepFall = 0.7;
constexpr double kLongHint = 2;
// Refusals in a row at no more than the rate the last one led to; one right after a resume counts 1, others 2.
constexpr std::uint32_t kUnexplained = 12;
constexpr double kFallen = 0.6;  // of the rate before the first of them
constexpr double kShareCalls = 100, kMostByChance = 0.4, kTrustAgain = 60;
constexpr double kTau = 120, kTauCalls = 3000, kMostTau = 160;
constexpr double kFirstLook = 10;   // s back that the first guess looks
constexpr double kUnrefused = 1.0;  // bursts above the last limit, unrefused: the limit is another now
}  // namespace

void RateLearner::open_gate(SteadyTime now) {
  if (gate_ >= kNoGate) return;
  if (!gate_at_) gate_at_ = now;
  while (seconds_between(*gate_at_, now) >= kGateStep && gate_ < kNoGate) {
    gate_ *= 2;
    *gate_at_ = after(*gate_at_, kGateStep);
  }
}

void RateLearner::count(SteadyTime at, double by) {
  const std::int64_t number = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  Second& second = seconds_.at(static_cast<std::size_t>(number) % seconds_.size());
  if (second.number != number) {
    if (by < 0) return;
    second = {number, 0};
  }
  second.admitted += by;
}

double RateLearner::mean(double seconds, SteadyTime now) const {
  const std::int64_t number = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  double sum = 0;
  for (const Second& second : seconds_) {
    if (second.number >= 0 && static_cast<double>(number - second.number) < seconds) sum += second.admitted;
  }
  const double elapsed = first_at_ ? seconds_between(*first_at_, now) : 0;
  return sum / std::max(1.0, std::min(seconds, elapsed));
}

void RateLearner::grow(SteadyTime now) {
  const double passed = seconds_between(grown_at_, now);
  grown_at_ = std::max(grown_at_, now);
  if (!held_ || passed <= 0) return;
  grown_s_ += passed;
  switch (phase_) {
    case 1:
      rate_ = base_ * std::exp2(grown_s_);
      break;
    case 2:
      rate_ = base_ * std::pow(1.10, grown_s_);
      break;
    case 3:
      rate_ = base_ * std::pow(1.03, grown_s_);
      break;
    default: {
      const double tau = std::clamp(kTauCalls / base_, kTau, kMostTau);
      rate_ = base_ * (1 + std::pow(grown_s_ / tau, 3));
      excess_ += std::max(0.0, rate_ - base_ / kBelow) * passed;
      // More than any bucket of the size we know would have let through: the limit itself has been raised.
      if (excess_ > kUnrefused * std::max(bucket_.burst(), base_)) {
        phase_ = 2;
        base_ = rate_;
        grown_s_ = excess_ = 0;
      }
    }
  }
  bucket_.set(rate_, bucket_.burst(), now);
}

RateLearner::Answer RateLearner::ask(SteadyTime now, std::int64_t in_flight) {
  if (paused_until_ > now) return {paused_until_, "paused"};
  if (probe_out_) {
    if (now < probe_good_at_) return {probe_good_at_, "probing"};
    resume(now);
  }
  if (probe_due_ || !pacing_ || by_chance_) return {now, ""};
  if (episodes_ == 0) {
    open_gate(now);
    if (in_flight < gate_) return {now, ""};
    return {after(*gate_at_, kGateStep), "opening"};
  }
  grow(now);
  bucket_.fill(now);
  if (bucket_.fits(1)) return {now, ""};
  held_ = true;
  return {bucket_.fits_at(1, now), "rate"};
}

SentMark RateLearner::admit(SteadyTime now, std::int64_t in_flight) {
  SentMark mark{now, episodes_, in_flight, false};
  if (!first_at_) first_at_ = episode_at_ = now;
  count(now, 1);
  since_episode_ += 1;
  since_resume_ += 1;
  if (by_chance_ && (chance_sent_ += 1) > 10 * kShareCalls) {
    chance_sent_ /= 2;
    chance_refused_ /= 2;
  }
  if (probe_due_) {
    probe_due_ = false;
    probe_out_ = true;
    ++probes_;
    probe_good_at_ = after(now, std::max(0.1, 4 * to_refusal_s_));
    mark.probe = true;
  }
  if (episodes_ > 0) {
    bucket_.take(1);
    recent_.push_back(now);
    while (recent_.size() > kWindowCalls && seconds_between(recent_.front(), now) > kWindow &&
           recent_.size() > kWindowCalls + 1) {
      recent_.pop_front();
    }
  }
  return mark;
}

void RateLearner::answered(const SentMark& mark, SteadyTime now) {
  if (episodes_ == 0 && gate_ < kNoGate) gate_ *= 2;
  if (mark.probe && probe_out_) resume(now);
}

void RateLearner::other(const SentMark& mark, SteadyTime) {
  if (!mark.probe || !probe_out_) return;
  probe_out_ = false;
  probe_due_ = true;
}

void RateLearner::refused_otherwise(const SentMark& mark, SteadyTime now) {
  count(mark.at, -1);
  if (mark.episode == episodes_) since_episode_ = std::max(0.0, since_episode_ - 1);
  other(mark, now);
}

void RateLearner::resume(SteadyTime now) {
  probe_out_ = probe_due_ = false;
  resumed_at_ = grown_at_ = now;
  since_resume_ = 0;
  if (episodes_ == 0) return;
  // What the server has filled up since it last refused, less the probe.
  const double filled = windowed_ ? 0 : rate_ * seconds_between(refused_at_, now) - 1;
  bucket_.set_level(std::min(bucket_.burst(), filled), now);
}

void RateLearner::pause(SteadyTime until) {
  paused_until_ = std::max(paused_until_, until);
  probe_due_ = true;
  probe_out_ = false;
  held_ = false;
}

void RateLearner::begin_episode(SteadyTime now, SteadyTime sent_at, double hint_s) {
  guess_ = Guess{};
  guess_.first = episodes_ == 0 || again_;
  guess_.between = std::max(0.0, since_episode_ - 1);
  guess_.between_s = std::max(1e-3, seconds_between(episode_at_, now));
  guess_.before = episode_at_;
  guess_.in_use = rate_;
  if (guess_.first) {
    guess_.burst_from = episode_at_;
    guess_.at_resume = guess_.between;
    if (guess_.between_s > kFirstLook) {
      guess_.between = mean(kFirstLook, now) * kFirstLook;
      guess_.between_s = kFirstLook;
      guess_.at_resume = std::max(1.0, mean(1, now));
    }
  } else {
    // Pauses that long belong to the server's period: what it let in over pause and flow is its rate.
    guess_.from_mean = (probes_ >= 2 || hint_s_ >= kLongHint) &&
                       seconds_between(resumed_at_, now) <= 2 * seconds_between(paused_at_, resumed_at_);
    // A window that has been used up says when the next begins.
    guess_.windowed = hint_s >= kLongHint && resumed_at_ != SteadyTime{};
    if (guess_.windowed) {
      windowed_ = true;
      guess_.between = since_resume_ - 1;
      guess_.between_s = seconds_between(resumed_at_, now) + hint_s;
    }
    guess_.least = mean(kMean, now) / 2;
    guess_.recent_from = after(now, 0) - std::chrono::milliseconds(500);
    if (recent_.size() > kWindowCalls) {
      guess_.recent_from = std::min(guess_.recent_from, recent_[recent_.size() - kWindowCalls]);
    } else if (!recent_.empty()) {
      guess_.recent_from = std::min(guess_.recent_from, recent_.front());
    }
    guess_.window_s = std::max(1e-3, seconds_between(guess_.recent_from, now));
    guess_.in_window =
        static_cast<double>(recent_.end() - std::upper_bound(recent_.begin(), recent_.end(), guess_.recent_from));
    guess_.recent = guess_.in_window / guess_.window_s;
    const double since = seconds_between(resumed_at_, sent_at);
    guess_.after_resume = resumed_at_ != SteadyTime{} && since >= 0 && since <= kAfterResume;
    resumes_ = guess_.after_resume ? resumes_ + 1 : 0;
    guess_.burst_from = resumed_at_;
    guess_.at_resume = since_resume_ - 1 - rate_ * std::max(0.0, seconds_between(resumed_at_, now));
  }
  const bool explained = guess_.first || guess_.windowed || guess_.from_mean || rate_ > 1.01 * base_ ||
                         guess_.between < 2 || now < trust_at_;
  if (explained || unexplained_ == 0) fell_from_ = rate_;
  unexplained_ = explained ? 0 : unexplained_ + (guess_.after_resume ? 1 : 2);
  again_ = false;
  ++episodes_;
  phase_ = std::min(phase_ + 1, 4U);
  episode_at_ = now;
  since_episode_ = 0;
  refusals_ = 1;
  settle(now);
}

void RateLearner::settle(SteadyTime now) {
  double burst = bucket_.burst();
  if (guess_.first) {
    rate_ = std::max(1.0, guess_.between) / std::max(1.0, guess_.between_s);
    burst = guess_.at_resume;
  } else {
    const double between = guess_.between / guess_.between_s;
    const double window = guess_.in_window / guess_.window_s;
    double measured = guess_.from_mean ? between : std::min(std::max(between, window), guess_.in_use);
    // A refusal right after a resume tells of the burst. Again and again: of the rate.
    if (guess_.after_resume) {
      const double part = std::max(0.5, 1 - 0.1 * (static_cast<double>(resumes_) - 1));
      measured = std::max(measured, part * guess_.in_use);
    }
    if (guess_.windowed) measured = std::min(between, guess_.in_use);
    rate_ = kBelow * measured;
    if (!guess_.from_mean) rate_ = std::max(rate_, std::min(guess_.least, guess_.in_use));
    if (guess_.after_resume) burst = guess_.at_resume;
  }
  rate_ = std::max(rate_, kLeastRate);
  // A deep fall may be wrong: it is made good quickly.
  if (!guess_.first && rate_ < kDeepFall * guess_.in_use) phase_ = std::min(phase_, 2U);
  base_ = rate_;
  grown_s_ = excess_ = 0;
  grown_at_ = now;
  bucket_.set(rate_, std::max(1.0, burst), now);
  bucket_.set_level(0, now);
}

std::optional<SteadyTime> RateLearner::rejected(const SentMark& mark, std::optional<double> hint_s, SteadyTime now) {
  count(mark.at, -1);
  if (const auto found = std::lower_bound(recent_.begin(), recent_.end(), mark.at);
      found != recent_.end() && *found == mark.at) {
    recent_.erase(found);
  }
  if (by_chance_) {
    chance_refused_ += 1;
    if (chance_sent_ < kShareCalls || chance_refused_ < kMostByChance * chance_sent_) return std::nullopt;
    // A limit after all: learned from the beginning.
    restart();
    trust_at_ = after(now, kTrustAgain);
  }
  const double hint = std::max(0.0, hint_s.value_or(0));
  const SteadyTime before = paused_until_;
  to_refusal_s_ = seconds_between(mark.at, now);
  refused_at_ = std::max(refused_at_, mark.at);
  const bool current = mark.episode == episodes_;
  const bool lost_probe = mark.probe && probe_out_;
  const bool same = episodes_ > 0 && (!current || lost_probe || since_episode_ <= 1);

  if (!same) {
    begin_episode(now, mark.at, hint);
    if (unexplained_ >= kUnexplained && rate_ < kFallen * fell_from_) {
      by_chance_ = true;
      chance_sent_ = chance_refused_ = 0;
      probe_due_ = probe_out_ = false;
      return std::nullopt;
    }
    if (episodes_ > 1 && !guess_.first) {
      if (paused_until_ > now && hint > 0) pause(after(now, hint));
      return paused_until_ > before ? std::optional(paused_until_) : std::nullopt;
    }
  } else {
    ++refusals_;
    if (current) {
      since_episode_ -= 1;
      since_resume_ -= 1;
    } else if (mark.episode + 1 == episodes_) {
      guess_.between = std::max(0.0, guess_.between - 1);
      if (!guess_.first && mark.at > guess_.recent_from) guess_.in_window = std::max(0.0, guess_.in_window - 1);
      if (mark.at >= guess_.burst_from) guess_.at_resume -= 1;
      settle(now);
    }
    if (lost_probe) {
      pause_s_ = std::min(kMostPause, 2 * pause_s_);
      hint_s_ = std::max(hint_s_, hint);
      pause(after(now, std::max(pause_s_, hint)));
      return paused_until_;
    }
    const bool waiting = paused_until_ > now || probe_due_ || probe_out_;
    if (waiting) {
      hint_s_ = std::max(hint_s_, hint);
      if (hint > 0 && after(now, hint) > paused_until_) pause(after(now, hint));
      return paused_until_ > before ? std::optional(paused_until_) : std::nullopt;
    }
    if (refusals_ < 2) return std::nullopt;
  }
  paused_at_ = now;
  pause_s_ = std::max(hint, kLeastPause);
  hint_s_ = hint;
  probes_ = 0;
  pause(after(now, pause_s_));
  return paused_until_;
}

void RateLearner::restart() {
  again_ = true;
  pacing_ = true;
  phase_ = 0;
  windowed_ = by_chance_ = false;
  unexplained_ = 0;
}

void RateLearner::restore(double per_second, double burst, std::uint32_t episodes, SteadyTime now) {
  if (per_second <= 0 || episodes == 0) return;
  episodes_ = episodes;
  phase_ = 3;
  rate_ = base_ = std::max(per_second, kLeastRate);
  bucket_.set(rate_, std::max(1.0, burst), now);
  grown_at_ = episode_at_ = now;
  first_at_ = now;
}

}  // namespace assay
