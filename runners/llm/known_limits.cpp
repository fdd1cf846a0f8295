#include "runners/llm/known_limits.hpp"

#include <algorithm>

namespace assay {

namespace {
constexpr std::array<const char*, 5> kNames = {"rpm", "rpd", "tpm", "itpm", "otpm"};
constexpr double kDay = 86'400;
}  // namespace

double KnownLimits::of(std::size_t dimension, const TokenWeight& weight) {
  switch (dimension) {
    case tokens:
      return weight.all;
    case input:
      return weight.in;
    case output:
      return weight.out;
    default:
      return 1;
  }
}

void KnownLimits::give(const LaneLimits& limits, SteadyTime now) {
  const std::array<double, kDimensions> given = {limits.rpm, limits.rpd, limits.tpm, limits.itpm, limits.otpm};
  for (std::size_t i = 0; i < kDimensions; ++i) known_.at(i).given = given.at(i);
  burst_ = limits.burst;
  refresh(now);
}

void KnownLimits::refresh(SteadyTime now) {
  any_ = false;
  for (std::size_t i = 0; i < kDimensions; ++i) {
    Known& known = known_.at(i);
    double per_s = 0;
    if (known.given > 0) per_s = known.given / window_s(i);
    if (known.header > 0) {
      const double announced = known.header / known.header_window_s;
      per_s = per_s > 0 ? std::min(per_s, announced) : announced;
    }
    double burst = std::max(1.0, per_s);
    if (i == minute && burst_ > 0) burst = burst_;
    // A day's allowance is there to be used when it is wanted, not one call every few seconds.
    if (i == day) burst = std::max(1.0, per_s * kDay);
    if (per_s != known.bucket.rate() || (per_s > 0 && burst != known.bucket.burst())) {
      known.bucket.set(per_s, burst, now);
    }
    any_ = any_ || per_s > 0;
  }
}

void KnownLimits::announce(const std::vector<LimitHeader>& headers, SteadyTime now) {
  bool changed = false;
  for (const LimitHeader& header : headers) {
    std::size_t dimension = tokens;
    if (header.dimension == "requests") dimension = header.window_s >= kDay ? day : minute;
    if (header.dimension == "in") dimension = input;
    if (header.dimension == "out") dimension = output;
    Known& known = known_.at(dimension);
    if (known.header == header.limit && known.header_window_s == header.window_s) continue;
    known.header = header.limit;
    known.header_window_s = header.window_s;
    changed = true;
  }
  if (changed) refresh(now);
  for (const LimitHeader& header : headers) {
    std::size_t dimension = tokens;
    if (header.dimension == "requests") dimension = header.window_s >= kDay ? day : minute;
    if (header.dimension == "in") dimension = input;
    if (header.dimension == "out") dimension = output;
    Bucket& bucket = known_.at(dimension).bucket;
    bucket.fill(now);
    if (header.remaining < bucket.level()) bucket.set_level(header.remaining, now);
  }
}

KnownLimits::Answer KnownLimits::fits_at(const TokenWeight& weight, SteadyTime now) {
  Answer answer{now, ""};
  if (!any_) return answer;
  for (std::size_t i = 0; i < kDimensions; ++i) {
    Bucket& bucket = known_.at(i).bucket;
    if (!bucket.on()) continue;
    bucket.fill(now);
    const SteadyTime at = bucket.fits_at(of(i, weight), now);
    if (at > answer.at) answer = {at, kNames.at(i)};
  }
  return answer;
}

void KnownLimits::correct_by(const TokenWeight& weight, double sign) {
  if (!any_) return;
  for (std::size_t i = tokens; i < kDimensions; ++i) {
    if (known_.at(i).bucket.on()) known_.at(i).bucket.give(sign * of(i, weight));
  }
}

void KnownLimits::take(const TokenWeight& weight) {
  if (!any_) return;
  for (std::size_t i = 0; i < kDimensions; ++i) {
    if (known_.at(i).bucket.on()) known_.at(i).bucket.take(of(i, weight));
  }
}

void KnownLimits::correct(const TokenWeight& estimated, const TokenWeight& real, SteadyTime now) {
  if (!any_) return;
  for (Known& known : known_) {
    if (known.bucket.on()) known.bucket.fill(now);
  }
  correct_by({estimated.all - real.all, estimated.in - real.in, estimated.out - real.out}, 1);
}

void KnownLimits::show(std::vector<LimitShown>& out) const {
  for (std::size_t i = 0; i < kDimensions; ++i) {
    const Known& known = known_.at(i);
    if (!known.bucket.on()) continue;
    const bool given =
        known.given > 0 && (known.header <= 0 || known.given / window_s(i) <= known.header / known.header_window_s);
    out.push_back({kNames.at(i), known.bucket.rate() * window_s(i), given ? LimitSource::given : LimitSource::header});
  }
}

}  // namespace assay
