// What a run waits for: read from its job, or from the step that its worker is in.

#include <algorithm>
#include <thread>

#include "core/engine/engine_impl.hpp"
#include "core/text/duration.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;

std::optional<milliseconds> left_of(const std::optional<SteadyTime>& until, SteadyTime now) {
  if (!until) return std::nullopt;
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(*until - now));
}

/// What the step waits for; nullopt: its worker is inside it and does not sleep.
std::optional<std::vector<LiveStep::Waiting>> look_through(Door& door, SteadyTime now) {
  std::unique_lock lock(door.mutex, std::defer_lock);
  for (int tried = 0; tried < 20 && !lock.try_lock(); ++tried) std::this_thread::sleep_for(milliseconds(1));
  if (!lock) return std::nullopt;
  return door.step == nullptr ? std::vector<LiveStep::Waiting>() : door.step->waiting(now);
}

}  // namespace

WhyRun Engine::Impl::why_in_job(RunId run) const {
  WhyRun why;
  const auto counted = [](std::size_t n) { return format_count(static_cast<std::int64_t>(n)); };
  if (const auto found = waiting.find(run); found != waiting.end()) {
    const std::shared_ptr<PeerBoard> board = board_with(run);
    why.state = WhyRun::State::in_job;
    why.job = found->second.job->facts.id;
    why.what = "peers: " + (board ? board->lacks(run) : std::string("other runs of its batch"));
    return why;
  }
  for (const auto& job : open_jobs) {
    const JobFacts& facts = job->facts;
    const auto rest = job->queue.begin() + static_cast<std::ptrdiff_t>(job->next);
    const auto place = std::find(rest, job->queue.end(), run);
    const bool called = std::any_of(job->woken.begin(), job->woken.end(), [&](const auto& t) { return t.run == run; });
    const bool waits = called || (place != job->queue.end() && !job->dropped.contains(run));
    if (!waits && std::find(job->held.begin(), job->held.end(), run) == job->held.end()) continue;
    const std::string name = "job #" + std::to_string(facts.id);
    why.state = WhyRun::State::in_job;
    why.job = facts.id;
    if (facts.state == JobFacts::State::paused) {
      why.what = "`resume #" + std::to_string(facts.id) + "`: " + name + " is paused" +
                 (facts.paused_because.empty() ? "" : ": " + facts.paused_because);
    } else {
      why.what = "a slot of " + name + ": " + counted(facts.in_flight) + " of " + counted(facts.width) +
                 " in flight, " +
                 (called ? "it is called again before new ones"
                         : counted(static_cast<std::size_t>(place - rest)) + " runs before it");
    }
    return why;
  }
  return why;
}

WhyRun Engine::why(RunId run) const {
  std::shared_ptr<AttemptControl> control;
  WhyRun why;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto active = impl_->actives.find(run);
    if (active == impl_->actives.end()) return impl_->why_in_job(run);
    control = active->second.control;
    why.job = active->second.job;
  }
  why.state = WhyRun::State::in_flight;
  why.attempt = control->attempt();
  why.step = control->step();
  why.what = "its runner, which computes";
  const std::shared_ptr<Door> door = control->door();
  if (!door) return why;
  const SteadyTime now = impl_->parts.clock.steady();
  const auto waiting = look_through(*door, now);
  if (!waiting) return why;
  for (const LiveStep::Waiting& one : *waiting) {
    const std::string what = one.on.what.empty() ? "its worker" : one.on.what;
    if (!one.call) {
      why.what = what;
      why.left = left_of(one.on.until, now);
      continue;
    }
    why.calls.push_back({*one.call, one.key, one.model, one.tries, what, left_of(one.on.until, now)});
  }
  if (!why.calls.empty()) {
    why.what = why.calls.front().what;
    why.left = why.calls.front().left;
  }
  return why;
}

}  // namespace assay
