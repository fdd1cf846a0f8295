#include "core/engine/live_step.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/engine/live_call.hpp"
#include "core/ledger/request_difference.hpp"
#include "core/text/duration.hpp"
#include "core/text/json.hpp"

namespace assay {
namespace {

class Port final : public EffectPort {
 public:
  Port(std::shared_ptr<Door> door, std::shared_ptr<Mailbox> mailbox, EffectOrigin origin, std::string_view key,
       std::uint32_t call, std::uint32_t epoch, std::shared_ptr<CallFiles> files)
      : door_(std::move(door)),
        mailbox_(std::move(mailbox)),
        origin_(origin),
        id_(origin.id),
        key_(key),
        call_(call),
        epoch_(epoch),
        files_(std::move(files)) {
    origin_.id = id_;
  }
  EffectOrigin origin() const override { return origin_; }
  std::string_view key() const override { return key_; }
  CallFiles* files() const override { return files_.get(); }
  void post(std::unique_ptr<EffectMessage> message) override {
    if (!message) return;
    if (message->quick()) {
      const std::unique_lock lock(door_->mutex, std::try_to_lock);
      if (lock && door_->step != nullptr && door_->step->bring(call_, epoch_, message)) return;
    }
    mailbox_->post({call_, epoch_, std::move(message)});
  }

 private:
  std::shared_ptr<Door> door_;
  std::shared_ptr<Mailbox> mailbox_;
  EffectOrigin origin_;
  std::string id_, key_;
  std::uint32_t call_, epoch_;
  std::shared_ptr<CallFiles> files_;
};

/// The worker sleeps: the door is open.
class Outside {
 public:
  explicit Outside(Door& door) : door_(door) { door_.mutex.unlock(); }
  ~Outside() { door_.mutex.lock(); }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  Door& door_;
};

}  // namespace

LiveStep::LiveStep(const Parts& parts, AttemptLedger& ledger, std::shared_ptr<AttemptControl> control,
                   std::shared_ptr<Mailbox> mailbox, std::uint64_t seed, WallTime begun_at)
    : parts_(parts),
      ledger_(ledger),
      control_(std::move(control)),
      mailbox_(std::move(mailbox)),
      seed_(seed),
      random_(seed),
      now_(begun_at),
      door_(std::make_shared<Door>()) {
  door_->step = this;
  control_->set_door(door_);
}

LiveStep::~LiveStep() {
  const std::lock_guard lock(door_->mutex);
  give_up_all();
  door_->step = nullptr;
}

void LiveStep::start_step(std::uint32_t number, SteadyTime deadline, const char* deadline_of) {
  const std::lock_guard lock(door_->mutex);
  earlier_ = epoch_ == 0 ? ledger_.places_before(number) : earlier_ + static_cast<std::uint32_t>(calls_.size());
  calls_.clear();
  number_ = number;
  ++epoch_;
  served_ = 0;
  deadline_ = deadline;
  deadline_of_ = deadline_of;
  control_->set_deadline(deadline, deadline_of, number);
  waits_outside_.clear();
  random_ = RandomStream(seed_ + 0x9E3779B97F4A7C15ULL * (number + 1ULL));
  published_.clear();
  needs_ = {};
  looked_ = last_call_ = false;
  missed_->store(false);
  check_interrupted();
}

CallHandle LiveStep::begin(std::string_view key, std::unique_ptr<Effect> effect) {
  const std::lock_guard lock(door_->mutex);
  check_interrupted();
  for (const auto& other : calls_) {
    if (other->record.key == key) {
      throw RunFailure("runner",
                       "two calls at the place \"" + std::string(key) + "\" of one step: give each its own key");
    }
  }
  const auto index = static_cast<std::uint32_t>(calls_.size());
  calls_.push_back(std::make_unique<Call>());
  Call& call = *calls_.back();
  call.effect = std::move(effect);

  const Hash128 hash = call.effect->request_hash();
  const AttemptLedger::Lookup found = ledger_.find(number_, key, hash);
  if (parts_.replay) {
    serve_recorded(call, key, found);
    return index;
  }
  if (found.recorded != nullptr) {
    call.record = *found.recorded;
    call.reply = parts_.store.call_reply(call.record.id);
    call.done = call.replayed = true;
    parts_.counters.replayed.fetch_add(1, std::memory_order_relaxed);
    return index;
  }
  if (found.in_file != nullptr) {
    call.record = *found.in_file;
    call.stored = call.in_file = true;
    return index;
  }
  if (control_->drain_requested()) stop_when_recorded();
  if (found.in_doubt != nullptr && parts_.hold_in_doubt) {
    throw RunHeld{
        "a call at \"" + std::string(key) + "\" was in flight when the program ended; `resume` sends it again", false};
  }
  if (found.differs != nullptr) {
    write_log(LogLevel::warn,
              "the request at \"" + std::string(key) + "\" differs from the recorded one" +
                  request_difference(parts_.store.call_request(found.differs->id), call.effect->request_text()) +
                  ": it goes out anew as number " + std::to_string(found.next_number));
  }
  CallRecord& record = call.record;
  record.id = parts_.store.reserve_call();
  record.run = control_->run();
  record.attempt = control_->attempt();
  record.step = number_;
  record.key = key;
  record.number = found.next_number;
  record.request_hash = hash;
  record.model = call.effect->model();
  record.lane = call.effect->lane();
  record.last_try.number = 0;
  if (found.in_doubt != nullptr) {
    write_log(LogLevel::warn,
              "the call at \"" + std::string(key) + "\" was in flight when the program ended: possibly paid twice");
  }
  if (const CallRecord* earlier = ledger_.earlier(number_, key, hash)) {
    serve_earlier(index, *earlier);
    return index;
  }
  if (const CallRecord* other = ledger_.earlier_other(number_, key, hash)) {
    write_log(LogLevel::warn,
              "the request at \"" + std::string(key) + "\" differs from the one answered in attempt " +
                  std::to_string(other->attempt) +
                  request_difference(parts_.store.call_request(other->id), call.effect->request_text()) +
                  ": it is asked and paid for again");
  }
  const EffectOrigin origin{control_->run(), parts_.job, number_ > 1 || index > 0,
                            parts_.run_id,   number_,    earlier_ + index + 1};
  call.port = std::make_shared<Port>(door_, mailbox_, origin, key, index, epoch_, parts_.files);
  deliver(index, {EffectEvent::Kind::start, nullptr});
  return index;
}

/// Becomes a call of this attempt too, so that the attempt can be replayed by itself.
void LiveStep::serve_earlier(std::uint32_t index, const CallRecord& earlier) {
  calls_[index]->replayed = true;
  EffectDone done;
  done.state = earlier.state;
  done.last_try = earlier.last_try;
  done.last_try.ended_at = 0;
  done.last_try.details.clear();
  done.reply = parts_.store.call_reply(earlier.id);
  done.model = earlier.model;
  done.priced = true;  // its tokens and its money are the earlier attempt's
  done.from_cache = true;
  done.note = std::string(done.state == CallState::answered ? "was answered" : "failed for good") + " in attempt " +
              std::to_string(earlier.attempt) + ": nothing is sent";
  parts_.counters.replayed.fetch_add(1, std::memory_order_relaxed);
  record_end(index, std::move(done));
}

void LiveStep::serve_recorded(Call& call, std::string_view key, const AttemptLedger::Lookup& found) {
  call.done = call.replayed = true;
  if (const CallRecord* record = found.recorded != nullptr ? found.recorded : found.failed; record != nullptr) {
    call.record = *record;
    call.reply = parts_.store.call_reply(record->id);
    ++calls_served_;
    return;
  }
  const std::string place = place_of_step(number_) + ", \"" + std::string(key) + "\"";
  std::string line = "no call is recorded at " + place;
  if (found.differs != nullptr) {
    line = "the request at " + place + " differs from the recorded one" +
           request_difference(parts_.store.call_request(found.differs->id), call.effect->request_text());
  }
  call.record.key = key;
  call.record.step = number_;
  call.record.request_hash = call.effect->request_hash();
  call.record.state = CallState::failed;
  call.record.last_try.kind = "replay_missing";
  call.record.last_try.message = line;
  missing_.push_back(std::move(line));
}

CallOutcome LiveStep::get(CallHandle handle) {
  const std::lock_guard lock(door_->mutex);
  if (handle >= calls_.size()) throw RunFailure("runner", "get() of a call that was not begun in this step");
  Call& call = *calls_[handle];
  wait_for_call(call);
  if (!call.taken) {
    call.taken = true;
    if (call.record.state == CallState::answered) ++served_;
  }
  observe(call.record.last_try.ended_at);
  return CallOutcome{call.record, call.reply, call.replayed, call.effect.get()};
}

void LiveStep::wait_for_call(Call& call) {
  while (!call.done) {
    check_interrupted();
    if (call.in_file && std::none_of(calls_.begin(), calls_.end(),
                                     [](const auto& other) { return other->live() || other->committing; })) {
      wait_for_file(call);
    }
    if (control_->drain_requested() && !any_on_its_way()) stop_here();
    wait_for_something(deadline_);
  }
}

/// All calls that the step has begun are recorded, this one in a file: the run waits without a worker.
void LiveStep::wait_for_file(const Call& call) {
  const std::string_view lane = call.record.lane;
  throw RunHeld{"in bulk file " + std::string(lane.starts_with(kFileLane) ? lane.substr(kFileLane.size()) : lane),
                false};
}

void LiveStep::sleep(std::chrono::milliseconds duration) {
  const std::lock_guard lock(door_->mutex);
  if (control_->drain_requested()) stop_when_recorded();
  observe(now_ + std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  // Answers recorded after this place: the sleep is over, it was slept before they were asked for.
  if (parts_.replay || ledger_.replaying(number_, served_)) return;
  const SteadyTime until = parts_.clock.steady() + duration;
  asleep_until_ = until;
  while (parts_.clock.steady() < until) {
    check_interrupted();
    wait_for_something(std::min(until, deadline_));
  }
  asleep_until_.reset();
}

bool LiveStep::wait_until(std::string_view what, const std::function<bool()>& ready, SteadyTime until) {
  const std::lock_guard lock(door_->mutex);
  waits_outside_ = what;
  while (true) {
    check_interrupted();
    if (control_->drain_requested()) stop_when_recorded();
    const bool is_ready = ready();
    if (is_ready || parts_.clock.steady() >= until) {
      waits_outside_.clear();
      return is_ready;
    }
    wait_for_something(std::min(until, deadline_));
  }
}

std::function<void()> LiveStep::waker() {
  return [mailbox = mailbox_] { mailbox->wake(); };
}

void LiveStep::log(LogLevel level, std::string_view text) {
  const std::lock_guard lock(door_->mutex);
  write_log(level, text);
}

void LiveStep::write_log(LogLevel level, std::string_view text) {
  if (log_entries_ >= kMostLogEntries) return;
  std::string entry(text);
  if (++log_entries_ == kMostLogEntries) {
    level = LogLevel::warn;
    entry = "the log of this attempt ends here: " + format_count(kMostLogEntries) + " entries are kept";
  } else if (entry.size() > kMostLogBytes) {
    std::size_t end = kMostLogBytes;
    while ((static_cast<unsigned char>(entry[end]) & 0xC0U) == 0x80) --end;  // not within a character
    const std::size_t cut = entry.size() - end;
    entry.resize(end);
    entry += " .. (" + format_count(static_cast<std::int64_t>(cut)) + " more bytes are not kept)";
  }
  AppendLog line;
  line.run = control_->run();
  line.attempt = control_->attempt();
  line.at = parts_.clock.wall();
  line.level = level;
  line.text = dump_json(Json(std::move(entry)));
  logs_.push_back(std::move(line));
}

std::vector<AppendLog> LiveStep::take_logs() {
  const std::lock_guard lock(door_->mutex);
  return std::exchange(logs_, {});
}

void LiveStep::finish_step() {
  const std::lock_guard lock(door_->mutex);
  for (const auto& call : calls_) wait_for_call(*call);
}

void LiveStep::abandon_all() {
  const std::lock_guard lock(door_->mutex);
  give_up_all();
}

void LiveStep::stop_here() {
  give_up_all();
  throw RunStopped{};
}

bool LiveStep::any_on_its_way() const {
  return std::any_of(calls_.begin(), calls_.end(), [](const auto& call) { return call->on_its_way(); });
}

/// Nothing new is sent: what is on its way is waited for and recorded.
void LiveStep::stop_when_recorded() {
  while (any_on_its_way()) {
    check_interrupted();
    wait_for_something(deadline_);
  }
  stop_here();
}

void LiveStep::check_interrupted() {
  if (control_->stop_requested()) stop_here();
  if (parts_.clock.steady() >= deadline_) {
    give_up_all();
    throw RunTimeout{deadline_of_};
  }
}

void LiveStep::wait_for_something(SteadyTime until) {
  std::vector<Mailbox::Item> items = mailbox_->poll();
  for (std::uint32_t i = 0; i < calls_.size(); ++i) take_up(i);
  for (const auto& call : calls_) {
    if (call->live() && call->timer) until = std::min(until, *call->timer);
  }
  if (items.empty() && parts_.clock.steady() < until) {
    const Outside outside(*door_);
    parts_.blocking.blocking();
    items = mailbox_->take(until);
    parts_.blocking.unblocked();
  }
  for (Mailbox::Item& item : items) {
    if (item.epoch != epoch_ || item.call >= calls_.size()) continue;
    Call& call = *calls_[item.call];
    if (!item.message) {
      call.committing = false;
      call.done = !call.in_file;
    } else if (call.live()) {
      deliver(item.call, {EffectEvent::Kind::message, std::move(item.message)});
    }
  }
  const SteadyTime now = parts_.clock.steady();
  for (std::uint32_t i = 0; i < calls_.size(); ++i) {
    Call& call = *calls_[i];
    take_up(i);
    if (call.live() && call.timer && *call.timer <= now) {
      call.timer.reset();
      deliver(i, {EffectEvent::Kind::timer, nullptr});
    }
  }
}

void LiveStep::take_up(std::uint32_t index) {
  Call& call = *calls_[index];
  if (call.broken) std::rethrow_exception(std::exchange(call.broken, nullptr));
  if (!call.pending) return;
  EffectAction action = std::move(*call.pending);
  call.pending.reset();
  if (call.live()) apply(index, std::move(action));
}

bool LiveStep::bring(std::uint32_t index, std::uint32_t epoch, std::unique_ptr<EffectMessage>& message) {
  if (epoch != epoch_ || index >= calls_.size() || control_->stop_requested()) return false;
  Call& call = *calls_[index];
  if (!call.live() || call.pending || call.broken || parts_.store.congested()) return false;
  try {
    EffectAction action =
        call.effect->advance({EffectEvent::Kind::message, std::move(message)}, call.port, parts_.clock.steady());
    if (auto* done = std::get_if<EffectDone>(&action)) {
      record_end(index, std::move(*done));
      return true;
    }
    call.pending = std::move(action);
  } catch (...) {
    call.broken = std::current_exception();
  }
  mailbox_->wake();
  return true;
}

std::vector<LiveStep::Waiting> LiveStep::waiting(SteadyTime now) const {
  std::vector<Waiting> all;
  for (const auto& pointer : calls_) {
    const Call& call = *pointer;
    if (call.done) continue;
    Waiting one{call.record.id, call.record.key, call.record.model, call.record.last_try.number, {}};
    bool sent = true;
    if (call.transmission) {
      const std::lock_guard lock(call.transmission->mutex);
      sent = call.transmission->sent || !call.transmission->allowed;
    }
    if (call.committing) {
      one.on.what = "the disk: its end is being recorded";
    } else if (!sent) {
      one.on.what = "the disk: that it is about to be sent is being recorded";
    } else {
      one.on = call.effect->waiting(now);
    }
    all.push_back(std::move(one));
  }
  if (all.empty() && asleep_until_) all.push_back({std::nullopt, "", "", 0, {"a sleep of its runner", asleep_until_}});
  if (all.empty() && !waits_outside_.empty()) all.push_back({std::nullopt, "", "", 0, {waits_outside_, std::nullopt}});
  return all;
}

void LiveStep::deliver(std::uint32_t index, EffectEvent event) {
  Call& call = *calls_[index];
  apply(index, call.effect->advance(std::move(event), call.port, parts_.clock.steady()));
}

void LiveStep::apply(std::uint32_t index, EffectAction action) {
  if (auto* wait = std::get_if<EffectWait>(&action)) {
    calls_[index]->timer = wait->deadline;
    if (wait->failed && calls_[index]->stored) record_failed_try(*calls_[index], *wait->failed);
  } else if (auto* sent = std::get_if<EffectRecordSent>(&action)) {
    record_sent(index, std::move(*sent));
  } else if (const auto* filed = std::get_if<EffectInFile>(&action)) {
    record_in_file(index, *filed);
  } else {
    record_end(index, std::move(std::get<EffectDone>(action)));
  }
}

}  // namespace assay
