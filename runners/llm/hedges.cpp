#include "runners/llm/hedges.hpp"

#include <algorithm>

namespace assay {

namespace {
constexpr std::size_t kLeastAnswers = 20;  // before a percentile means anything
constexpr std::size_t kJudgeEvery = 16;
constexpr double kMostShare = 0.05;
}  // namespace

std::optional<std::chrono::nanoseconds> Hedges::sent(const std::string& name, const Hedge& rule) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[name];
  ++lane.calls;
  if (rule.mode == Hedge::Mode::after) return rule.after;
  if (rule.mode == Hedge::Mode::off || lane.count < kLeastAnswers) return std::nullopt;
  if (lane.judged_at == 0 || lane.count >= lane.judged_at + kJudgeEvery) {
    lane.judged_at = lane.count;
    std::array<std::chrono::nanoseconds, kKept> sorted = lane.latencies;
    const std::size_t kept = std::min(lane.count, kKept);
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(kept * 95 / 100);
    std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(kept));
    lane.p95 = *at;
  }
  return lane.p95;
}

void Hedges::answered(const std::string& name, std::chrono::nanoseconds latency) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[name];
  lane.latencies[lane.count % kKept] = latency;
  ++lane.count;
}

bool Hedges::take(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[name];
  if (lane.hedges + 1 > kMostShare * lane.calls) return false;
  ++lane.hedges;
  return true;
}

void Hedges::give_back(const std::string& name) {
  const std::lock_guard lock(mutex_);
  --lanes_[name].hedges;
}

}  // namespace assay
