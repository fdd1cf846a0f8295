// A call with two requests under way: the second is sent when the first is late, the first whole answer wins, the other
// is cancelled and counted as possibly billed. Each has its place in the limiter and its money. Specs: models.md 3.6.

#include <utility>

#include "core/text/duration.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {

namespace {
constexpr std::chrono::milliseconds kLookAgain{100};
}

void ChatEffect::plan_hedge(SteadyTime now) {
  hedge_at_.reset();
  sent_at_ = now;
  if (rival_ || entry_->hedge.mode == Hedge::Mode::off || provider_->simulated()) return;
  if (const auto delay = shared_->hedges.sent(lane_, entry_->hedge)) hedge_at_ = now + *delay;
}

void ChatEffect::swap_rival() {
  std::swap(ticket_, rival_->ticket);
  std::swap(money_, rival_->money);
  std::swap(slot_, rival_->slot);
  std::swap(sent_at_, rival_->sent_at);
}

/// The first request is late: a second one, if there is room for it at once.
EffectAction ChatEffect::hedge(SteadyTime now) {
  hedge_at_.reset();
  {
    const std::lock_guard lock(slot_->mutex);
    if (!slot_->sent) {  // that it will be is still on its way to the disk; a second try would take its place there
      hedge_at_ = now + kLookAgain;
      return wait(now);
    }
  }
  if (!shared_->targets.calm(lane_) || !shared_->hedges.take(lane_)) return wait(now);
  auto first = std::make_unique<Rival>();
  first->ticket = std::exchange(ticket_, {});
  first->money = std::exchange(money_, {});
  first->slot = slot_;
  first->sent_at = sent_at_;
  enter_limiter();
  const bool room = ticket_.poll(limits_in_force(), now).admitted && reserve_at_once();
  if (!room) {
    ticket_.leave();
    money_.release();
    ticket_ = std::move(first->ticket);
    money_ = std::move(first->money);
    shared_->hedges.give_back(lane_);
    return wait(now);
  }
  TryRecord late;
  late.number = static_cast<std::uint32_t>(try_no_);
  late.kind = "hedge";
  late.message = "no answer after " +
                 format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(now - sent_at_)) +
                 ": a second request goes out beside the first";
  late.ambiguous = true;
  late.ended_at = shared_->options.clock.wall();
  tries_.push_back(late);
  previous_ = std::move(late);
  rival_ = std::move(first);
  return send(now);
}

/// The other request is not waited for any more.
void ChatEffect::drop_rival() {
  if (!rival_) return;
  const std::unique_ptr<Rival> lost = std::move(rival_);
  if (cancel(*lost->slot)) lost->money.settle(0, reserved_);
  lost->money.release();
  lost->ticket.leave();
}

/// One of the two has come. True: it failed, and the other is still under way.
bool ChatEffect::outlived(const WireReply& reply, SteadyTime now) {
  const auto outcome = judge(reply);
  if (outcome) return false;
  const double wall_s = static_cast<double>(shared_->options.clock.wall()) / 1e6;
  lane_pause_ = ticket_.finish(call_end(outcome, vendor_of(*entry_), reply.headers, reply.body, wall_s), now);
  settle_failure(outcome.error());
  money_.release();
  TryRecord record = record_of(outcome.error());
  tries_.push_back(std::move(record));
  ambiguous_ = ambiguous_ || outcome.error().ambiguous;
  swap_rival();
  rival_.reset();
  return true;
}

}  // namespace assay
