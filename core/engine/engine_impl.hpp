#pragma once
// What stands behind Engine: the jobs, the attempts in flight, the workers that execute them, the watchdog. Internal to
// core/engine; engine.cpp is the public face over it, engine_impl.cpp the work.
//
// Thread rule: `mutex` guards the jobs and everything below it; a function says so when it is called under it. Workers
// call execute and conclude, the store's writer settle, the watchdog watch and give_up.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/engine/attempt.hpp"
#include "core/engine/data_pages.hpp"
#include "core/engine/engine.hpp"
#include "core/engine/pool.hpp"

namespace assay {

struct Engine::Impl final : TaskSource {
  struct Job {
    JobFacts facts;
    std::vector<RunId> queue;
    std::size_t next = 0;
    std::unordered_set<RunId> dropped;  // waiting runs that were stopped
    std::vector<RunId> held;            // ended INCOMPLETE for what paused the job: they go on with it
    std::map<BatchId, std::shared_ptr<Runner>> runners;
    std::unique_ptr<DataPages> data;  // of the runs about to begin
    SteadyTime began;
    std::uint64_t unsettled = 0;         // ended, not yet committed
    std::optional<SteadyTime> go_on_at;  // paused until then
    bool release_held = false;
    std::shared_ptr<CallFiles> files;  // instead of sending
    bool stop = false, drain = false;  // also for runs that a worker has taken and not yet begun
    /// Paused by the program, and nothing moves any more: a person has to do something.
    bool stalled() const {
      return facts.state == JobFacts::State::paused && !facts.paused_because.empty() && !go_on_at &&
             facts.in_flight == 0 && unsettled == 0;
    }
    bool has_work() const {
      return facts.state == JobFacts::State::running && facts.in_flight < facts.width && next < queue.size();
    }
  };
  struct Active {
    std::shared_ptr<AttemptControl> control;
    std::shared_ptr<WorkerSlot> slot;
    JobId job = 0;
    JobType type = JobType::execute;
    UsageSum earlier;  // of the attempts before this one
    SteadyTime began, stop_asked = SteadyTime::max();
  };

  explicit Impl(EngineParts given);

  // --- TaskSource: called under the pool's lock ----------------------------------------------------------------
  bool has_task() override;

  std::function<void()> take_task() override;

  /// What the settings say at this moment.
  AttemptLimits limits();

  static JobType type_of(const Job& job) { return job.facts.type; }

  // --- on a worker ----------------------------------------------------------------------------------------------
  void execute(const std::shared_ptr<Job>& job, std::size_t index, RunId run);

  /// Hands the end of an attempt to the store and frees the slot. The run shows it after the commit.
  void conclude(const std::shared_ptr<Job>& job, JobType type, AttemptOutcome outcome);

  /// After the commit, on the writer thread: the table shows the result, the job counts it.
  void settle(const std::shared_ptr<Job>& job, JobType type, const EndAttempt& end, const UsageSum& earlier);

  /// Under the lock. The facts when the job has just ended.
  std::optional<JobFacts> close_if_done(const std::shared_ptr<Job>& job);

  void announce(const JobFacts& facts);

  // --- the watchdog ---------------------------------------------------------------------------------------------
  void watch(const std::stop_token& stop);

  /// Ends an attempt whose worker doesn't come back from the runner's code.
  void give_up(const Active& active, bool timeout);
  /// A paused job runs again, with the runs that were held. Lock held; the pool has to be kicked.
  void go_on(Job& job);

  // --- helpers under no lock --------------------------------------------------------------------------------------
  std::shared_ptr<Job> find_job(JobId id) const;
  std::shared_ptr<Job> find_job_locked(JobId id) const;

  JobFacts facts_of(const Job& job) const;

  /// Of a run that is not in flight. Under the lock.
  WhyRun why_in_job(RunId run) const;

  /// Removes what has not begun from a job. Under the lock.
  void drop_waiting(Job& job);

  EngineParts parts;
  std::string experiment_id = parts.store.experiment_id();
  CallCounters counters;
  std::mutex limits_mutex;
  std::uint64_t limits_version = 0;  // guarded by limits_mutex
  AttemptLimits limits_now;          // guarded by limits_mutex
  mutable std::mutex mutex;
  std::condition_variable ended;
  std::vector<std::shared_ptr<Job>> open_jobs;
  std::deque<std::shared_ptr<Job>> closed_jobs;
  std::size_t turn = 0;
  JobId last_job = 0;
  std::unordered_set<RunId> claimed;  // runs that wait or execute in some job
  std::unordered_map<RunId, Active> actives;
  std::unordered_set<RunId> stop_before_start;
  std::uint64_t settling = 0;  // ends of attempts that are on their way to the disk, or being counted
  bool closed = false;
  Pool pool;
  std::jthread watchdog;
};

}  // namespace assay
