// The jobs that a shell begins and waits for, and the line that says how one ended.

#include <csignal>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/open_jobs.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {

bool Shell::is_of_another(JobId job) {
  const std::size_t beginner = terminals().beginner(job);
  return options_.read_only || (beginner != 0 && beginner != number_);
}

bool Shell::react_to_interrupt(JobId job, int count) {
  std::vector<JobId> ours, others;
  for (const JobFacts& facts : open_jobs(engine())) {
    if (job == 0 || facts.id == job) (is_of_another(facts.id) ? others : ours).push_back(facts.id);
  }
  if (ours.empty() && !others.empty()) {
    const std::string name = "#" + std::to_string(others.front());
    notice(others.size() == 1 ? "no longer waited for: job " + name + " was begun at another terminal and goes on" +
                                    (options_.read_only ? "" : "; `cancel " + name + "` ends it")
                              : "no longer waited for: these jobs were begun at other terminals and go on");
    return true;
  }
  if (count == 1) {
    notice("no new runs begin; those in flight are waited for. Ctrl-C again stops them");
    if (others.empty() && job == 0) {
      engine().cancel_all();
    } else {
      for (const JobId one : ours) engine().cancel(one);
    }
  } else if (count == 2) {
    notice("stopping the runs in flight: they stay INCOMPLETE and go on later. Ctrl-C again leaves");
    bool alone = true;
    for (const JobFacts& facts : open_jobs(engine())) alone = alone && !is_of_another(facts.id);
    if (alone) {
      engine().stop_all();
    } else {
      for (const JobId one : ours) engine().stop(terminals().runs_of(one));
    }
  } else {
    interrupted_exit_ = true;
    leaving_ = true;
    return true;
  }
  return false;
}

void Shell::wait_for_job(JobId job) {
  interrupts_ = 0;
  int seen = 0;
  bool left = false;
  const auto over = [&] {
    if (ending_ != 0 || left) return true;
    const int now = interrupts_.load();
    if (now > seen) left = react_to_interrupt(job, seen = now);
    return left || leaving();
  };
  outside_turn([&] {
    if (!options_.interactive) {
      engine().wait(job, SteadyTime::max(), over);
      if (seen > 0) interrupted_exit_ = true;
      return;
    }
    const auto done = [&] { return over() || engine().wait(job, engine_now()); };
    WaitResult result = WaitResult::interrupted;
    while (result == WaitResult::interrupted && !done()) result = editor().wait(done);
    if (result == WaitResult::gone) end_by_signal(SIGHUP);
  });
}

void Shell::in_turn(const std::function<void()>& function) {
  if (turn_.held()) return function();
  const int before = interrupts_;
  if (!turn_.take([&] { return interrupts_ > before || ending_ != 0; }))
    throw Error("interrupted", "another terminal's command is still at work; this one was not begun", {},
                "`terminals` says what they do");
  struct Give {
    CommandGate::Turn& turn;
    ~Give() { turn.give(); }
  } const give{turn_};
  function();
}

void Shell::outside_turn(const std::function<void()>& function) {
  if (!turn_.held()) return function();
  turn_.give();
  struct Take {
    Shell& shell;
    ~Take() {
      // A shell that is to end does no more than come to its end.
      shell.turn_.take([this] { return shell.ending_ != 0; });
    }
  } const take{*this};
  function();
}

std::shared_ptr<ScoreWatch> Shell::score_watch(JobId job) {
  const std::lock_guard lock(rates_mutex_);
  const auto found = watches_.find(job);
  return found == watches_.end() ? nullptr : found->second;
}

void Shell::run_job(JobRequest request, const Selection& selection, Reply& reply, double until_narrower) {
  std::shared_ptr<ScoreWatch> watch;
  if (request.type == JobType::execute) {
    watch = std::make_shared<ScoreWatch>(table(), request.runs, until_narrower);
    if (until_narrower > 0) request.enough = [watch] { return watch->narrow_enough(); };
  }
  const JobId id = engine().start(request);
  terminals().began(id, number_, request.runs);
  if (watch) {
    {
      const std::lock_guard lock(rates_mutex_);
      watches_.emplace(id, watch);
    }
    if (engine().facts(id).state == JobFacts::State::done) watch->close();
  }
  JobFacts facts = engine().facts(id);
  if (facts.state == JobFacts::State::done) terminals().forget(id);
  std::string words = describe(selection);
  if (facts.skipped > 0) {
    const char* why = request.type == JobType::evaluate ? "not COMPLETE, or in another job"
                      : request.type == JobType::rerun  ? "in another job"
                                                        : "COMPLETE, or in another job";
    words += "; " + count_text(facts.skipped) + " skipped (" + why + ")";
    if (facts.selected > 0) words += ", " + count_text(facts.selected) + " in this job";
  }
  if (foreground()) {
    wait_for_job(id);
    facts = engine().facts(id);
    if (facts.state == JobFacts::State::paused && !facts.paused_because.empty()) {
      throw Error("held", "job #" + std::to_string(id) + " paused: " + facts.paused_because, {},
                  count_text(facts.complete) + " COMPLETE, " +
                      count_text(facts.waiting + facts.waiting_peers + facts.incomplete) +
                      " wait and nothing is lost; put it right, then `resume`, or `run_n` in a new session");
    }
    last_run_failed_ = facts.fail > 0;
    if (request.type != JobType::evaluate || facts.fail > 0) reply.line(words);
    reply.line(job_line(facts));
  } else {
    reply.line(words + ", job #" + std::to_string(id) + ", at most " + count_text(facts.width) + " in flight");
  }
  reply.result = job_json(facts);
}

void Shell::job_ended(const JobFacts& facts) {
  {
    const std::lock_guard lock(rates_mutex_);
    rates_.erase(facts.id);
  }
  if (const auto watch = score_watch(facts.id); watch && facts.state == JobFacts::State::done) watch->close();
  if (facts.selected > 0 && options_.interactive) editor().print_above(job_line(facts));
  editor().wake();
}

StyledText Shell::job_line(const JobFacts& facts) const {
  StyledText text;
  text.add("#" + std::to_string(facts.id) + " ", TextRole::dim);
  if (facts.state == JobFacts::State::paused) {
    text.add("paused: " + facts.paused_because, TextRole::warn);
    text.add("; " + count_text(facts.waiting + facts.waiting_peers + facts.incomplete) +
             " wait, nothing is lost; `resume` goes on");
    return text;
  }
  text.add(facts.state == JobFacts::State::cancelled ? "cancelled" : "done");
  text.add(" in " + format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::duration<double>(facts.seconds))));
  text.add(": ").add(count_text(facts.complete) + " COMPLETE", facts.complete > 0 ? TextRole::good : TextRole::plain);
  text.add(", ").add(count_text(facts.fail) + " FAIL", facts.fail > 0 ? TextRole::bad : TextRole::plain);
  if (facts.incomplete > 0) text.add(", ").add(count_text(facts.incomplete) + " INCOMPLETE", TextRole::warn);
  if (facts.cancelled > 0) text.add(", " + count_text(facts.cancelled) + " not begun");
  if (facts.scored > 0) {
    text.add("; score ")
        .add(ratio_text(static_cast<double>(facts.correct) / static_cast<double>(facts.scored)), TextRole::number);
    text.add(" (" + count_text(facts.correct) + " of " + count_text(facts.scored) + " scored)");
  }
  if (facts.cost > 0) text.add("; " + format_usd(facts.cost));
  if (facts.fail > 0) text.add("; `errors` groups them");
  if (facts.enough) text.add("; enough: its confidence sequence is as narrow as was asked");
  return text;
}

}  // namespace assay
