// From the wish to ask until a request may be sent: which target of the chain is asked, its limits, its pauses.
// Specs: models.md 3.3, 3.5, 4.

#include <algorithm>
#include <utility>

#include "core/text/duration.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {

namespace {
constexpr std::chrono::seconds kLookForPauses{30};
}

bool ChatEffect::can_ask(const ModelEntry& entry) const {
  const Provider* const provider = find_provider(entry.type);
  if (provider == nullptr) return false;
  const auto built = provider->build(*request_, entry);
  return built && !shared_->options.secrets.holds_secret(built->canonical);
}

/// Turns to the next target of the chain that can be asked; its tries and time limits start afresh, `total` runs on.
/// False: there is none, and nothing has changed.
bool ChatEffect::fall_back() {
  std::size_t next = fallback_;
  while (next < first_->fallback_entries.size() && !can_ask(*first_->fallback_entries[next])) ++next;
  if (next == first_->fallback_entries.size()) return false;
  ticket_.leave();
  if (std::exchange(permitted_, false)) shared_->targets.give_back(lane_);
  money_.release();  // the next one's price is another
  if (fallback_ == 0) asked_ = std::move(prepared_);
  entry_ = first_->fallback_entries[next];
  fallback_ = next + 1;
  failures_.fill(0);
  corrected_.clear();
  prepare(*request_);
  return true;
}

/// Whether a failure of this kind is a reason to ask the next target, once it has had its tries (models.md 3.2).
bool ChatEffect::falls_back_on(ErrorKind kind) const {
  const std::vector<ErrorKind>& more = entry_->fallback_on;
  return cools_target(kind) || holds_target(kind) || kind == ErrorKind::bad_response || kind == ErrorKind::rate_limit ||
         std::find(more.begin(), more.end(), kind) != more.end();
}

EffectAction ChatEffect::enter_queue(SteadyTime now) {
  state_ = State::queued;
  look_at_.reset();
  trail_.queued(now);
  if (!excluded_since_) excluded_since_ = now;
  return poll_limiter(now);
}

/// What to do instead of sending, when the target takes no calls now.
std::optional<EffectAction> ChatEffect::ask_target(SteadyTime now) {
  Targets::Permit permit = shared_->targets.ask(lane_, now);
  permitted_ = permit.go;
  if (permit.go) return std::nullopt;
  if (fall_back()) return enter_queue(now);
  if (permit.held) {
    CallError error = make_error(ErrorKind::held, std::string(to_text(permit.held->kind)), permit.held->message);
    error.held = permit.held->message;
    return give_up(std::move(error), "", now);
  }
  ticket_.leave();  // it would keep a place in flight from others
  look_at_ = permit.look_again;
  return wait(now);
}

LaneLimits ChatEffect::limits_in_force() const {
  const auto values = shared_->settings.values();
  LaneLimits limits = entry_->limits;
  if (limits.rpm <= 0) limits.rpm = values->rpm;
  if (limits.concurrency <= 0) limits.concurrency = values->concurrency;
  if (entry_->width) {
    const std::int64_t told = entry_->width->load(std::memory_order_relaxed);
    limits.concurrency = limits.concurrency > 0 ? std::min(limits.concurrency, told) : told;
    limits.slots = told;
  }
  limits.learn_latency = limits.learn && (limits.learn_latency || entry_->local());
  return limits;
}

void ChatEffect::enter_limiter() {
  using Rank = CallPlace::Rank;
  const EffectOrigin origin = port_->origin();
  const Rank rank = try_no_ > 0 ? Rank::retry : origin.begun ? Rank::begun : Rank::fresh;
  ticket_ = shared_->options.limiter.enter(lane_, {origin.job, rank}, size_, port_);
}

/// A lane that is paused for long: another target, or its run gives its place back until then (models.md 3.3).
std::optional<EffectAction> ChatEffect::leave_long_pause(SteadyTime now) {
  const std::optional<SteadyTime> until = ticket_.paused_until(now);
  if (!until) return std::nullopt;
  if (*until - now > entry_->fallback_wait && fall_back()) return enter_queue(now);
  if (*until - now <= shared_->settings.values()->longest_wait) return std::nullopt;
  return hold_until(*until, ticket_.waits_for(now), now);
}

EffectAction ChatEffect::hold_until(SteadyTime until, const std::string& why, SteadyTime now) {
  using std::chrono::duration_cast, std::chrono::microseconds;
  const WallTime at = shared_->options.clock.wall() + duration_cast<microseconds>(until - now).count();
  const std::string name = entry_->name;
  CallError error = make_error(ErrorKind::held, "", "waiting until " + format_clock(at) + ": " + name + ", " + why);
  error.held = error.message;
  error.held_until = until;
  return give_up(std::move(error), "", now);
}

EffectAction ChatEffect::poll_limiter(SteadyTime now) {
  if (auto instead = ask_budget(now)) return std::move(*instead);
  if (port_->files() != nullptr) return put_in_file(now);
  if (!ticket_) enter_limiter();
  const Limiter::Ticket::Answer answer = ticket_.poll(limits_in_force(), now);
  // A pause that begins is told to the first in the queue only.
  look_at_ = answer.look_again.value_or(now + kLookForPauses);
  if (!answer.admitted) {
    if (auto instead = leave_long_pause(now)) return std::move(*instead);
    return wait(now);
  }
  if (auto instead = ask_target(now)) return std::move(*instead);
  if (first_sent_) excluded_ += now - *excluded_since_;
  excluded_since_.reset();
  return send(now);
}

}  // namespace assay
