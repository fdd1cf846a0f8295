#pragma once
// The handle on one executing attempt that others hold: the watchdog, `stop`, shutdown. It decides, once, who ends the
// attempt: the worker that executes it, or somebody who gave up on that worker. A worker that lost finds out and
// changes nothing: a late result of an old attempt can't overwrite anything.
// Any thread.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/engine/clock.hpp"
#include "core/engine/mailbox.hpp"
#include "core/model/ids.hpp"

namespace assay {

struct Door;

class AttemptControl {
 public:
  AttemptControl(RunId run, std::uint32_t attempt, std::shared_ptr<Mailbox> mailbox)
      : run_(run), attempt_(attempt), mailbox_(std::move(mailbox)) {}

  RunId run() const { return run_; }
  std::uint32_t attempt() const { return attempt_; }

  /// Claims the right to end the attempt. True for the first caller only.
  bool claim_end() { return !ended_.exchange(true); }
  /// Somebody has ended it; for a worker that has not: it is fenced.
  bool ended() const { return ended_.load(); }

  /// Asks the worker to interrupt the run (INCOMPLETE, goes on later).
  void request_stop() {
    stop_.store(true);
    mailbox_->wake();
  }
  bool stop_requested() const { return stop_.load() || ended(); }
  /// Asks it to send nothing new: what is on its way is waited for and recorded, then the run is interrupted.
  void request_drain() {
    drain_.store(true);
    mailbox_->wake();
  }
  bool drain_requested() const { return drain_.load(); }
  /// Its job begins nothing more: what other runs of the job would have shown it does not come.
  void set_job_cancelled() { job_cancelled_.store(true); }
  bool job_cancelled() const { return job_cancelled_.load(); }
  void wake() { mailbox_->wake(); }

  /// When the current step, or the run, has to be over, and which of the two it is. Set by the worker before each step.
  void set_deadline(SteadyTime deadline, const char* what, std::uint32_t step) {
    what_.store(what);
    step_.store(step);
    deadline_.store(deadline.time_since_epoch().count());
  }
  SteadyTime deadline() const { return SteadyTime(SteadyTime::duration(deadline_.load())); }
  const char* deadline_of() const { return what_.load(); }
  std::uint32_t step() const { return step_.load(); }

  /// The way to look at the step that the worker is in (core/engine/live_step.hpp); nullptr before its first.
  void set_door(std::shared_ptr<Door> door) {
    const std::lock_guard lock(door_mutex_);
    door_ = std::move(door);
  }
  std::shared_ptr<Door> door() const {
    const std::lock_guard lock(door_mutex_);
    return door_;
  }

 private:
  const RunId run_;
  const std::uint32_t attempt_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> ended_{false}, stop_{false}, drain_{false}, job_cancelled_{false};
  std::atomic<SteadyTime::rep> deadline_{SteadyTime::max().time_since_epoch().count()};
  std::atomic<const char*> what_{"step"};
  std::atomic<std::uint32_t> step_{0};
  mutable std::mutex door_mutex_;
  std::shared_ptr<Door> door_;  // guarded by door_mutex_
};

}  // namespace assay
