#pragma once
// Step as the engine gives it to a runner: serves recorded effects from the ledger, drives the others, commits before
// it lets a result go. One object per attempt; start_step begins the next step on it.
//
// Used on the worker thread of the run. One thing is done by others: the thread that brings a quick message (a whole
// reply) advances its call through the Door, so that the worker wakes once, when the result is on the disk.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/attempt_control.hpp"
#include "core/engine/peer_board.hpp"
#include "core/ledger/attempt_ledger.hpp"
#include "core/model/outside_step.hpp"
#include "core/store/store.hpp"

namespace assay {

/// Told when a worker is about to wait and when it goes on, so that the pool lets another worker compute meanwhile.
class BlockingScope {
 public:
  virtual ~BlockingScope() = default;
  virtual void blocking() = 0;
  virtual void unblocked() = 0;
};

/// What the engine counts of calls in flight; shared by all attempts.
struct CallCounters {
  std::atomic<std::uint64_t> in_flight{0}, answered{0}, failed{0}, replayed{0}, tokens_in{0}, tokens_out{0};
};

class LiveStep;

/// The way in for threads that bring messages, or that want to know what a run waits for. The worker holds the lock
/// whenever it is inside LiveStep and does not sleep; whoever brings a message and finds it taken leaves it in the
/// mailbox instead.
struct Door {
  std::mutex mutex;
  LiveStep* step = nullptr;  // guarded by mutex; nullptr: gone
};

class LiveStep final : public OutsideStep {
 public:
  struct Parts {
    Store& store;
    Clock& clock;
    BlockingScope& blocking;
    CallCounters& counters;
    bool hold_in_doubt = false;
    std::uint32_t job = 0;                       // its number: whose turn it is at what is scarce
    std::shared_ptr<CallFiles> files = nullptr;  // where calls go instead of being sent
    bool replay = false;           // only what is recorded is served, failures too; nothing is sent, nothing written
    std::string_view run_id = {};  // for EffectOrigin; outlives the step
    /// The board of its batch, with what is on the disk; may throw. Empty: there are no other runs.
    std::function<std::shared_ptr<PeerBoard>()> board = {};
  };
  /// What a step has published: with the step's checkpoint it goes to the disk, and then to the others.
  struct Published {
    std::string name, text;  // text: JSON
    std::shared_ptr<const Json> value;
  };
  LiveStep(const Parts& parts, AttemptLedger& ledger, std::shared_ptr<AttemptControl> control,
           std::shared_ptr<Mailbox> mailbox, std::uint64_t seed, WallTime begun_at);
  ~LiveStep() override;

  /// Begins step `number`; the effects of the one before must be finished.
  void start_step(std::uint32_t number, SteadyTime deadline, const char* deadline_of);
  /// Waits for the effects that were begun but never asked for: their results are paid for and must be recorded.
  void finish_step();
  /// Gives up everything in flight: limiter places, transfers. What was sent is recorded as failed and ambiguous.
  void abandon_all();
  /// An attempt that logs in a loop must not fill the disk: of an entry the first 64 KiB are kept, of an attempt in one
  /// session the first 10,000 entries, the last of which says so.
  static constexpr std::int64_t kMostLogEntries = 10'000;
  static constexpr std::size_t kMostLogBytes = 64U << 10;
  /// Log lines since the last call; they go into the commit of the next checkpoint.
  std::vector<AppendLog> take_logs();
  /// What is waited for now: the calls of this step that are not done, in order; or one entry without a call: a sleep.
  /// Under the door's lock, on any thread.
  struct Waiting {
    std::optional<CallId> call;
    std::string key, model;
    std::uint32_t tries = 0;
    EffectWaiting on;
  };
  std::vector<Waiting> waiting(SteadyTime now) const;
  /// Of a replay: the calls that are not recorded, or recorded for other requests; a line each.
  const std::vector<std::string>& missing() const { return missing_; }
  std::uint32_t calls_served() const { return calls_served_; }
  /// Of the step under way: it is called with nothing to wait for any more.
  void set_last_call(bool last) { last_call_ = last; }
  /// Whether it has looked at other runs.
  bool has_looked() const { return looked_; }
  /// Whether it has looked for what does not come because a job was stopped or cancelled.
  bool has_missed() const { return missed_->load(); }
  /// What it has published. The run goes on seeing it as its own.
  std::vector<Published> take_published();
  /// What it lacks, having returned Next::wait. May throw as Parts::board.
  PeerNeeds take_needs();
  /// A quick message for a call, under the door's lock, on the thread that posts it. False: not taken.
  bool bring(std::uint32_t call, std::uint32_t epoch, std::unique_ptr<EffectMessage>& message);

  CallHandle begin(std::string_view key, std::unique_ptr<Effect> effect) override;
  CallOutcome get(CallHandle handle) override;
  void log(LogLevel level, std::string_view text) override;
  std::uint64_t random() override { return random_.next(); }
  WallTime now() override { return now_; }
  void sleep(std::chrono::milliseconds duration) override;
  bool stop_requested() const override { return control_->stop_requested(); }
  bool wait_until(std::string_view what, const std::function<bool()>& ready, SteadyTime until) override;
  std::function<void()> waker() override;
  void publish(std::string_view name, Json value) override;
  std::shared_ptr<const Peers> others(std::string_view name) override;
  void needs(std::string_view name, std::size_t peer) override;
  std::uint32_t number() const override { return number_; }
  std::uint32_t attempt() const override { return control_->attempt(); }

 private:
  struct Call;
  // All below: under the door's lock.
  void give_up(Call& call);
  void give_up_all();
  bool any_on_its_way() const;
  [[noreturn]] void stop_when_recorded();
  void serve_earlier(std::uint32_t index, const CallRecord& earlier);
  void serve_recorded(Call& call, std::string_view key, const AttemptLedger::Lookup& found);
  void wait_for_call(Call& call);
  [[noreturn]] void wait_for_file(const Call& call);
  void write_log(LogLevel level, std::string_view text);
  void take_up(std::uint32_t index);
  void check_interrupted();
  [[noreturn]] void stop_here();
  void wait_for_something(SteadyTime until);
  void deliver(std::uint32_t index, EffectEvent event);
  void apply(std::uint32_t index, EffectAction action);
  void record_sent(std::uint32_t index, EffectRecordSent sent);
  void record_failed_try(Call& call, const TryRecord& failed);
  void record_end(std::uint32_t index, EffectDone done);
  void record_in_file(std::uint32_t index, const EffectInFile& filed);
  void observe(WallTime at) {
    if (at > now_) now_ = at;
  }

  Parts parts_;
  AttemptLedger& ledger_;
  std::shared_ptr<AttemptControl> control_;
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t seed_;
  RandomStream random_;
  WallTime now_;
  std::uint32_t number_ = 0, epoch_ = 0, served_ = 0, earlier_ = 0;  // earlier_: calls of the steps before
  SteadyTime deadline_ = SteadyTime::max();
  const char* deadline_of_ = "step";
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<AppendLog> logs_;
  std::int64_t log_entries_ = 0;  // written by this attempt so far
  std::optional<SteadyTime> asleep_until_;
  std::string waits_outside_;  // what wait_until waits for; "": it does not
  std::vector<std::string> missing_;
  std::uint32_t calls_served_ = 0;
  std::shared_ptr<Door> door_;

  // live_step_peers.cpp; only on the worker.
  bool has_peers() const { return parts_.board && number_ != 0 && number_ != kEvaluateStep; }
  PeerBoard& board();
  std::shared_ptr<PeerBoard> board_;
  std::vector<Published> published_;
  std::map<std::string, std::shared_ptr<const Json>, std::less<>> own_;  // all that it has published
  PeerNeeds needs_;
  std::string needed_name_;  // the last that was named, and its number
  std::uint32_t needed_ = 0;
  bool looked_ = false, last_call_ = false;
  std::shared_ptr<std::atomic<bool>> missed_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace assay
