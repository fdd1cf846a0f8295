// The jobs that a shell begins and waits for, and the line that says how one ended.

#include <csignal>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {

void Shell::wait_for_job(JobId job) {
  interrupts_ = 0;
  int seen = 0;
  const auto react = [&] {
    if (ending_ != 0) return true;
    const int now = interrupts_.load();
    if (now <= seen) return false;
    seen = now;
    if (seen == 1) {
      notice("no new runs begin; those in flight are waited for. Ctrl-C again stops them");
      if (job == 0) {
        engine().cancel_all();
      } else {
        engine().cancel(job);
      }
    } else if (seen == 2) {
      notice("stopping the runs in flight: they stay INCOMPLETE and go on later. Ctrl-C again leaves");
      engine().stop_all();
    } else {
      interrupted_exit_ = true;
      leaving_ = true;
      return true;
    }
    return false;
  };
  if (options_.interactive) {
    const auto over = [&] {
      react();
      return leaving() || engine().wait(job, engine_now());
    };
    while (true) {
      const WaitResult result = editor().wait(over);
      if (result == WaitResult::interrupted) {
        ++interrupts_;
        react();
        if (leaving()) return;
        continue;
      }
      if (result == WaitResult::gone) end_by_signal(SIGHUP);
      break;
    }
  } else {
    engine().wait(job, SteadyTime::max(), react);
    if (seen > 0) interrupted_exit_ = true;
  }
}

void Shell::in_background(const std::string& name, std::function<void(const std::stop_token&)> work) {
  if (background_busy_.exchange(true)) {
    throw Error("usage", "lane=auto is at work already", {}, "it ends with its runs, or when the program is left");
  }
  background_ = std::jthread([this, name, work = std::move(work)](const std::stop_token& stop) {
    try {
      work(stop);
    } catch (const Error& error) {
      notice(name + ": " + error.what() + (error.hint().empty() ? "" : " [" + error.hint() + "]"));
    } catch (const std::exception& error) {
      notice(name + ": " + error.what());
    }
    background_busy_ = false;
  });
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
  if (watch) {
    {
      const std::lock_guard lock(rates_mutex_);
      watches_.emplace(id, watch);
    }
    if (engine().facts(id).state == JobFacts::State::done) watch->close();
  }
  JobFacts facts = engine().facts(id);
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
