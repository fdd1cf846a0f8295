#pragma once
// All that a runner may use of the outside world. That is what makes a run replayable, resumable in mid-step and
// testable under a virtual clock: the step's code runs again from its top, recorded results are served, the first
// unrecorded call goes out. Used only on the worker thread that executes the run.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/model/effect.hpp"
#include "core/model/run.hpp"

namespace assay {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
std::string_view to_text(LogLevel level);

/// "setup", "step 3", "evaluate".
std::string place_of_step(std::uint32_t step);

/// Names an effect begun in this step.
using CallHandle = std::uint32_t;

/// How an effect came out. Failing is a value: what to do about it is the runner's decision.
struct CallOutcome {
  CallRecord record;         // state is answered or failed
  std::string reply;         // the recorded bytes
  bool replayed = false;     // served from the ledger, nothing was sent
  Effect* effect = nullptr;  // as given to begin; lives until the step ends
  bool ok() const { return record.state == CallState::answered; }
};

/// What the runs of a batch have published under one name. Live: what is published later is seen by the next question.
/// Runs stand in the order of the batch, dropped ones left out. Any thread.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual std::size_t size() const = 0;
  /// The place of the asking run.
  virtual std::size_t self() const = 0;
  virtual const std::string& id(std::size_t peer) const = 0;
  /// Of its newest attempt that published; null: nothing so far.
  virtual std::shared_ptr<const Json> value(std::size_t peer) const = 0;
  /// Nothing is there, and it may still come: the run is executing, or waits for its turn in a job.
  virtual bool may_come(std::size_t peer) const = 0;
  /// Grows with each publication: for what is computed over all of them and kept.
  virtual std::uint64_t version() const = 0;
};

class Step {
 public:
  virtual ~Step() = default;

  /// Starts an effect at `key` (its place: "", "agent/2"), unique within the step. Doesn't block.
  virtual CallHandle begin(std::string_view key, std::unique_ptr<Effect> effect) = 0;
  /// Waits until it is recorded. Throws RunStopped when the run is stopped, RunTimeout at the step's or run's limit.
  virtual CallOutcome get(CallHandle handle) = 0;
  CallOutcome call(std::string_view key, std::unique_ptr<Effect> effect) { return get(begin(key, std::move(effect))); }

  virtual void log(LogLevel level, std::string_view text) = 0;
  void log(std::string_view text) { log(LogLevel::info, text); }
  /// 64 random bits of the run's own stream: seeded by run and attempt, the same again when the step is replayed.
  virtual std::uint64_t random() = 0;
  /// UTC microseconds; recorded, never decreasing within a run.
  virtual WallTime now() = 0;
  /// Returns early by RunStopped or RunTimeout only.
  virtual void sleep(std::chrono::milliseconds duration) = 0;
  virtual bool stop_requested() const = 0;

  /// Shows `value` to the other runs of the batch under `name`, with the checkpoint of this step; the last value of a
  /// name counts. As it stands here, and in setup and evaluate: refused with std::logic_error.
  virtual void publish(std::string_view name, Json value);
  /// What the runs of the batch have published under `name`. As publish where there are no others.
  virtual std::shared_ptr<const Peers> others(std::string_view name);
  /// Before `return Next::wait`: it is to be called again when this peer has published under `name` or can't any more.
  /// Named several times: all of them. Nothing named: at the next publication or end of another run.
  virtual void needs(std::string_view name, std::size_t peer);

  /// 1, 2, ..; 0 in setup, kEvaluateStep in evaluate.
  virtual std::uint32_t number() const = 0;
  virtual std::uint32_t attempt() const = 0;
};

/// Thrown through a runner's code by Step; runners let them pass.
struct RunStopped {};
/// What the run needs can't be had now, for a reason that is no fault of its own (an account without credit, a refused
/// key, a call in doubt): it stays INCOMPLETE and goes on later. `pauses_job`: the others of its job would meet the
/// same.
struct RunHeld {
  std::string message;
  bool pauses_job = false;
  std::optional<SteadyTime> until = std::nullopt;  // then the job goes on by itself; nullopt: when a person says so
};
struct RunTimeout {
  std::string what;  // "step" or "run"
};

/// A runner's own way to FAIL with a kind of its choice (any other exception FAILs with kind "exception").
class RunFailure : public std::runtime_error {
 public:
  RunFailure(std::string kind, const std::string& message) : std::runtime_error(message), kind_(std::move(kind)) {}
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

}  // namespace assay
