// What a step sees of the other runs of its batch, and shows them.

#include "core/engine/live_step.hpp"
#include "core/text/json.hpp"

namespace assay {

PeerBoard& LiveStep::board() {
  if (!board_) board_ = parts_.board();
  if (!looked_) needs_.seen = board_->events();
  looked_ = true;
  return *board_;
}

void LiveStep::publish(std::string_view name, Json value) {
  if (!has_peers()) return Step::publish(name, std::move(value));
  // What the others see is what they would see after a restart.
  std::string text = dump_json(value);
  auto shown = std::make_shared<const Json>(parse_json(text, "published value"));
  for (Published& earlier : published_) {
    if (earlier.name != name) continue;
    earlier.text = std::move(text);
    earlier.value = std::move(shown);
    return;
  }
  published_.push_back({std::string(name), std::move(text), std::move(shown)});
}

std::shared_ptr<const Peers> LiveStep::others(std::string_view name) {
  if (!has_peers()) return Step::others(name);
  const auto own = own_.find(name);
  PeerBoard& all = board();
  return all.others(name, control_->run(), own == own_.end() ? nullptr : own->second, last_call_ || parts_.replay,
                    missed_);
}

void LiveStep::needs(std::string_view name, std::size_t peer) {
  if (!has_peers()) return Step::needs(name, peer);
  PeerBoard& all = board();
  if (name != needed_name_ || needs_.ranges.empty()) {
    needed_name_ = name;
    needed_ = all.name_of(name);
  }
  needs_.add(needed_, peer);
}

std::vector<LiveStep::Published> LiveStep::take_published() {
  for (const Published& one : published_) own_[one.name] = one.value;
  return std::exchange(published_, {});
}

PeerNeeds LiveStep::take_needs() {
  board();
  return std::exchange(needs_, {});
}

}  // namespace assay
