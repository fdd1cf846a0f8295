#pragma once
// A Step for tests that drives effects the way the engine does (core/engine/live_step.cpp), without a store: "commits"
// happen at once, records are kept in memory, and replay serves them. With a FakeClock time jumps to the next timer;
// with a real clock the step waits for messages.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/step.hpp"

namespace assay::test {

/// Virtual: time stands still but for advance().
class FakeClock final : public Clock {
 public:
  SteadyTime steady() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  WallTime wall() const override { return wall_base_ + micros(); }
  std::int64_t boot_us() const override { return micros(); }
  bool wait_until(std::condition_variable&, std::unique_lock<std::mutex>&, SteadyTime deadline) override {
    advance_to(deadline);
    return false;
  }
  bool wait_until(Signal&, SteadyTime deadline) override {
    advance_to(deadline);
    return false;
  }
  void advance_to(SteadyTime time) {
    const std::lock_guard lock(mutex_);
    if (time > now_) now_ = time;
  }
  void advance(std::chrono::nanoseconds by) { advance_to(steady() + by); }

 private:
  std::int64_t micros() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(steady().time_since_epoch()).count();
  }
  mutable std::mutex mutex_;
  SteadyTime now_{std::chrono::hours(1)};
  WallTime wall_base_ = 1767225600LL * 1'000'000;
};

class FakeEntropy final : public Entropy {
 public:
  explicit FakeEntropy(std::uint64_t seed = 1) : stream_(seed) {}
  std::uint64_t next() override { return stream_.next(); }

 private:
  RandomStream stream_;
};

/// What a FakeStep recorded of one call.
struct FakeRecord {
  CallRecord record;
  std::string request, reply;
  std::vector<TryRecord> tries;  // all, the last one included
};

/// What the runs of one batch show each other, in memory: shared by the FakeSteps of its runs. Any thread.
class FakeBoard {
 public:
  struct Place {
    std::map<std::string, std::shared_ptr<const Json>, std::less<>> values;
    bool may_publish = true;  // false: it has ended, or no job has it
  };
  explicit FakeBoard(std::vector<std::string> ids) : ids_(std::move(ids)), places_(ids_.size()) {}

  const std::vector<std::string>& ids() const { return ids_; }
  void put(std::string_view name, std::size_t peer, Json value) {
    const std::lock_guard lock(mutex_);
    places_.at(peer).values.insert_or_assign(std::string(name), std::make_shared<const Json>(std::move(value)));
    ++version_;
  }
  /// What this run has not published by now does not come.
  void end(std::size_t peer) {
    const std::lock_guard lock(mutex_);
    places_.at(peer).may_publish = false;
  }
  std::shared_ptr<const Json> value(std::string_view name, std::size_t peer) const {
    const std::lock_guard lock(mutex_);
    const auto& values = places_.at(peer).values;
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second;
  }
  bool may_come(std::string_view name, std::size_t peer) const {
    const std::lock_guard lock(mutex_);
    const Place& place = places_.at(peer);
    return place.may_publish && !place.values.contains(name);
  }
  std::uint64_t version() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  const std::vector<std::string> ids_;
  mutable std::mutex mutex_;
  std::vector<Place> places_;  // guarded by mutex_
  std::uint64_t version_ = 0;  // guarded by mutex_
};

class FakePeers final : public Peers {
 public:
  FakePeers(std::shared_ptr<FakeBoard> board, std::string_view name, std::size_t self)
      : board_(std::move(board)), name_(name), self_(self) {}
  std::size_t size() const override { return board_->ids().size(); }
  std::size_t self() const override { return self_; }
  const std::string& id(std::size_t peer) const override { return board_->ids().at(peer); }
  std::shared_ptr<const Json> value(std::size_t peer) const override { return board_->value(name_, peer); }
  bool may_come(std::size_t peer) const override { return board_->may_come(name_, peer); }
  std::uint64_t version() const override { return board_->version(); }

 private:
  std::shared_ptr<FakeBoard> board_;
  std::string name_;
  std::size_t self_;
};

class FakeStep final : public Step {
 public:
  /// `virtual_clock` is the same object as `clock` in a test under virtual time, else null.
  FakeStep(Clock& clock, FakeClock* virtual_clock, CallId first_call = 1)
      : clock_(clock), virtual_clock_(virtual_clock), next_call_(first_call), random_(7) {}
  ~FakeStep() override {
    for (auto& call : calls_) {
      if (!call->done && call->effect) call->effect->abandon();
    }
  }

  /// Calls at these places are served from here (as the ledger would).
  std::map<std::string, FakeRecord, std::less<>> recorded;
  std::uint32_t at = 1;                                     // its number
  RunId run = kNoRun;                                       // whose step it is
  std::string id;                                           // that run's
  std::uint64_t job = 0;                                    // which executes it
  std::shared_ptr<FakeBoard> board;                         // of its batch; null: there are no other runs
  std::size_t place = 0;                                    // of its run on the board
  std::vector<std::pair<std::string, std::size_t>> needed;  // what the step has named with needs()
  bool slow_disk = false;  // what is to be sent waits for commit(); as in the engine, the next try takes its place
  void commit(CallHandle handle) {
    if (const auto transmit = std::exchange(calls_.at(handle)->uncommitted, nullptr)) transmit();
  }

  CallHandle begin(std::string_view key, std::unique_ptr<Effect> effect) override {
    const auto index = static_cast<CallHandle>(calls_.size());
    calls_.push_back(std::make_unique<Call>());
    Call& call = *calls_.back();
    call.effect = std::move(effect);
    if (const auto found = recorded.find(key);
        found != recorded.end() && found->second.record.request_hash == call.effect->request_hash()) {
      call.kept = found->second;
      call.done = call.replayed = true;
      return index;
    }
    call.kept.record.id = next_call_++;
    call.kept.record.key = std::string(key);
    call.kept.record.request_hash = call.effect->request_hash();
    call.kept.record.model = call.effect->model();
    call.kept.record.lane = call.effect->lane();
    call.kept.record.last_try.number = 0;
    call.kept.request = call.effect->request_text();
    open_.insert(index);
    call.port =
        std::make_shared<Port>(queue_, index, std::string(key), id, EffectOrigin{run, job, false, {}, at, index + 1});
    apply(index, call.effect->advance({EffectEvent::Kind::start, nullptr}, call.port, clock_.steady()));
    return index;
  }

  CallOutcome get(CallHandle handle) override {
    Call& call = *calls_.at(handle);
    while (!call.done) wait_for_something();
    return {call.kept.record, call.kept.reply, call.replayed, call.effect.get()};
  }

  const FakeRecord& kept(CallHandle handle) const { return calls_.at(handle)->kept; }
  bool done(CallHandle handle) const { return calls_.at(handle)->done; }
  /// Gives up a call in flight, as the engine does when a run is stopped.
  void abandon(CallHandle handle) {
    calls_.at(handle)->effect->abandon();
    calls_.at(handle)->done = true;
  }
  /// Frees what a finished call holds; its handle stays taken.
  void forget(CallHandle handle) {
    calls_.at(handle)->effect.reset();
    calls_.at(handle)->kept = FakeRecord{};
    open_.erase(handle);
  }
  /// Delivers what has come and the timers that are due; advances a virtual clock to the next timer when idle.
  void wait_for_something() {
    std::vector<std::pair<CallHandle, std::unique_ptr<EffectMessage>>> items;
    {
      std::unique_lock lock(queue_->mutex);
      if (queue_->items.empty()) {
        const SteadyTime until = next_timer();
        if (virtual_clock_ != nullptr) {
          if (until == SteadyTime::max()) throw std::runtime_error("deadlock: nothing to wait for");
          virtual_clock_->advance_to(until);
        } else {
          while (queue_->items.empty() && clock_.steady() < until) {
            if (until == SteadyTime::max())
              queue_->ready.wait(lock);
            else
              queue_->ready.wait_until(lock, until);
          }
        }
      }
      items.swap(queue_->items);
    }
    for (auto& [index, message] : items) {
      Call& call = *calls_[index];
      if (call.done) continue;
      apply(index, call.effect->advance({EffectEvent::Kind::message, std::move(message)}, call.port, clock_.steady()));
    }
    const SteadyTime now = clock_.steady();
    const std::vector<CallHandle> open(open_.begin(), open_.end());
    for (const CallHandle i : open) {
      Call& call = *calls_[i];
      if (call.done || !call.timer || *call.timer > now) continue;
      call.timer.reset();
      apply(i, call.effect->advance({EffectEvent::Kind::timer, nullptr}, call.port, now));
    }
  }

  void log(LogLevel, std::string_view text) override { logs.emplace_back(text); }
  std::uint64_t random() override { return random_.next(); }
  WallTime now() override { return clock_.wall(); }
  void sleep(std::chrono::milliseconds) override {}
  bool stop_requested() const override { return false; }
  /// As if the step had ended at once.
  void publish(std::string_view name, Json value) override {
    if (!board) return Step::publish(name, std::move(value));
    board->put(name, place, std::move(value));
  }
  std::shared_ptr<const Peers> others(std::string_view name) override {
    if (!board) return Step::others(name);
    return std::make_shared<FakePeers>(board, name, place);
  }
  void needs(std::string_view name, std::size_t peer) override { needed.emplace_back(name, peer); }
  std::uint32_t number() const override { return at; }
  std::uint32_t attempt() const override { return 1; }

  std::vector<std::string> logs;

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable ready;
    std::vector<std::pair<CallHandle, std::unique_ptr<EffectMessage>>> items;
  };
  struct Port final : EffectPort {
    Port(std::shared_ptr<Queue> to, CallHandle call, std::string place, std::string id, const EffectOrigin& origin)
        : queue(std::move(to)), index(call), key_(std::move(place)), id_(std::move(id)), origin_(origin) {
      origin_.id = id_;
    }
    EffectOrigin origin() const override { return origin_; }
    std::string_view key() const override { return key_; }
    void post(std::unique_ptr<EffectMessage> message) override {
      {
        const std::lock_guard lock(queue->mutex);
        queue->items.emplace_back(index, std::move(message));
      }
      queue->ready.notify_one();
    }
    std::shared_ptr<Queue> queue;
    CallHandle index;
    std::string key_, id_;
    EffectOrigin origin_;
  };
  struct Call {
    std::unique_ptr<Effect> effect;
    std::shared_ptr<EffectPort> port;
    FakeRecord kept;
    std::optional<SteadyTime> timer;
    std::function<void()> uncommitted;
    bool done = false, replayed = false;
  };

  SteadyTime next_timer() const {
    SteadyTime until = SteadyTime::max();
    for (const CallHandle index : open_) {
      const Call& call = *calls_[index];
      if (!call.done && call.timer) until = std::min(until, *call.timer);
    }
    return until;
  }

  void apply(CallHandle index, EffectAction action) {
    Call& call = *calls_[index];
    if (auto* wait = std::get_if<EffectWait>(&action)) {
      call.timer = wait->deadline;
    } else if (auto* sent = std::get_if<EffectRecordSent>(&action)) {
      call.timer = sent->deadline;
      if (sent->previous) call.kept.tries.push_back(*sent->previous);
      ++call.kept.record.last_try.number;
      call.kept.record.reserved = sent->reserved;
      call.uncommitted = [transmit = sent->transmit, id = call.kept.record.id,
                          number = call.kept.record.last_try.number] { transmit(id, number); };
      if (!slow_disk) commit(index);
    } else {
      auto& done = std::get<EffectDone>(action);
      CallRecord& record = call.kept.record;
      const std::uint32_t number = record.last_try.number;
      record.state = done.state;
      if (!done.model.empty()) record.model = done.model;
      record.last_try = done.last_try;
      record.last_try.number = number;
      record.usage = done.usage;
      record.cost = done.cost;
      record.possible = done.possible;
      record.priced = done.priced;
      record.doubt = done.doubt;
      record.from_cache = done.from_cache;
      record.saved = done.saved;
      if (!done.note.empty()) logs.push_back(done.note);
      call.kept.reply = std::move(done.reply);
      call.kept.tries.push_back(record.last_try);
      call.timer.reset();
      call.done = true;
      open_.erase(index);
    }
  }

  Clock& clock_;
  FakeClock* virtual_clock_;
  CallId next_call_;
  RandomStream random_;
  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::vector<std::unique_ptr<Call>> calls_;
  std::set<CallHandle> open_;
};

}  // namespace assay::test
