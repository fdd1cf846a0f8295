#pragma once
// Executes runs: jobs with a live width (a sliding window, never chunks), attempts with numbers, limits, pause,
// resume, cancel and stop that stop. specs: shell.md 2, 4, 6; reliability.md 2.
//
// Thread rule: all functions from any thread. The listener is called on the store's writer thread or a worker: short.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/job.hpp"
#include "core/engine/pool.hpp"
#include "core/model/kind.hpp"
#include "core/model/run_table.hpp"
#include "core/model/settings.hpp"
#include "core/store/store.hpp"

namespace assay {

struct EngineParts {
  Store& store;
  RunTable& table;
  const KindRegistry& kinds;
  Clock& clock;
  const Settings& settings;                              // engine_settings() declared
  std::size_t computing = 2;                             // workers that compute at the same time
  std::function<void(const JobFacts&)> on_job_end = {};  // has ended, or was paused by the program and come to rest
  /// Called first, before runners are made: the batches that a job's runs are of, whose `pinned` it may take anew.
  std::function<void(std::vector<BatchInfo>&)> before_start = {};
  /// May refuse a job before anything of it begins, by throwing Error: the batches that its runs are of.
  std::function<void(const std::vector<BatchInfo>&)> check_start = {};
  std::function<void()> on_go_on = {};  // a person wants work done: what was held back may be tried again
  /// Of a batch whose kind wants to know: called under the engine's lock, on any thread. Takes a note, no more.
  std::function<void(BatchId, Milestone)> on_milestone = {};
};

/// timeout.step, timeout.run, in_doubt.
std::vector<SettingSpec> engine_settings();

/// What a run waits for. `what` is the one thing; `calls` are those of its step that are not done.
struct WhyRun {
  enum class State { idle, in_job, in_flight } state = State::idle;  // idle: no job has it
  JobId job = 0;
  std::uint32_t attempt = 0, step = 0;  // in flight
  std::string what;                     // for people: "a slot of job #1: 8 of 8 in flight, 12 runs are before it"
  std::optional<std::chrono::milliseconds> left;
  struct Call {
    CallId id = 0;
    std::string key, model;
    std::uint32_t tries = 0;  // so far
    std::string what;
    std::optional<std::chrono::milliseconds> left;
  };
  std::vector<Call> calls;
};

class Engine {
 public:
  explicit Engine(EngineParts parts);
  ~Engine();  // shutdown

  /// Begins a job. execute: READY, INCOMPLETE and FAIL runs of `runs` (COMPLETE ones are skipped and counted); rerun:
  /// a new attempt of every one; evaluate: COMPLETE ones. Runs of another job are skipped and counted.
  /// Throws Error when a kind or model that the runs need is missing: before any run starts.
  JobId start(const JobRequest& request);

  std::vector<JobFacts> jobs() const;  // those not done, and the last 100 that are
  JobFacts facts(JobId job) const;     // throws Error "no job #J"
  void pause(JobId job, const std::string& because = {});
  void resume(JobId job);
  void set_width(JobId job, std::size_t width);
  /// What has not begun is dropped from the job, and so are runs that wait for others: INCOMPLETE, they go on another
  /// time. Runs in flight go on.
  void cancel(JobId job);
  /// Interrupts those of `runs` that are in flight or wait in a job: INCOMPLETE, partial work kept. Returns how many.
  std::size_t stop(const std::vector<RunId>& runs);
  /// Every job: no new runs begin.
  void cancel_all();
  /// Every run in flight: nothing new is sent, what is on its way is recorded, then it is interrupted.
  void drain_all();
  void stop_all();

  /// Waits for the end of a job (0: of all), or until it rests because the program paused it; false when `until` came
  /// first, or `interrupted` returned true (polled).
  bool wait(JobId job, SteadyTime until = SteadyTime::max(), const std::function<bool()>& interrupted = {});
  bool busy() const;

  struct Totals {
    std::uint64_t in_flight_runs = 0, in_flight_calls = 0, answered = 0, failed = 0, replayed = 0;
    std::uint64_t tokens_in = 0, tokens_out = 0, waiting_peers = 0;
    std::size_t threads = 0, lost_threads = 0;
  };
  Totals totals() const;
  /// What a run in flight or in a job waits for.
  WhyRun why(RunId run) const;

  /// Stops all runs and the workers. After it nothing starts.
  void shutdown();
  /// Workers that never came back from a runner's code: the process can't be left by returning from main.
  bool has_lost_workers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
