#include "core/engine/engine_impl.hpp"

#include <algorithm>

#include "core/engine/stoppable_sleep.hpp"
#include "core/ledger/attempt_ledger.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/json.hpp"

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
      {"timeout.run", "0", "longest time of one attempt of a run, without what it waits for peers; 0: no limit",
       check_limit},
      {"in_doubt", "retry", "calls in flight when the program died: retry (sent again, marked) or hold (runs wait)",
       [](const std::string& text) {
         if (text != "retry" && text != "hold") throw Error("usage", "in_doubt is retry or hold, not \"" + text + "\"");
       }},
  };
}

Engine::Impl::Impl(EngineParts given) : parts(std::move(given)), pool(*this, parts.computing) {
  watchdog = std::jthread([this](std::stop_token stop) { watch(stop); });
}

bool Engine::Impl::has_task() {
  const std::lock_guard lock(mutex);
  return std::any_of(open_jobs.begin(), open_jobs.end(), [](const auto& job) { return job->has_work(); });
}

std::function<void()> Engine::Impl::take_task() {
  const std::lock_guard lock(mutex);
  for (std::size_t tried = 0; tried < open_jobs.size(); ++tried) {
    const std::shared_ptr<Job>& job = open_jobs[next_job++ % open_jobs.size()];
    while (job->has_work()) {
      if (!job->woken.empty()) {
        Turn next = std::move(job->woken.front());
        job->woken.pop_front();
        --job->facts.waiting_peers;
        ++job->facts.in_flight;
        return [this, job, next = std::move(next)] { execute(job, next); };
      }
      const std::size_t index = job->next++;
      const RunId run = job->queue[index];
      --job->facts.waiting;
      if (!job->dropped.empty() && job->dropped.contains(run)) continue;
      ++job->facts.in_flight;
      return [this, job, next = Turn{run, index, nullptr}] { execute(job, next); };
    }
  }
  return {};
}

AttemptLimits Engine::Impl::limits() {
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

void Engine::Impl::plan_attempt(const Job& job, const RunRow& before, AttemptPlan& plan) {
  const RunId run = plan.run;
  const JobType type = job.facts.type;
  plan.number = before.attempts + 1U;
  if (before.attempts == 0) {
    plan.begin = before.steps == 0                ? AttemptPlan::Begin::setup
                 : before.status == Status::ready ? AttemptPlan::Begin::start
                                                  : AttemptPlan::Begin::unknown;
  }
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
      plan.begun_at = earlier.back().begun_at;
      plan.resumed = true;
      if (plan.number > 1) plan.continued = continued_attempt(parts.store, run, plan.number);
    }
  }
  if (!plan.resumed) {
    plan.begun_at = parts.clock.wall();
    std::vector<Change> begin{BeginAttempt{run, plan.number, plan.begun_at}};
    // What was answered before a run failed is not asked again; `rerun` does.
    if (type == JobType::execute && before.status == Status::fail && before.calls > 0) {
      const std::uint32_t failed = before.attempts;
      const auto earlier = continued_attempt(parts.store, run, failed);
      plan.continued = ContinuedAttempt{failed, earlier ? earlier->first : failed};
      AppendLog line;
      line.run = run;
      line.attempt = plan.number;
      line.at = plan.begun_at;
      line.text = dump_json(continuation_line(*plan.continued));
      begin.emplace_back(std::move(line));
    }
    parts.store.submit(std::move(begin), {});
  }
}

void Engine::Impl::execute(const std::shared_ptr<Job>& job, const Turn& task) {
  const RunId run = task.run;
  const auto kept = task.waited ? task.waited : std::make_shared<AttemptPlan>();
  AttemptPlan& plan = *kept;
  RunRow before;
  {
    const RunTable::Reader table = parts.table.read();
    before = table.row(run);
    plan.batch = table.batch(before.batch).name;
    plan.id = std::string(table.id(run));
  }
  plan.run = run;
  plan.runner = job->runners.at(before.batch);
  if (type_of(*job) != JobType::evaluate && !task.waited) plan.data = job->data->take(task.index);
  plan.experiment_id = experiment_id;
  plan.limits = limits();
  if (job->release_held) plan.limits.hold_in_doubt = false;
  const JobType type = job->facts.type;
  if (task.waited) {
    plan.resumed = true;
  } else if (type == JobType::evaluate) {
    plan.number = before.attempts;
    plan.resumed = before.calls > 0;
  } else {
    plan_attempt(*job, before, plan);
  }
  if (type != JobType::evaluate) {
    parts.table.update(run, [&](RunRow& row) {
      row.status = Status::incomplete;
      row.verdict = Verdict::none;
      row.error = 0;
      row.in_flight = true;
      row.waits = false;
      row.attempts = static_cast<std::uint16_t>(plan.number);
    });
  }
  const auto mailbox = std::make_shared<Mailbox>(parts.clock);
  const auto control = std::make_shared<AttemptControl>(run, plan.number, mailbox);
  std::shared_ptr<PeerBoard> board;
  {
    const std::lock_guard lock(mutex);
    Active active{control, Pool::current(), job->facts.id, type, plan.earlier, parts.clock.steady()};
    if (job->stop || stop_before_start.erase(run) > 0) {
      control->request_stop();
      active.stop_asked = active.began;
    }
    if (job->drain) control->request_drain();
    if (job->facts.state == JobFacts::State::cancelled) control->set_job_cancelled();
    actives[run] = std::move(active);
    if (type != JobType::evaluate) board = board_with(run);
    if (board) board->begin(run, plan.number);
  }
  try {
    if (board) board->load(parts.store);  // what has been published counts for what is true of the whole batch
  } catch (const Error&) {                // told to the runs that look
  }
  LiveStep::Parts step_parts{parts.store,   parts.clock, pool, counters, plan.limits.hold_in_doubt,
                             job->facts.id, job->files};
  step_parts.board = [this, &job, batch = before.batch] { return board_for(job, batch); };
  AttemptOutcome outcome =
      type == JobType::evaluate
          ? execute_evaluation(plan, step_parts, control, mailbox)
          : execute_attempt(plan, step_parts, control, mailbox,
                            [this](RunId of, std::uint32_t attempt, const std::vector<LiveStep::Published>& news) {
                              published(of, attempt, news);
                            });
  outcome.earlier = plan.earlier;
  if (control->claim_end()) {
    Turn again;
    if (outcome.waits) {
      plan.seconds_before = outcome.end.seconds;
      plan.data.reset();
      again = {run, task.index, kept};
    }
    conclude(job, type, std::move(outcome), std::move(again));
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

void Engine::Impl::conclude(const std::shared_ptr<Job>& job, JobType type, AttemptOutcome outcome, Turn again) {
  const EndAttempt& end = outcome.end;
  std::vector<Change> changes = std::move(outcome.logs);
  if (outcome.waits) {
    // Nothing to write; but what it has done so far must be on the disk before it is read back.
  } else if (end.status == Status::incomplete && type != JobType::evaluate) {
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
      job->go_on_at = outcome.held_until;
    }
    if (outcome.pauses_job && job->facts.state == JobFacts::State::paused) {
      job->held.push_back(end.run);
      if (!outcome.held_until && job->go_on_at) {  // another reason, which time does not mend
        job->facts.paused_because = outcome.interrupted.substr(std::string_view("held: ").size());
        job->go_on_at.reset();
      }
    }
  }
  Settled settled{end, outcome.earlier, std::move(outcome.published), std::move(outcome.waits), std::move(again)};
  settled.end.answer.clear();
  settled.end.context.clear();
  if (changes.empty() && !settled.waits) {
    settle(job, type, std::move(settled));
    return;
  }
  parts.store.submit(std::move(changes), [this, job, type, settled = std::move(settled)]() mutable {
    settle(job, type, std::move(settled));
  });
}

void Engine::Impl::settle(const std::shared_ptr<Job>& job, JobType type, Settled settled) {
  const EndAttempt& end = settled.end;
  UsageSum sum = end.usage;
  sum += settled.earlier;
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
      row.waits = settled.waits.has_value();
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
  const bool enough = job->enough && job->enough();
  std::optional<JobFacts> finished;
  bool waits = false;
  {
    const std::lock_guard lock(mutex);
    --job->unsettled;
    waits = settled.waits && park(job, settled);
    if (!waits) count_end(*job, type, settled);
    stop_before_start.erase(end.run);
    if (enough && !std::exchange(job->facts.enough, true)) {
      const JobFacts::State state = job->facts.state;
      drop_waiting(*job);
      job->facts.state = state;
    }
    finished = close_if_done(job);
    if (job->stalled()) {
      finished = facts_of(*job);
      ended.notify_all();
    }
  }
  if (settled.waits && !waits) parts.table.update(end.run, [](RunRow& row) { row.waits = false; });
  if (enough) show_interrupted();
  kick_woken();
  if (finished) announce(*finished);
  const std::lock_guard lock(mutex);
  if (--settling == 0) ended.notify_all();  // the engine may go away now
}

void Engine::Impl::count_end(Job& job, JobType type, const Settled& settled) {
  const EndAttempt& end = settled.end;
  JobFacts& facts = job.facts;
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
  show(end.run, end.number, settled.published);
  if (std::find(job.held.begin(), job.held.end(), end.run) != job.held.end()) {
    claimed.erase(end.run);  // it goes on with its job: what it will publish may still come
  } else {
    unclaim(end.run, end.status == Status::complete || end.status == Status::fail);
  }
}

std::optional<JobFacts> Engine::Impl::close_if_done(const std::shared_ptr<Job>& job) {
  JobFacts& facts = job->facts;
  while (job->next < job->queue.size() && job->dropped.contains(job->queue[job->next])) {
    ++job->next;
    --facts.waiting;
  }
  const bool nothing_left = job->next >= job->queue.size() && job->held.empty() && facts.in_flight == 0 &&
                            facts.waiting_peers == 0 && job->unsettled == 0;
  if (facts.state == JobFacts::State::done || !nothing_left) return {};
  facts.seconds = std::chrono::duration<double>(parts.clock.steady() - job->began).count();
  if (facts.state != JobFacts::State::cancelled) facts.state = JobFacts::State::done;
  std::erase(open_jobs, job);
  closed_jobs.push_back(job);
  if (closed_jobs.size() > kKeptJobs) closed_jobs.pop_front();
  job->queue = {};
  job->runners.clear();
  job->boards.clear();
  if (job->files) job->files->close();
  job->files.reset();
  ended.notify_all();
  return facts;
}

void Engine::Impl::announce(const JobFacts& facts) {
  if (parts.on_job_end) parts.on_job_end(facts);
}

void Engine::Impl::watch(const std::stop_token& stop) {
  auto tick = kWatchTick;
  while (sleep_unless_stopped(stop, tick)) {
    struct Lost {
      Active active;
      bool timeout = false;
    };
    std::vector<Lost> lost;
    bool woken = false;
    {
      const std::lock_guard lock(mutex);
      const SteadyTime now = parts.clock.steady();
      for (const auto& job : open_jobs) {
        if (!job->go_on_at || now < *job->go_on_at || job->unsettled > 0) continue;
        go_on(*job);
        woken = true;
      }
      // All of them are looked at under the lock that every run needs: seldom when they are many.
      tick = std::min<std::chrono::milliseconds>(kWatchTick * (1 + actives.size() / 1000), kLongestWatchTick);
      for (auto& [run, active] : actives) {
        const SteadyTime deadline = active.control->deadline();
        const bool late = deadline != SteadyTime::max() && now > deadline + kTimeoutGrace;
        const bool deaf = active.stop_asked != SteadyTime::max() && now > active.stop_asked + kStopGrace;
        if ((late || deaf) && active.control->claim_end()) lost.push_back({active, late && !deaf});
      }
    }
    if (woken) pool.kick();
    for (const Lost& one : lost) give_up(one.active, one.timeout);
  }
}

void Engine::Impl::go_on(Job& job) {
  JobFacts& facts = job.facts;
  if (facts.state == JobFacts::State::paused) facts.state = JobFacts::State::running;
  facts.paused_because.clear();
  job.go_on_at.reset();
  for (const RunId run : std::exchange(job.held, {})) {
    if (!claimed.emplace(run, facts.type).second) continue;  // another job has it by now
    job.queue.push_back(run);
    ++facts.waiting;
    --facts.incomplete;
  }
}

void Engine::Impl::give_up(const Active& active, bool timeout) {
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
  try {  // what its calls have cost; what comes later is added by the store
    AttemptLedger recorded(outcome.end.run, outcome.end.number);
    recorded.load(parts.store);
    outcome.end.usage = recorded.usage();
  } catch (const Error&) {  // said where the file is read next
  }
  active.control->wake();
  conclude(job, active.type, std::move(outcome), {});
  pool.kick();
}

std::shared_ptr<Engine::Impl::Job> Engine::Impl::find_job(JobId id) const {
  const std::lock_guard lock(mutex);
  return find_job_locked(id);
}

std::shared_ptr<Engine::Impl::Job> Engine::Impl::find_job_locked(JobId id) const {
  for (const auto& job : open_jobs) {
    if (job->facts.id == id) return job;
  }
  for (const auto& job : closed_jobs) {
    if (job->facts.id == id) return job;
  }
  throw Error("usage", "no job #" + std::to_string(id), {}, "`jobs` lists them");
}

JobFacts Engine::Impl::facts_of(const Job& job) const {
  JobFacts facts = job.facts;
  if (std::find_if(open_jobs.begin(), open_jobs.end(), [&](const auto& open) { return open.get() == &job; }) !=
      open_jobs.end()) {
    facts.seconds = std::chrono::duration<double>(parts.clock.steady() - job.began).count();
  }
  return facts;
}

void Engine::Impl::drop_waiting(Job& job) {
  if (job.facts.state != JobFacts::State::done) job.facts.state = JobFacts::State::cancelled;
  for (const auto& [run, active] : actives) {
    if (active.job == job.facts.id) active.control->set_job_cancelled();
  }
  std::vector<RunId> parked;
  for (const auto& [run, one] : waiting) {
    if (one.job.get() == &job) parked.push_back(run);
  }
  for (const RunId run : parked) forget_wait(run);  // all of them, before the end of one wakes another
  for (const Turn& one : std::exchange(job.woken, {})) parked.push_back(one.run);
  for (const RunId run : parked) interrupt(job, run);
  const std::size_t from = std::exchange(job.next, job.queue.size());
  for (std::size_t i = from; i < job.queue.size(); ++i) {
    if (job.dropped.contains(job.queue[i])) continue;
    unclaim(job.queue[i], false);
    ++job.facts.cancelled;
  }
  for (const RunId run : std::exchange(job.held, {})) {
    if (!claimed.contains(run)) unclaim(run, false);
  }
  job.facts.waiting = 0;
}

}  // namespace assay
