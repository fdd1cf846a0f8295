#include "core/engine/peer_board.hpp"

#include <algorithm>
#include <utility>

#include "core/text/duration.hpp"
#include "core/text/json.hpp"

namespace assay {

void PeerNeeds::add(std::uint32_t name, std::size_t peer) {
  const auto place = static_cast<std::uint32_t>(peer);
  if (!ranges.empty() && ranges.back().name == name) {
    Range& last = ranges.back();
    if (place >= last.first && place <= last.last) return;
    if (place == last.last + 1) {
      last.last = place;
      return;
    }
  }
  ranges.push_back({name, place, place});
}

class PeerBoard::View final : public Peers {
 public:
  View(std::shared_ptr<PeerBoard> board, std::uint32_t name, std::size_t self, std::shared_ptr<const Json> own,
       bool last_call, std::shared_ptr<std::atomic<bool>> missed)
      : board_(std::move(board)),
        name_(name),
        self_(self),
        own_(std::move(own)),
        last_call_(last_call),
        missed_(std::move(missed)) {}
  std::size_t size() const override { return board_->members_.size(); }
  std::size_t self() const override { return self_; }
  const std::string& id(std::size_t peer) const override { return board_->members_.at(peer).id; }
  std::shared_ptr<const Json> value(std::size_t peer) const override {
    if (own_ && peer == self_) return own_;
    const std::lock_guard lock(board_->mutex_);
    const Member& member = board_->members_.at(peer);
    const std::shared_ptr<const Json>& value = board_->value_of(member, name_);
    if (!value && member.cut && missed_) missed_->store(true);
    return value;
  }
  bool may_come(std::size_t peer) const override {
    if (last_call_ || peer == self_) return false;
    const std::lock_guard lock(board_->mutex_);
    const Member& member = board_->members_.at(peer);
    if (board_->value_of(member, name_)) return false;
    if (member.cut && missed_) missed_->store(true);
    return member.claimed;
  }
  std::uint64_t version() const override {
    const std::lock_guard lock(board_->mutex_);
    return board_->version_;
  }

 private:
  const std::shared_ptr<PeerBoard> board_;
  const std::uint32_t name_;
  const std::size_t self_;
  const std::shared_ptr<const Json> own_;
  const bool last_call_;
  const std::shared_ptr<std::atomic<bool>> missed_;
};

PeerBoard::PeerBoard(const RunTable& table, BatchId batch) {
  const RunTable::Reader reader = table.read();
  const BatchInfo& info = reader.batch(batch);
  first_ = info.first;
  batch_ = batch;
  batch_name_ = info.name;
  places_.assign(info.count, kNone);
  for (RunId run = info.first; run < info.first + info.count; ++run) {
    if (!reader.visible(run)) continue;
    const RunRow& row = reader.row(run);
    places_[run - first_] = static_cast<std::uint32_t>(members_.size());
    Member& member = members_.emplace_back();
    member.run = run;
    member.id = std::string(reader.id(run));
    member.attempt = row.attempts;
    member.ended = row.status == Status::complete || row.status == Status::fail;
    silent_ += member.silent();
    open_ += member.open();
  }
}

void PeerBoard::load(Store& store) {
  std::call_once(loaded_, [&] {
    std::vector<std::pair<StoredPublication, std::shared_ptr<const Json>>> read;
    store.each_publication(first_, static_cast<std::uint32_t>(places_.size()), [&](StoredPublication&& one) {
      if (!has(one.run)) return;
      const bool newer = !read.empty() && read.back().first.run == one.run && read.back().first.name == one.name;
      if (!newer) read.emplace_back();
      read.back().first = std::move(one);
    });
    for (auto& [one, value] : read) {
      value = std::make_shared<const Json>(parse_json(std::exchange(one.value, {}), "published value"));
    }
    const std::lock_guard lock(mutex_);
    for (auto& [one, value] : read) {
      Member& member = members_[places_[one.run - first_]];
      change(member, [&] { put(member, one.attempt, index_of(one.name), std::move(value)); });
    }
  });
}

template <typename Change>
void PeerBoard::change(Member& member, Change&& apply) {
  const bool was_silent = member.silent(), was_open = member.open(), was_claimed = member.claimed;
  const bool was_parked = member.parked;
  apply();
  const auto follow = [](std::size_t& count, bool was, bool is) {
    if (was && !is) --count;
    if (is && !was) ++count;
    return was && !is && count == 0;
  };
  follow(claimed_, was_claimed, member.claimed);
  follow(parked_, was_parked, member.parked);
  if (follow(silent_, was_silent, member.silent())) reached_.push_back(Milestone::published);
  if (follow(open_, was_open, member.open())) reached_.push_back(Milestone::ended);
}

std::vector<Milestone> PeerBoard::take_reached() {
  const std::lock_guard lock(mutex_);
  return std::exchange(reached_, {});
}

std::uint32_t PeerBoard::index_of(std::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    names_.emplace_back(name);
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  return static_cast<std::uint32_t>(found - names_.begin());
}

std::uint32_t PeerBoard::name_of(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return index_of(name);
}

const std::shared_ptr<const Json>& PeerBoard::value_of(const Member& member, std::uint32_t name) const {
  static const std::shared_ptr<const Json> kNothing;
  return name < member.values.size() ? member.values[name] : kNothing;
}

void PeerBoard::put(Member& member, std::uint32_t attempt, std::uint32_t name, std::shared_ptr<const Json> value) {
  if (member.values.size() <= name) {
    member.values.resize(name + 1);
    member.value_attempts.resize(name + 1);
  }
  member.published = std::max(member.published.value_or(attempt), attempt);
  if (member.values[name] && member.value_attempts[name] > attempt) return;
  member.values[name] = std::move(value);
  member.value_attempts[name] = attempt;
  ++version_;
}

void PeerBoard::claim(RunId run, bool fresh) {
  const std::lock_guard lock(mutex_);
  if (!has(run)) return;
  Member& member = members_[places_[run - first_]];
  change(member, [&] {
    member.claimed = true;
    member.cut = false;
    member.due = fresh;
  });
}

void PeerBoard::begin(RunId run, std::uint32_t attempt) {
  const std::lock_guard lock(mutex_);
  if (!has(run)) return;
  Member& member = members_[places_[run - first_]];
  change(member, [&] {
    member.attempt = attempt;
    member.due = member.ended = false;
  });
}

std::vector<PeerBoard::Woken> PeerBoard::publish(RunId run, std::uint32_t attempt, const std::string& name,
                                                 std::shared_ptr<const Json> value) {
  std::vector<Woken> woken;
  const std::lock_guard lock(mutex_);
  if (!has(run)) return woken;
  Member& member = members_[places_[run - first_]];
  change(member, [&] { put(member, attempt, index_of(name), std::move(value)); });
  happened(member, woken);
  return woken;
}

std::vector<PeerBoard::Woken> PeerBoard::release(RunId run, bool ended) {
  std::vector<Woken> woken;
  const std::lock_guard lock(mutex_);
  if (!has(run)) return woken;
  Member& member = members_[places_[run - first_]];
  if (!member.claimed && member.ended == ended) return woken;
  change(member, [&] {
    member.cut = member.claimed && !ended;
    member.claimed = member.due = false;
    if (ended) member.ended = true;
  });
  happened(member, woken);
  look_for_quiet(woken);
  return woken;
}

std::vector<PeerBoard::Woken> PeerBoard::park(RunId run, PeerNeeds needs) {
  std::vector<Woken> woken;
  const std::lock_guard lock(mutex_);
  if (!has(run)) return {{run, true}};
  const std::uint32_t place = places_[run - first_];
  Member& member = members_[place];
  const bool anything = needs.ranges.empty(), news = needs.seen != events_;
  change(member, [&] { member.parked = true; });
  member.needs = std::move(needs);
  ++member.ticket;
  if (anything) {
    if (news)
      wake(place, false, woken);
    else
      for_anything_.push_back({place, member.ticket});
  } else if (!watch(place)) {
    // What it has named was there before it looked: nothing would be different the next time.
    wake(place, !news, woken);
  }
  look_for_quiet(woken);
  return woken;
}

bool PeerBoard::unpark(RunId run) {
  const std::lock_guard lock(mutex_);
  if (!has(run)) return false;
  Member& member = members_[places_[run - first_]];
  if (!member.parked) return false;
  change(member, [&] { member.parked = false; });
  member.needs = {};
  return true;
}

bool PeerBoard::watch(std::uint32_t waiter) {
  Member& member = members_[waiter];
  for (auto& ranges = member.needs.ranges; !ranges.empty(); ranges.pop_back()) {
    PeerNeeds::Range& range = ranges.back();
    for (;; --range.last) {
      if (range.last < members_.size() && range.last != waiter) {
        Member& peer = members_[range.last];
        if (peer.claimed && !value_of(peer, range.name)) {
          peer.watchers.push_back({waiter, member.ticket});
          return true;
        }
      }
      if (range.last == range.first) break;
    }
  }
  return false;
}

void PeerBoard::wake(std::uint32_t waiter, bool last_call, std::vector<Woken>& woken) {
  Member& member = members_[waiter];
  change(member, [&] { member.parked = false; });
  member.needs = {};
  woken.push_back({member.run, last_call});
}

void PeerBoard::happened(Member& member, std::vector<Woken>& woken) {
  ++events_;
  const auto waits = [this](const Watch& one) {
    return members_[one.waiter].parked && members_[one.waiter].ticket == one.ticket;
  };
  for (const Watch& one : std::exchange(member.watchers, {})) {
    if (waits(one) && !watch(one.waiter)) wake(one.waiter, false, woken);
  }
  for (const Watch& one : std::exchange(for_anything_, {})) {
    if (waits(one)) wake(one.waiter, false, woken);
  }
}

void PeerBoard::look_for_quiet(std::vector<Woken>& woken) {
  if (parked_ == 0 || claimed_ != parked_) return;
  for (std::uint32_t place = 0; place < members_.size(); ++place) {
    if (members_[place].parked) wake(place, true, woken);
  }
}

std::shared_ptr<const Peers> PeerBoard::others(std::string_view name, RunId run, std::shared_ptr<const Json> own,
                                               bool last_call, std::shared_ptr<std::atomic<bool>> missed) {
  const std::uint32_t index = name_of(name);
  return std::make_shared<View>(shared_from_this(), index, has(run) ? places_[run - first_] : members_.size(),
                                std::move(own), last_call, std::move(missed));
}

std::uint64_t PeerBoard::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::string PeerBoard::lacks(RunId run) const {
  const std::lock_guard lock(mutex_);
  const std::string anything = "another run of its batch has to publish something, or to end";
  if (!has(run) || !members_[places_[run - first_]].parked) return anything;
  const Member& member = members_[places_[run - first_]];
  std::size_t lacking = 0;
  const Member* one = nullptr;
  std::uint32_t name = 0;
  for (const PeerNeeds::Range& range : member.needs.ranges) {
    for (std::size_t place = range.first; place <= range.last && place < members_.size(); ++place) {
      const Member& peer = members_[place];
      if (&peer == &member || !peer.claimed || value_of(peer, range.name)) continue;
      ++lacking;
      if (one != nullptr) continue;
      one = &peer;
      name = range.name;
    }
  }
  if (one == nullptr) return anything;
  std::string text = batch_name_ + ":" + one->id;
  if (lacking > 1) {
    const auto more = static_cast<std::int64_t>(lacking - 1);
    text += " and " + format_count(more) + (more == 1 ? " other run" : " other runs");
  }
  return text + (lacking > 1 ? " of its batch have" : " has") + " yet to publish \"" + names_[name] + "\"";
}

}  // namespace assay
