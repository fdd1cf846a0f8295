// The live lines of the jobs in progress.

#include "core/engine/stoppable_sleep.hpp"
#include "repl/open_jobs.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);

double seconds_now(const SteadyTime now) { return std::chrono::duration<double>(now.time_since_epoch()).count(); }

}  // namespace

ProgressFacts Shell::progress_of(const JobFacts& facts, double now) {
  ProgressFacts progress;
  progress.job = facts.id;
  if (facts.state == JobFacts::State::paused) {
    progress.state = facts.paused_because.empty() ? "paused" : "paused: " + facts.paused_because;
  }
  if (facts.state == JobFacts::State::cancelled) progress.state = "ending";
  progress.done = static_cast<std::int64_t>(done_of(facts));
  progress.total = static_cast<std::int64_t>(facts.selected - facts.cancelled);
  progress.ok = static_cast<std::int64_t>(facts.complete);
  progress.fail = static_cast<std::int64_t>(facts.fail);
  progress.in_flight = static_cast<std::int64_t>(facts.in_flight);
  progress.waiting_peers = static_cast<std::int64_t>(facts.waiting_peers);
  progress.correct = static_cast<std::int64_t>(facts.correct);
  progress.scored = static_cast<std::int64_t>(facts.scored);
  progress.cost_pico_usd = facts.cost;
  const std::lock_guard lock(rates_mutex_);
  if (facts.state == JobFacts::State::paused) {  // its rates begin anew when it goes on
    rates_.erase(facts.id);
    return progress;
  }
  const std::uint64_t tokens = facts.tokens_in + facts.tokens_out;
  const Rates fresh{SmoothedRate(now), SmoothedRate(now), SmoothedRate(now), facts.ended(), facts.calls, tokens};
  Rates& rates = rates_.try_emplace(facts.id, fresh).first->second;
  // Ended runs become fewer when INCOMPLETE ones are begun again.
  const auto more = [](std::uint64_t seen, std::uint64_t is) { return is > seen ? static_cast<double>(is - seen) : 0; };
  rates.runs.add(now, more(rates.seen_runs, facts.ended()));
  rates.calls.add(now, more(rates.seen_calls, facts.calls));
  rates.tokens.add(now, more(rates.seen_tokens, tokens));
  rates.seen_runs = facts.ended();
  rates.seen_calls = facts.calls;
  rates.seen_tokens = tokens;
  progress.calls_per_s = rates.calls.per_second(now);
  progress.tokens_per_s = rates.tokens.per_second(now);
  if (progress.state.empty()) progress.eta_s = eta_seconds(progress.total - progress.done, rates.runs.per_second(now));
  return progress;
}

void Shell::tick(const std::stop_token& stop) {
  bool shown = false;
  while (sleep_unless_stopped(stop, kTick)) {
    std::vector<StyledText> lines;
    const auto columns = static_cast<std::size_t>(out_.size().columns);
    for (const JobFacts& facts : open_jobs(engine())) {
      const ProgressFacts progress = progress_of(facts, seconds_now(engine_now()));
      lines.push_back(options_.interactive ? progress_status_line(progress, columns) : progress_plain_line(progress));
    }
    {
      const std::lock_guard lock(rates_mutex_);
      if (!computing_.empty()) lines.push_back(StyledText().add(computing_, TextRole::dim));
    }
    const StoreHealth health = store().health();
    if (!health.message.empty()) lines.push_back(StyledText().add(health.message, TextRole::bad));
    if (lines.empty() && !shown) continue;
    shown = !lines.empty();
    editor().set_status(std::move(lines));
  }
}

}  // namespace assay
