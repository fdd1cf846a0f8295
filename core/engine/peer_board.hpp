#pragma once
// What the runs of one batch show each other, and which of them wait for it (Step::publish, others, needs, Next::wait).
// Specs: peer_prediction.md 3.
//
// A waiting run watches one thing at a time, the last that it lacks of what its step has named: when that has come, or
// can't come any more, the next is looked for, and the step is called only when nothing is left. So a batch in which
// everybody waits for everybody costs one call a run, not one a publication.
//
// Nobody can wait for ever. A run that no job has can't publish: whoever waits for it alone goes on. When all runs that
// jobs have are waiting, nothing can come any more: all of them are called a last time, and are told so.
//
// Thread rule: what changes the board is called under the engine's lock, by one thread at a time; load() and all that
// only looks, any thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/kind.hpp"
#include "core/model/run_table.hpp"
#include "core/model/step.hpp"
#include "core/store/store.hpp"

namespace assay {

/// What a step that returned Next::wait has named. Peers by their place on the board.
struct PeerNeeds {
  struct Range {
    std::uint32_t name = 0;             // PeerBoard::name_of
    std::uint32_t first = 0, last = 0;  // both included
  };
  std::vector<Range> ranges;  // empty: whatever happens next
  std::uint64_t seen = 0;     // PeerBoard::events when it began to look
  void add(std::uint32_t name, std::size_t peer);
};

class PeerBoard : public std::enable_shared_from_this<PeerBoard> {
 public:
  /// One whose step is to be called (again).
  struct Woken {
    RunId run = kNoRun;
    bool last_call = false;
  };

  /// The runs of a batch that are not dropped; no job has any of them yet.
  PeerBoard(const RunTable& table, BatchId batch);

  /// Reads what has been published before; the first time only. Throws Error kind "store".
  void load(Store& store);
  BatchId batch() const { return batch_; }
  bool has(RunId run) const { return run >= first_ && run - first_ < places_.size() && places_[run - first_] != kNone; }

  // --- what happens to runs, under the engine's lock. What is returned is to be called. ------------------------------
  /// A job has it: it executes, or waits for its turn. `fresh`: in an attempt that has not begun.
  void claim(RunId run, bool fresh);
  void begin(RunId run, std::uint32_t attempt);
  std::vector<Woken> publish(RunId run, std::uint32_t attempt, const std::string& name,
                             std::shared_ptr<const Json> value);
  /// No job has it any more. `ended`: COMPLETE or FAIL.
  std::vector<Woken> release(RunId run, bool ended);
  /// Its step waits. It may be among those to be called at once.
  std::vector<Woken> park(RunId run, PeerNeeds needs);
  /// It waits no longer, and may be released. False: it did not.
  bool unpark(RunId run);
  /// What has become true of the whole batch since the last time.
  std::vector<Milestone> take_reached();

  // --- looking ------------------------------------------------------------------------------------------------------
  /// As `run` sees them. `own`: what it has just published, which need not be on the disk yet; null: as on the board.
  /// `last_call`: nothing may come any more. `missed` is set when it looks for something that a run would have
  /// published, had its job not been stopped or cancelled.
  std::shared_ptr<const Peers> others(std::string_view name, RunId run, std::shared_ptr<const Json> own, bool last_call,
                                      std::shared_ptr<std::atomic<bool>> missed);
  std::uint32_t name_of(std::string_view name);
  /// Grows with each publication, and with each run that can't publish any more.
  std::uint64_t events() const;
  /// What a waiting run lacks, for people: "b:7 and 12 other runs of its batch have yet to publish \"x\"".
  std::string lacks(RunId run) const;

 private:
  class View;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Watch {
    std::uint32_t waiter = 0, ticket = 0;
  };
  struct Member {
    RunId run = kNoRun;
    std::string id;
    std::vector<std::shared_ptr<const Json>> values;  // by name
    std::vector<std::uint32_t> value_attempts;        // of values
    bool claimed = false, parked = false, ended = false;
    bool cut = false;  // its job gave it up before its end
    bool due = false;  // claimed for an attempt that has not begun
    std::uint32_t attempt = 0;
    std::optional<std::uint32_t> published;  // the newest attempt that did
    std::vector<Watch> watchers;
    // While it waits.
    PeerNeeds needs;
    std::uint32_t ticket = 0;  // tells this wait from earlier ones
    bool silent() const { return due || (published != attempt && !ended); }
    bool open() const { return claimed || !ended; }
  };
  // All below: with mutex_ held.
  template <typename Change>
  void change(Member& member, Change&& apply);
  std::uint32_t index_of(std::string_view name);
  const std::shared_ptr<const Json>& value_of(const Member& member, std::uint32_t name) const;
  void put(Member& member, std::uint32_t attempt, std::uint32_t name, std::shared_ptr<const Json> value);
  /// Watches the last thing that it lacks; false: it lacks nothing.
  bool watch(std::uint32_t waiter);
  void wake(std::uint32_t waiter, bool last_call, std::vector<Woken>& woken);
  void happened(Member& member, std::vector<Woken>& woken);
  void look_for_quiet(std::vector<Woken>& woken);

  RunId first_ = 0;
  std::vector<std::uint32_t> places_;  // by run - first_; constant
  BatchId batch_ = 0;
  std::string batch_name_;
  std::once_flag loaded_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Member> members_;  // run and id are constant
  std::vector<std::string> names_;
  std::uint64_t version_ = 0, events_ = 0;
  std::size_t claimed_ = 0, parked_ = 0, silent_ = 0, open_ = 0;
  std::vector<Watch> for_anything_;
  std::vector<Milestone> reached_;
};

}  // namespace assay
