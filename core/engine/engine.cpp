#include "core/engine/engine.hpp"

#include <algorithm>

#include "core/engine/engine_impl.hpp"
#include "core/text/error.hpp"

namespace assay {

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
  job->files = request.files;
  job->enough = request.enough;

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
        // Parameters that can't be read are refused, whether or not a run is there to be read by them.
        if (request.type == JobType::evaluate && !request.overrides.empty() && table.visible(run))
          batches.try_emplace(row.batch, table.batch(row.batch));
        continue;
      }
      wanted.push_back(run);
      if (!batches.contains(row.batch)) batches.emplace(row.batch, table.batch(row.batch));
    }
  }
  if (impl.parts.before_start && request.type != JobType::evaluate && !batches.empty()) {
    std::vector<BatchInfo> infos;
    for (const auto& [id, batch] : batches) infos.push_back(batch);
    impl.parts.before_start(infos);
    for (BatchInfo& info : infos) batches.insert_or_assign(info.id, std::move(info));
  }
  for (const auto& [id, batch] : batches) {
    if (batch.kind.empty()) {
      throw Error("kind", "batch " + batch.name + " is of no known kind: its runs can be read, not run", {},
                  "`load KIND FILE` loads the file with a kind; `kinds` lists them");
    }
    const Kind& kind = impl.parts.kinds.require(batch.kind);
    job->runners[id] = request.type == JobType::evaluate ? kind.make_evaluator(batch, request.overrides)
                                                         : kind.make_runner(batch, request.overrides);
  }
  if (impl.parts.check_start && request.type != JobType::evaluate) {
    std::vector<BatchInfo> checked;
    for (const auto& [id, batch] : batches) checked.push_back(batch);
    impl.parts.check_start(checked);
  }
  std::optional<JobFacts> finished;
  {
    const std::lock_guard lock(impl.mutex);
    if (impl.closed) throw Error("internal", "the engine has been shut down");
    for (const RunId run : wanted) {
      if (impl.claimed.emplace(run, request.type).second) {
        job->queue.push_back(run);
      } else {
        ++job->facts.skipped;
      }
    }
    for (const auto& [id, batch] : batches) {
      if (request.type == JobType::evaluate) break;
      impl.join_board(
          *job, id, impl.parts.on_milestone != nullptr && impl.parts.kinds.require(batch.kind).wants_milestones(batch));
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
  const auto job = impl_->find_job_locked(id);
  JobFacts& facts = job->facts;
  job->go_on_at.reset();
  if (facts.state == JobFacts::State::running) facts.state = JobFacts::State::paused;
  facts.paused_because = because;
}

void Engine::resume(JobId id) {
  if (impl_->parts.on_go_on) impl_->parts.on_go_on();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->go_on(*impl_->find_job_locked(id));
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
  impl_->show_interrupted();
  impl_->kick_woken();
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
    // First those that execute: none shall take it for an end that another is stopped with it.
    for (const RunId run : runs) {
      const auto active = impl_->actives.find(run);
      if (active == impl_->actives.end()) continue;
      ++stopped;
      active->second.control->request_stop();
      active->second.stop_asked = std::min(active->second.stop_asked, now);
    }
    std::vector<std::pair<std::shared_ptr<Impl::Job>, RunId>> waited;
    for (const RunId run : runs) {
      if (auto found = impl_->waits_in(run)) {
        impl_->forget_wait(run);
        waited.emplace_back(std::move(found), run);
      }
    }
    for (const auto& [job, run] : waited) {
      ++stopped;
      impl_->interrupt(*job, run);
    }
    for (const RunId run : runs) {
      if (!impl_->claimed.contains(run) || impl_->actives.contains(run)) continue;
      ++stopped;
      bool waiting = false;
      for (const auto& job : impl_->open_jobs) {
        const auto rest = job->queue.begin() + static_cast<std::ptrdiff_t>(job->next);
        if (std::find(rest, job->queue.end(), run) == job->queue.end()) continue;
        waiting = true;
        if (job->dropped.insert(run).second) {
          ++job->facts.cancelled;
          impl_->unclaim(run, false);
        }
      }
      if (!waiting) impl_->stop_before_start.insert(run);  // a worker has it, and is about to begin
    }
    for (const auto& job : std::vector(impl_->open_jobs)) {
      if (const auto facts = impl_->close_if_done(job)) finished.push_back(*facts);
    }
  }
  impl_->show_interrupted();
  impl_->kick_woken();
  for (const JobFacts& facts : finished) impl_->announce(facts);
  return stopped;
}

// Those that execute are asked first: none shall take it for an end that what waits is dropped from the jobs.
void Engine::drain_all() {
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& job : impl_->open_jobs) job->drain = true;
    for (auto& [run, active] : impl_->actives) active.control->request_drain();
  }
  cancel_all();
}

void Engine::stop_all() {
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& job : impl_->open_jobs) job->stop = true;
    const SteadyTime now = impl_->parts.clock.steady();
    for (auto& [run, active] : impl_->actives) {
      active.control->request_stop();
      active.stop_asked = std::min(active.stop_asked, now);
    }
  }
  cancel_all();
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
  for (const auto& job : impl_->open_jobs) totals.waiting_peers += job->facts.waiting_peers;
  return totals;
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
