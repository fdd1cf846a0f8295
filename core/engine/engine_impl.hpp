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
#include "core/engine/peer_board.hpp"
#include "core/engine/pool.hpp"

namespace assay {

struct Engine::Impl final : TaskSource {
  /// A run whose turn it is: from the queue of its job, or called again after it waited for others.
  struct Turn {
    RunId run = kNoRun;
    std::size_t index = 0;                          // in Job::queue
    std::shared_ptr<AttemptPlan> waited = nullptr;  // the attempt that goes on; null: it begins
  };
  struct Job {
    JobFacts facts;
    std::vector<RunId> queue;
    std::size_t next = 0;
    std::unordered_set<RunId> dropped;                     // waiting runs that were stopped
    std::deque<Turn> woken;                                // waited for others, and are to be called: before the queue
    std::map<BatchId, std::shared_ptr<PeerBoard>> boards;  // of its batches, where runs have looked at others
    std::vector<RunId> held;  // ended INCOMPLETE for what paused the job: they go on with it
    std::map<BatchId, std::shared_ptr<Runner>> runners;
    std::unique_ptr<DataPages> data;  // of the runs about to begin
    SteadyTime began;
    std::uint64_t unsettled = 0;         // ended, not yet committed
    std::optional<SteadyTime> go_on_at;  // paused until then
    bool release_held = false;
    std::shared_ptr<CallFiles> files;  // instead of sending
    std::function<bool()> enough;      // JobRequest
    bool stop = false, drain = false;  // also for runs that a worker has taken and not yet begun
    /// Paused by the program, and nothing moves any more: a person has to do something.
    bool stalled() const {
      return facts.state == JobFacts::State::paused && !facts.paused_because.empty() && !go_on_at &&
             facts.in_flight == 0 && unsettled == 0;
    }
    bool has_work() const {
      return facts.state == JobFacts::State::running && facts.in_flight < facts.width &&
             (next < queue.size() || !woken.empty());
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

  /// A run that waits for others.
  struct Waiting {
    std::shared_ptr<Job> job;
    Turn turn;
  };
  /// What is left of an attempt when its records are on the disk.
  struct Settled {
    EndAttempt end;  // without its texts
    UsageSum earlier;
    std::vector<LiveStep::Published> published;
    std::optional<PeerNeeds> waits;
    Turn turn;  // of a run that waits
  };

  explicit Impl(EngineParts given);

  // --- TaskSource: called under the pool's lock ----------------------------------------------------------------
  bool has_task() override;

  std::function<void()> take_task() override;

  /// What the settings say at this moment.
  AttemptLimits limits();

  static JobType type_of(const Job& job) { return job.facts.type; }

  // --- on a worker ----------------------------------------------------------------------------------------------
  void execute(const std::shared_ptr<Job>& job, const Turn& task);
  /// What an attempt that begins, or goes on after an interruption, starts from.
  void plan_attempt(const Job& job, const RunRow& before, AttemptPlan& plan);

  /// Hands the end of an attempt to the store and frees the slot. The run shows it after the commit.
  void conclude(const std::shared_ptr<Job>& job, JobType type, AttemptOutcome outcome, Turn again);

  /// After the commit, on the writer thread: the table shows the result, the job counts it.
  void settle(const std::shared_ptr<Job>& job, JobType type, Settled settled);

  // --- runs that wait for others: engine_peers.cpp -----------------------------------------------------------------
  /// The board of a batch that the job has runs of, with what is on the disk.
  std::shared_ptr<PeerBoard> board_for(const std::shared_ptr<Job>& job, BatchId batch);
  /// Under the lock. nullptr: no board that has it is in use.
  std::shared_ptr<PeerBoard> board_with(RunId run) const;
  /// After the commit of what a step has published, on the writer thread.
  void published(RunId run, std::uint32_t attempt, const std::vector<LiveStep::Published>& published);
  /// Under the lock. The run waits, or is called again, or has been stopped meanwhile (false).
  bool park(const std::shared_ptr<Job>& job, Settled& settled);
  /// Under the lock: no job has the run any more; a run shows this; those are to be called.
  void unclaim(RunId run, bool ended);
  void show(RunId run, std::uint32_t attempt, const std::vector<LiveStep::Published>& published);
  void wake(const std::vector<PeerBoard::Woken>& woken);
  /// Under the lock: something has happened on a board.
  void follow(PeerBoard& board, const std::vector<PeerBoard::Woken>& woken);
  /// Under the lock. The job in which the run waits for others, or waited and is to be called; nullptr: in none.
  std::shared_ptr<Job> waits_in(RunId run) const;
  /// Under the lock. It waits no longer: taken from `waiting` and its board, or from Job::woken.
  void forget_wait(RunId run);
  /// Under the lock. One that has been forgotten so is interrupted.
  void interrupt(Job& job, RunId run);
  /// Under the lock. The job's runs of that batch are put on its board: the one in use, or (`make`) a new one.
  void join_board(Job& job, BatchId batch, bool make);
  /// Rows of `interrupted` runs show that they no longer wait. Not under the lock.
  void show_interrupted();
  /// Workers for those that are to be called. Not under the lock.
  void kick_woken();

  /// Under the lock: an attempt has ended, or was interrupted.
  void count_end(Job& job, JobType type, const Settled& settled);

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
  std::size_t next_job = 0;  // whose turn it is, of open_jobs
  JobId last_job = 0;
  std::unordered_map<RunId, JobType> claimed;  // runs that wait or execute in some job
  std::unordered_map<RunId, Active> actives;
  std::unordered_map<RunId, Waiting> waiting;          // for other runs of their batch
  std::map<BatchId, std::weak_ptr<PeerBoard>> boards;  // held by the jobs that use them
  bool woke = false;                                   // there are some for kick_woken
  std::vector<RunId> interrupted;                      // waited and were stopped: for show_interrupted
  std::unordered_set<RunId> stop_before_start;
  std::uint64_t settling = 0;  // ends of attempts that are on their way to the disk, or being counted
  bool closed = false;
  Pool pool;
  std::jthread watchdog;
};

}  // namespace assay
