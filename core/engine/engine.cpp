#include "core/engine/engine.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "core/engine/attempt.hpp"
#include "core/engine/data_pages.hpp"
#include "core/engine/stoppable_sleep.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr auto kWatchTick = std::chrono::milliseconds(50), kLongestWatchTick = std::chrono::milliseconds(400);
/// How long after its limit, or after a request to stop, a worker may stay in a runner's own code before the attempt
/// is ended without it.
constexpr auto kTimeoutGrace = std::chrono::milliseconds(150);
constexpr auto kStopGrace = std::chrono::milliseconds(700);
constexpr std::size_t kKeptJobs = 100;

std::chrono::milliseconds limit_of(const std::string& text) {
  if (text == "0" || text == "off") return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(text));
}
void check_limit(const std::string& text) { limit_of(text); }

}  // namespace

std::vector<SettingSpec> engine_settings() {
  return {
      {"timeout.step", "6h", "longest time of one step, setup or evaluate; 0: no limit", check_limit},
      {"timeout.run", "0", "longest time of one attempt of a run; 0: no limit", check_limit},
      {"in_doubt", "retry", "calls in flight when the program died: retry (sent again, marked) or hold (runs wait)",
       [](const std::string& text) {
         if (text != "retry" && text != "hold") throw Error("usage", "in_doubt is retry or hold, not \"" + text + "\"");
       }},
  };
}

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
    std::uint64_t unsettled = 0;  // ended, not yet committed
    bool release_held = false;
    bool stop = false, drain = false;  // also for runs that a worker has taken and not yet begun
    /// Paused by the program, and nothing moves any more: a person has to do something.
    bool stalled() const {
      return facts.state == JobFacts::State::paused && !facts.paused_because.empty() && facts.in_flight == 0 &&
             unsettled == 0;
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

  explicit Impl(EngineParts given) : parts(std::move(given)), pool(*this, parts.computing) {
    watchdog = std::jthread([this](std::stop_token stop) { watch(stop); });
  }

  // --- TaskSource: called under the pool's lock ----------------------------------------------------------------
  bool has_task() override {
    const std::lock_guard lock(mutex);
    return std::any_of(open_jobs.begin(), open_jobs.end(), [](const auto& job) { return job->has_work(); });
  }

  std::function<void()> take_task() override {
    const std::lock_guard lock(mutex);
    for (std::size_t tried = 0; tried < open_jobs.size(); ++tried) {
      const std::shared_ptr<Job>& job = open_jobs[turn++ % open_jobs.size()];
      while (job->has_work()) {
        const std::size_t index = job->next++;
        const RunId run = job->queue[index];
        --job->facts.waiting;
        if (!job->dropped.empty() && job->dropped.contains(run)) continue;
        ++job->facts.in_flight;
        return [this, job, index, run] { execute(job, index, run); };
      }
    }
    return {};
  }

  /// What the settings say at this moment.
  AttemptLimits limits() {
    const std::lock_guard lock(limits_mutex);
    const std::uint64_t version = parts.settings.version();
    if (version != limits_version) {
      limits_now.step = limit_of(parts.settings.get("timeout.step"));
      limits_now.run = limit_of(parts.settings.get("timeout.run"));
      limits_now.hold_in_doubt = parts.settings.get("in_doubt") == "hold";
      limits_version = version;
    }
    return limits_now;
  }

  static JobType type_of(const Job& job) { return job.facts.type; }

  // --- on a worker ----------------------------------------------------------------------------------------------
  void execute(const std::shared_ptr<Job>& job, std::size_t index, RunId run) {
    AttemptPlan plan;
    RunRow before;
    {
      const RunTable::Reader table = parts.table.read();
      before = table.row(run);
      plan.batch = table.batch(before.batch).name;
      plan.id = std::string(table.id(run));
    }
    plan.run = run;
    plan.runner = job->runners.at(before.batch);
    if (type_of(*job) != JobType::evaluate) plan.data = job->data->take(index);
    plan.experiment_id = experiment_id;
    plan.limits = limits();
    if (job->release_held) plan.limits.hold_in_doubt = false;
    const JobType type = job->facts.type;
    if (type == JobType::evaluate) {
      plan.number = before.attempts;
      plan.resumed = before.calls > 0;
    } else {
      plan.number = before.attempts + 1U;
      if (before.attempts > 0) {
        for (const StoredAttempt& earlier : parts.store.attempts(run)) {
          const bool open = earlier.ended_at == 0 && !earlier.imported;
          plan.earlier += open ? UsageSum{} : earlier.usage;
        }
      }
      if (type == JobType::execute && before.status == Status::incomplete && before.attempts > 0) {
        const std::vector<StoredAttempt> earlier = parts.store.attempts(run);
        if (!earlier.empty() && earlier.back().ended_at == 0 && !earlier.back().imported) {
          plan.number = earlier.back().number;
          plan.resumed = true;
        }
      }
      if (!plan.resumed) parts.store.submit({BeginAttempt{run, plan.number, parts.clock.wall()}}, {});
      parts.table.update(run, [&](RunRow& row) {
        row.status = Status::incomplete;
        row.verdict = Verdict::none;
        row.error = 0;
        row.in_flight = true;
        row.attempts = static_cast<std::uint16_t>(plan.number);
      });
    }

    const auto mailbox = std::make_shared<Mailbox>(parts.clock);
    const auto control = std::make_shared<AttemptControl>(run, plan.number, mailbox);
    {
      const std::lock_guard lock(mutex);
      Active active{control, Pool::current(), job->facts.id, type, plan.earlier, parts.clock.steady()};
      if (job->stop || stop_before_start.erase(run) > 0) {
        control->request_stop();
        active.stop_asked = active.began;
      }
      if (job->drain) control->request_drain();
      actives[run] = std::move(active);
    }
    const LiveStep::Parts step_parts{parts.store, parts.clock, pool, counters, plan.limits.hold_in_doubt};
    AttemptOutcome outcome = type == JobType::evaluate ? execute_evaluation(plan, step_parts, control, mailbox)
                                                       : execute_attempt(plan, step_parts, control, mailbox);
    outcome.earlier = plan.earlier;
    if (control->claim_end()) {
      conclude(job, type, std::move(outcome));
    } else {  // the watchdog ended it: what comes now belongs to an attempt that is over
      AppendLog late;
      late.run = run;
      late.attempt = plan.number;
      late.at = parts.clock.wall();
      late.level = LogLevel::warn;
      late.text = dump_json(Json("a late result of attempt " + std::to_string(plan.number) + " was discarded"));
      parts.store.submit({std::move(late)}, {});
    }
  }

  /// Hands the end of an attempt to the store and frees the slot. The run shows it after the commit.
  void conclude(const std::shared_ptr<Job>& job, JobType type, AttemptOutcome outcome) {
    const EndAttempt& end = outcome.end;
    std::vector<Change> changes = std::move(outcome.logs);
    if (end.status == Status::incomplete && type != JobType::evaluate) {
      AppendLog line;
      line.run = end.run;
      line.attempt = end.number;
      line.at = end.at;
      line.level = LogLevel::warn;
      line.text = dump_json(Json("attempt " + std::to_string(end.number) +
                                 " interrupted: " + (outcome.interrupted.empty() ? "stopped" : outcome.interrupted)));
      changes.emplace_back(std::move(line));
    } else if (type == JobType::evaluate) {
      if (end.status != Status::incomplete) {
        SetEvaluation set;
        set.run = end.run;
        set.status = end.status;
        set.score = end.score;
        set.error = end.error;
        set.answer = end.answer;
        changes.emplace_back(std::move(set));
      }
    } else {
      changes.emplace_back(end);
    }
    {
      const std::lock_guard lock(mutex);
      actives.erase(end.run);
      --job->facts.in_flight;
      ++job->unsettled;
      ++settling;
      if (outcome.pauses_job && job->facts.state == JobFacts::State::running) {
        job->facts.state = JobFacts::State::paused;
        job->facts.paused_because = outcome.interrupted.substr(std::string_view("held: ").size());
      }
      if (outcome.pauses_job && job->facts.state == JobFacts::State::paused) job->held.push_back(end.run);
    }
    EndAttempt kept = end;
    kept.answer.clear();
    kept.context.clear();
    if (changes.empty()) {
      settle(job, type, kept, outcome.earlier);
      return;
    }
    parts.store.submit(std::move(changes), [this, job, type, kept = std::move(kept), earlier = outcome.earlier] {
      settle(job, type, kept, earlier);
    });
  }

  /// After the commit, on the writer thread: the table shows the result, the job counts it.
  void settle(const std::shared_ptr<Job>& job, JobType type, const EndAttempt& end, const UsageSum& earlier) {
    UsageSum sum = end.usage;
    sum += earlier;
    if (type == JobType::evaluate) {
      if (end.status != Status::incomplete) {
        parts.table.set_result(end.run, end.score, end.error, [&](RunRow& row) {
          row.status = end.status;
          row.in_flight = false;
        });
      }
    } else {
      parts.table.set_result(end.run, end.score, end.error, [&](RunRow& row) {
        row.status = end.status;
        row.in_flight = false;
        row.steps = end.steps;
        row.calls = sum.calls;
        row.tokens_in = static_cast<std::uint32_t>(sum.in);
        row.tokens_out = static_cast<std::uint32_t>(sum.out);
        row.cost = sum.cost;
        row.possible = sum.possible;
        row.seconds = static_cast<float>(end.seconds);
        row.ended_at = end.at;
      });
    }
    std::optional<JobFacts> finished;
    {
      const std::lock_guard lock(mutex);
      JobFacts& facts = job->facts;
      --job->unsettled;
      if (end.status == Status::complete) ++facts.complete;
      if (end.status == Status::fail) ++facts.fail;
      if (end.status == Status::incomplete) ++facts.incomplete;
      if (end.score.verdict != Verdict::none) ++facts.scored;
      if (end.score.verdict == Verdict::correct) ++facts.correct;
      if (type != JobType::evaluate) {
        facts.calls += end.usage.calls;
        facts.tokens_in += static_cast<std::uint64_t>(end.usage.in);
        facts.tokens_out += static_cast<std::uint64_t>(end.usage.out);
        facts.cost += end.usage.cost;
      }
      claimed.erase(end.run);
      stop_before_start.erase(end.run);
      finished = close_if_done(job);
      if (job->stalled()) {
        finished = facts_of(*job);
        ended.notify_all();
      }
    }
    if (finished) announce(*finished);
    const std::lock_guard lock(mutex);
    if (--settling == 0) ended.notify_all();  // the engine may go away now
  }

  /// Under the lock. The facts when the job has just ended.
  std::optional<JobFacts> close_if_done(const std::shared_ptr<Job>& job) {
    JobFacts& facts = job->facts;
    const bool nothing_left =
        job->next >= job->queue.size() && job->held.empty() && facts.in_flight == 0 && job->unsettled == 0;
    if (facts.state == JobFacts::State::done || !nothing_left) return {};
    facts.seconds = std::chrono::duration<double>(parts.clock.steady() - job->began).count();
    if (facts.state != JobFacts::State::cancelled) facts.state = JobFacts::State::done;
    std::erase(open_jobs, job);
    closed_jobs.push_back(job);
    if (closed_jobs.size() > kKeptJobs) closed_jobs.pop_front();
    job->queue = {};
    job->runners.clear();
    ended.notify_all();
    return facts;
  }

  void announce(const JobFacts& facts) {
    if (parts.on_job_end) parts.on_job_end(facts);
  }

  // --- the watchdog ---------------------------------------------------------------------------------------------
  void watch(const std::stop_token& stop) {
    auto tick = kWatchTick;
    while (sleep_unless_stopped(stop, tick)) {
      struct Lost {
        Active active;
        bool timeout = false;
      };
      std::vector<Lost> lost;
      {
        const std::lock_guard lock(mutex);
        const SteadyTime now = parts.clock.steady();
        // All of them are looked at under the lock that every run needs: seldom when they are many.
        tick = std::min<std::chrono::milliseconds>(kWatchTick * (1 + actives.size() / 1000), kLongestWatchTick);
        for (auto& [run, active] : actives) {
          const SteadyTime deadline = active.control->deadline();
          const bool late = deadline != SteadyTime::max() && now > deadline + kTimeoutGrace;
          const bool deaf = active.stop_asked != SteadyTime::max() && now > active.stop_asked + kStopGrace;
          if ((late || deaf) && active.control->claim_end()) lost.push_back({active, late && !deaf});
        }
      }
      for (const Lost& one : lost) give_up(one.active, one.timeout);
    }
  }

  /// Ends an attempt whose worker doesn't come back from the runner's code.
  void give_up(const Active& active, bool timeout) {
    pool.lose(active.slot);
    const std::shared_ptr<Job> job = find_job(active.job);
    AttemptOutcome outcome;
    outcome.earlier = active.earlier;
    outcome.end.run = active.control->run();
    outcome.end.number = active.control->attempt();
    outcome.end.at = parts.clock.wall();
    outcome.end.seconds = std::chrono::duration<double>(parts.clock.steady() - active.began).count();
    if (timeout) {
      const std::uint32_t step = active.control->step();
      const std::string what = active.control->deadline_of();
      outcome.end.status = Status::fail;
      outcome.end.error = {"timeout",
                           "the " + what + " took longer than its limit (set timeout." + what +
                               ") and did not come back: its thread was left behind",
                           step == 0               ? "setup"
                           : step == kEvaluateStep ? "evaluate"
                                                   : "step " + std::to_string(step)};
      if (step != 0 && step != kEvaluateStep) outcome.end.steps = step - 1;
    } else {
      outcome.end.status = Status::incomplete;
      outcome.interrupted = "stopped; its thread did not come back and was left behind";
    }
    active.control->wake();
    conclude(job, active.type, std::move(outcome));
    pool.kick();
  }

  // --- helpers under no lock --------------------------------------------------------------------------------------
  std::shared_ptr<Job> find_job(JobId id) const {
    const std::lock_guard lock(mutex);
    return find_job_locked(id);
  }
  std::shared_ptr<Job> find_job_locked(JobId id) const {
    for (const auto& job : open_jobs) {
      if (job->facts.id == id) return job;
    }
    for (const auto& job : closed_jobs) {
      if (job->facts.id == id) return job;
    }
    throw Error("usage", "no job #" + std::to_string(id), {}, "`jobs` lists them");
  }

  JobFacts facts_of(const Job& job) const {
    JobFacts facts = job.facts;
    if (std::find_if(open_jobs.begin(), open_jobs.end(), [&](const auto& open) { return open.get() == &job; }) !=
        open_jobs.end()) {
      facts.seconds = std::chrono::duration<double>(parts.clock.steady() - job.began).count();
    }
    return facts;
  }

  /// Removes what has not begun from a job. Under the lock.
  void drop_waiting(Job& job) {
    for (std::size_t i = job.next; i < job.queue.size(); ++i) {
      if (job.dropped.contains(job.queue[i])) continue;
      claimed.erase(job.queue[i]);
      ++job.facts.cancelled;
    }
    job.next = job.queue.size();
    job.held.clear();
    job.facts.waiting = 0;
    if (job.facts.state != JobFacts::State::done) job.facts.state = JobFacts::State::cancelled;
  }

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

Engine::Engine(EngineParts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}

Engine::~Engine() {
  shutdown();
  if (has_lost_workers()) {
    // A thread that was left behind may still look at the engine: it must outlive it.
    static_cast<void>(impl_.release());  // NOLINT(bugprone-unused-return-value)
  }
}

JobId Engine::start(const JobRequest& request) {
  Impl& impl = *impl_;
  if (impl.parts.store.read_only()) {
    throw Error("read_only", "this experiment is open for reading only", {}, "start without --read-only to run");
  }
  if (request.width < 1) throw Error("usage", "at least 1 run must be in flight");
  if (impl.parts.on_go_on) impl.parts.on_go_on();
  const auto job = std::make_shared<Impl::Job>();
  job->facts.type = request.type;
  job->facts.width = request.width;
  job->release_held = request.release_held;

  std::vector<RunId> wanted;
  std::map<BatchId, BatchInfo> batches;
  {
    const RunTable::Reader table = impl.parts.table.read();
    for (const RunId run : request.runs) {
      const RunRow& row = table.row(run);
      const bool fits = request.type == JobType::rerun ||
                        (request.type == JobType::execute ? row.status != Status::complete
                                                          : row.status == Status::complete && !row.in_flight);
      if (!table.visible(run) || !fits) {
        ++job->facts.skipped;
        continue;
      }
      wanted.push_back(run);
      if (!batches.contains(row.batch)) batches.emplace(row.batch, table.batch(row.batch));
    }
  }
  for (const auto& [id, batch] : batches) {
    if (batch.kind.empty()) {
      throw Error("kind", "batch " + batch.name + " is of no known kind: its runs can be read, not run", {},
                  "`load KIND FILE` loads the file with a kind; `kinds` lists them");
    }
    job->runners[id] = impl.parts.kinds.require(batch.kind).make_runner(batch, request.overrides);
  }
  std::optional<JobFacts> finished;
  {
    const std::lock_guard lock(impl.mutex);
    if (impl.closed) throw Error("internal", "the engine has been shut down");
    for (const RunId run : wanted) {
      if (impl.claimed.insert(run).second) {
        job->queue.push_back(run);
      } else {
        ++job->facts.skipped;
      }
    }
    job->facts.id = ++impl.last_job;
    job->facts.selected = job->queue.size();
    job->facts.waiting = job->queue.size();
    job->began = impl.parts.clock.steady();
    job->data = std::make_unique<DataPages>(impl.parts.store, job->queue);
    impl.open_jobs.push_back(job);
    finished = impl.close_if_done(job);
  }
  if (finished) impl.announce(*finished);
  impl.pool.kick();
  return job->facts.id;
}

std::vector<JobFacts> Engine::jobs() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<JobFacts> all;
  for (const auto& job : impl_->closed_jobs) all.push_back(impl_->facts_of(*job));
  for (const auto& job : impl_->open_jobs) all.push_back(impl_->facts_of(*job));
  std::sort(all.begin(), all.end(), [](const JobFacts& a, const JobFacts& b) { return a.id < b.id; });
  return all;
}

JobFacts Engine::facts(JobId job) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->facts_of(*impl_->find_job_locked(job));
}

void Engine::pause(JobId id, const std::string& because) {
  const std::lock_guard lock(impl_->mutex);
  JobFacts& facts = impl_->find_job_locked(id)->facts;
  if (facts.state == JobFacts::State::running) facts.state = JobFacts::State::paused;
  facts.paused_because = because;
}

void Engine::resume(JobId id) {
  if (impl_->parts.on_go_on) impl_->parts.on_go_on();
  {
    const std::lock_guard lock(impl_->mutex);
    const auto job = impl_->find_job_locked(id);
    JobFacts& facts = job->facts;
    if (facts.state == JobFacts::State::paused) facts.state = JobFacts::State::running;
    facts.paused_because.clear();
    for (const RunId run : std::exchange(job->held, {})) {
      if (!impl_->claimed.insert(run).second) continue;  // another job has it by now
      job->queue.push_back(run);
      ++facts.waiting;
      --facts.incomplete;
    }
  }
  impl_->pool.kick();
}

void Engine::set_width(JobId id, std::size_t width) {
  if (width < 1) throw Error("usage", "the width is at least 1");
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->find_job_locked(id)->facts.width = width;
  }
  impl_->pool.kick();
}

void Engine::cancel(JobId id) {
  std::optional<JobFacts> finished;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto job = impl_->find_job_locked(id);
    impl_->drop_waiting(*job);
    finished = impl_->close_if_done(job);
  }
  if (finished) impl_->announce(*finished);
}

void Engine::cancel_all() {
  std::vector<JobId> open;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& job : impl_->open_jobs) open.push_back(job->facts.id);
  }
  for (const JobId id : open) cancel(id);
}

std::size_t Engine::stop(const std::vector<RunId>& runs) {
  std::size_t stopped = 0;
  std::vector<JobFacts> finished;
  {
    const std::lock_guard lock(impl_->mutex);
    const SteadyTime now = impl_->parts.clock.steady();
    for (const RunId run : runs) {
      if (!impl_->claimed.contains(run)) continue;
      ++stopped;
      const auto active = impl_->actives.find(run);
      if (active != impl_->actives.end()) {
        active->second.control->request_stop();
        active->second.stop_asked = std::min(active->second.stop_asked, now);
        continue;
      }
      bool waiting = false;
      for (const auto& job : impl_->open_jobs) {
        const auto rest = job->queue.begin() + static_cast<std::ptrdiff_t>(job->next);
        if (std::find(rest, job->queue.end(), run) == job->queue.end()) continue;
        waiting = true;
        if (job->dropped.insert(run).second) {
          ++job->facts.cancelled;
          impl_->claimed.erase(run);
        }
      }
      if (!waiting) impl_->stop_before_start.insert(run);  // a worker has it, and is about to begin
    }
  }
  return stopped;
}

void Engine::drain_all() {
  cancel_all();
  const std::lock_guard lock(impl_->mutex);
  for (const auto& job : impl_->open_jobs) job->drain = true;
  for (auto& [run, active] : impl_->actives) active.control->request_drain();
}

void Engine::stop_all() {
  cancel_all();
  const std::lock_guard lock(impl_->mutex);
  for (const auto& job : impl_->open_jobs) job->stop = true;
  const SteadyTime now = impl_->parts.clock.steady();
  for (auto& [run, active] : impl_->actives) {
    active.control->request_stop();
    active.stop_asked = std::min(active.stop_asked, now);
  }
}

bool Engine::wait(JobId id, SteadyTime until, const std::function<bool()>& interrupted) {
  std::unique_lock lock(impl_->mutex);
  const auto over = [&] {
    const auto& open = impl_->open_jobs;
    return std::none_of(open.begin(), open.end(),
                        [&](const auto& job) { return (id == 0 || job->facts.id == id) && !job->stalled(); });
  };
  while (!over()) {
    if (interrupted) {
      lock.unlock();
      const bool stop = interrupted();
      lock.lock();
      if (stop) return over();
    }
    const SteadyTime now = impl_->parts.clock.steady();
    if (now >= until) return false;
    const SteadyTime tick = interrupted ? std::min(until, now + std::chrono::milliseconds(20)) : until;
    impl_->parts.clock.wait_until(impl_->ended, lock, tick);
  }
  return true;
}

bool Engine::busy() const {
  const std::lock_guard lock(impl_->mutex);
  return !impl_->open_jobs.empty();
}

Engine::Totals Engine::totals() const {
  Totals totals;
  const CallCounters& counters = impl_->counters;
  totals.in_flight_calls = counters.in_flight.load();
  totals.answered = counters.answered.load();
  totals.failed = counters.failed.load();
  totals.replayed = counters.replayed.load();
  totals.tokens_in = counters.tokens_in.load();
  totals.tokens_out = counters.tokens_out.load();
  totals.threads = impl_->pool.threads();
  totals.lost_threads = impl_->pool.lost();
  const std::lock_guard lock(impl_->mutex);
  totals.in_flight_runs = impl_->actives.size();
  return totals;
}

std::string Engine::why(RunId run) const {
  const std::lock_guard lock(impl_->mutex);
  const auto active = impl_->actives.find(run);
  if (active != impl_->actives.end()) {
    const std::uint32_t step = active->second.control->step();
    return "in " +
           (step == 0               ? std::string("setup")
            : step == kEvaluateStep ? "evaluate"
                                    : "step " + std::to_string(step)) +
           " of attempt " + std::to_string(active->second.control->attempt());
  }
  if (impl_->claimed.contains(run)) return "waits for a slot of its job";
  return {};
}

void Engine::shutdown() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->closed) return;
    impl_->closed = true;
  }
  stop_all();
  wait(0);
  {
    std::unique_lock lock(impl_->mutex);
    impl_->ended.wait(lock, [this] { return impl_->settling == 0; });
  }
  impl_->pool.shutdown();
  impl_->watchdog.request_stop();
  if (impl_->watchdog.joinable()) impl_->watchdog.join();
}

bool Engine::has_lost_workers() const { return impl_->pool.lost() > 0; }

}  // namespace assay
