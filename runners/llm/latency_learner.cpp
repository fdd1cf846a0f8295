#include "runners/llm/latency_learner.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace assay {

namespace {
constexpr double kWindow = 5, kHold = 60;
constexpr std::int64_t kCompletions = 200;
constexpr double kNarrow = 0.7, kWide = 1.3, kSame = 0.07;
constexpr double kLonger = 1.6;    // than with a quarter in flight: it queues
constexpr double kLeastCalls = 3;  // to tell how long answers take with few in flight
constexpr double kFull = 0.9;      // of the width in use, or it is not the width that holds calls back
}  // namespace

void LatencyLearner::begin_window(SteadyTime now) {
  window_at_ = now;
  completions_ = most_ = 0;
  in_flight_sum_ = log_latency_sum_ = 0;
}

void LatencyLearner::restore(std::int64_t width) {
  width_ = width;
  if (width > 0) step_ = Step::settled;
}

/// Whether answers of this window took longer than those of calls sent with at most a quarter of `most` in flight.
bool LatencyLearner::queues(std::int64_t most) const {
  Mean few;
  for (std::size_t k = 0; k < by_in_flight_.size() && (std::int64_t{2} << k) <= most / 4 + 1; ++k) {
    few.count += by_in_flight_[k].count;
    few.log_sum += by_in_flight_[k].log_sum;
  }
  if (few.count < kLeastCalls) return false;
  return log_latency_sum_ / static_cast<double>(completions_) > few.log_sum / few.count + std::log(kLonger);
}

void LatencyLearner::answered(const SentMark& mark, std::int64_t in_flight, std::int64_t least, SteadyTime now) {
  const double log_latency = std::log(std::max(1e-4, seconds_between(mark.at, now)));
  const auto power = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(mark.in_flight | 1)) - 1);
  Mean& mean_of = by_in_flight_[std::min(power, by_in_flight_.size() - 1)];
  ++mean_of.count;
  mean_of.log_sum += log_latency;
  if (!window_at_) return begin_window(now);
  log_latency_sum_ += log_latency;
  ++completions_;
  most_ = std::max(most_, in_flight);
  in_flight_sum_ += static_cast<double>(in_flight);
  const double passed = seconds_between(*window_at_, now);
  if (passed < kWindow || completions_ < kCompletions) return;
  // A width just narrowed is above itself until the server has worked off the difference.
  const double mean = in_flight_sum_ / static_cast<double>(completions_);
  const std::int64_t full = width_ > 0 ? std::min(width_, most_) : most_;
  const bool held = mean >= kFull * static_cast<double>(full) && (width_ == 0 || most_ >= width_);
  const double per_second = static_cast<double>(completions_) / passed;
  const std::int64_t most = most_;
  const bool worth = width_ > 0 || queues(most);
  begin_window(now);
  if (held && worth) end_window(per_second, most, least, now);
}

void LatencyLearner::end_window(double per_second, std::int64_t most, std::int64_t least, SteadyTime now) {
  const auto narrower = [&] {
    before_ = width_ > 0 ? width_ : most;
    width_ = std::max({std::int64_t{1}, least, static_cast<std::int64_t>(static_cast<double>(before_) * kNarrow)});
    step_ = width_ < before_ ? Step::narrower : Step::settled;
    settled_at_ = now;
  };
  const auto agrees = [&] {
    ++references_;
    reference_ += (per_second - reference_) / std::min(references_, 4);
  };
  switch (step_) {
    case Step::narrower:
    case Step::check:
      if (reference_ > 0 && per_second < reference_ * (1 - kSame)) {
        if (step_ == Step::narrower) {
          step_ = Step::check;  // latencies vary: one more look
          return;
        }
        width_ = before_;
        step_ = Step::settled;
        settled_at_ = now;
        return;
      }
      agrees();
      narrower();
      return;
    case Step::settled:
      if (seconds_between(settled_at_, now) < kHold || references_ == 0) {
        agrees();
        return;
      }
      before_ = width_;
      width_ = std::max(width_ + 1, static_cast<std::int64_t>(std::ceil(static_cast<double>(width_) * kWide)));
      step_ = Step::wider;
      return;
    case Step::wider:
      if (per_second >= reference_ * (1 + kSame)) {
        reference_ = per_second;
        references_ = 1;
        before_ = width_;
        width_ = std::max(width_ + 1, static_cast<std::int64_t>(std::ceil(static_cast<double>(width_) * kWide)));
        return;
      }
      width_ = before_;
      step_ = Step::settled;
      settled_at_ = now;
      return;
  }
}

}  // namespace assay
