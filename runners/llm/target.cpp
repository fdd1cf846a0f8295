#include "runners/llm/target.hpp"

#include <algorithm>

namespace assay {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kLook{1'000};
/// A probe that nobody hears of again (its run was stopped) stands in the way no longer than this.
constexpr milliseconds kProbePatience{60'000};

}  // namespace

bool cools_target(ErrorKind kind) {
  return kind == ErrorKind::overloaded || kind == ErrorKind::server || kind == ErrorKind::network ||
         kind == ErrorKind::timeout;
}

bool holds_target(ErrorKind kind) {
  return kind == ErrorKind::quota || kind == ErrorKind::auth || kind == ErrorKind::permission ||
         kind == ErrorKind::not_found || kind == ErrorKind::local;
}

Targets::Permit Targets::ask(const std::string& lane, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = targets_.find(lane);
  if (found == targets_.end()) return {true, {}, {}};
  Target& target = found->second;
  if (target.held) return {false, {}, target.held};
  if (!target.cool_until) return {true, {}, {}};
  if (now < *target.cool_until) return {false, std::min(*target.cool_until, now + kLook), {}};
  if (target.probe_since && now - *target.probe_since < kProbePatience) return {false, now + kLook, {}};
  target.probe_since = now;
  return {true, {}, {}};
}

void Targets::give_back(const std::string& lane) {
  const std::lock_guard lock(mutex_);
  const auto found = targets_.find(lane);
  if (found != targets_.end()) found->second.probe_since.reset();
}

void Targets::succeeded(const std::string& lane) {
  const std::lock_guard lock(mutex_);
  const auto found = targets_.find(lane);
  if (found != targets_.end() && !found->second.held) targets_.erase(found);
}

bool Targets::calm(const std::string& lane) const {
  const std::lock_guard lock(mutex_);
  return !targets_.contains(lane);
}

std::optional<milliseconds> Targets::failed(const std::string& lane, const Cooldown& rule, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Target& target = targets_[lane];
  ++target.failures;
  if (target.cool_until && now < *target.cool_until) return std::nullopt;  // sent before it began to cool
  const bool probe_lost = target.cool_until && target.probe_since;
  if (!probe_lost && target.failures < rule.failures) return std::nullopt;
  target.cooldown = target.cooldown.count() == 0 ? rule.first : std::min(2 * target.cooldown, rule.max);
  target.cool_until = now + target.cooldown;
  target.probe_since.reset();
  return target.cooldown;
}

void Targets::hold(const std::string& lane, Held why) {
  const std::lock_guard lock(mutex_);
  targets_[lane].held = std::move(why);
}

std::size_t Targets::release_all() {
  const std::lock_guard lock(mutex_);
  return std::erase_if(targets_, [](const auto& entry) { return entry.second.held || entry.second.cool_until; });
}

std::vector<Targets::State> Targets::states(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<State> all;
  for (const auto& [lane, target] : targets_) {
    State state;
    state.lane = lane;
    state.failures = target.failures;
    if (target.cool_until && now < *target.cool_until) {
      state.cooling_for = duration_cast<milliseconds>(*target.cool_until - now);
    }
    state.probing = target.probe_since.has_value();
    state.held = target.held;
    all.push_back(std::move(state));
  }
  return all;
}

}  // namespace assay
