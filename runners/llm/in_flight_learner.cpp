#include "runners/llm/in_flight_learner.hpp"

#include <algorithm>

namespace assay {

namespace {
constexpr std::size_t kEpisodes = 4;
constexpr std::int64_t kLeast = 4;
constexpr double kGrowEvery = 30;
}  // namespace

void InFlightLearner::told(const SentMark& mark, SteadyTime now) {
  const std::int64_t below = std::max<std::int64_t>(1, mark.in_flight - 1);
  if (limit_ == 0 || below < limit_) limit_ = below;
  inferred_ = false;
  changed_at_ = now;
}

InFlightLearner::Finding InFlightLearner::refused(const SentMark& mark, bool new_episode, double rate, SteadyTime now) {
  const std::int64_t below = mark.in_flight - 1;
  if (inferred()) {
    if (static_cast<double>(below) < 0.8 * static_cast<double>(limit_)) {
      limit_ = 0;
      seen_.clear();
      return Finding::wrong;
    }
    limit_ = std::min(limit_, std::max(below, kLeast));
    changed_at_ = now;
    return Finding::explained;
  }
  if (limit_ > 0 || !new_episode) return Finding::nothing;
  seen_.push_back({below, rate});
  if (seen_.size() > kEpisodes) seen_.pop_front();
  if (seen_.size() < kEpisodes) return Finding::nothing;
  const auto [low, high] = std::minmax_element(seen_.begin(), seen_.end(),
                                               [](const Seen& a, const Seen& b) { return a.in_flight < b.in_flight; });
  const auto [slow, fast] =
      std::minmax_element(seen_.begin(), seen_.end(), [](const Seen& a, const Seen& b) { return a.rate < b.rate; });
  // With even latencies a rate gives one number in flight as well. The number is the limit where it varies less.
  const double spread = static_cast<double>(high->in_flight - low->in_flight) / static_cast<double>(high->in_flight);
  if (low->in_flight < kLeast || high->in_flight - low->in_flight > 2) return Finding::nothing;
  if (fast->rate - slow->rate <= std::max(0.1, 2 * spread) * fast->rate) return Finding::nothing;
  limit_ = low->in_flight;
  inferred_ = true;
  changed_at_ = now;
  seen_.clear();
  return Finding::found;
}

void InFlightLearner::answered(const SentMark& mark) {
  if (seen_.empty()) return;
  const auto most = std::max_element(seen_.begin(), seen_.end(),
                                     [](const Seen& a, const Seen& b) { return a.in_flight < b.in_flight; });
  if (mark.in_flight > most->in_flight + 1) seen_.clear();
}

void InFlightLearner::grow(bool held, SteadyTime now) {
  if (limit_ == 0) return;
  if (!held) {
    changed_at_ = std::max(changed_at_, now - std::chrono::seconds(30));
    return;
  }
  if (seconds_between(changed_at_, now) < kGrowEvery) return;
  limit_ += std::max<std::int64_t>(1, limit_ / 50);
  changed_at_ = now;
}

void InFlightLearner::restore(std::int64_t limit, SteadyTime now) {
  limit_ = std::max<std::int64_t>(0, limit);
  inferred_ = false;
  changed_at_ = now;
}

}  // namespace assay
