// How a shell is left: by a command, by a signal, with runs in flight (shell.md 1, reliability.md 8).

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/text/duration.hpp"
#include "repl/open_jobs.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {

void Shell::join_terminals() {
  TerminalEntry entry;
  entry.owner = !options_.attached;
  entry.read_only = options_.read_only || store().read_only();
  entry.pid = options_.attached ? options_.pid : getpid();
  entry.since = experiment().clock().wall();
  number_ = terminals().add(*this, entry);
}

void Shell::leave_terminals() { terminals().remove(number_); }

void Shell::require_writable(const std::string& what) const {
  if (options_.read_only) {
    throw Error("read_only", what + ", and this terminal is attached for reading only", {},
                "attach without --read-only");
  }
  if (parts_.experiment.store().read_only())
    throw Error("read_only", what + ", and it is open for reading only", {}, "start without --read-only");
}

void Shell::clear_screen() {
  if (options_.interactive) out_.clear();
}

void Shell::detach() {
  if (options_.attached) {
    leaving_ = true;
    return;
  }
  if (!options_.cannot_detach.empty()) throw Error("usage", "this terminal can't be left: " + options_.cannot_detach);
  const std::size_t jobs = open_jobs(engine()).size(), others = terminals().list().size() - 1;
  if (jobs == 0 && others == 0 && !terminals().background_busy()) {
    throw Error("usage", "no job is in progress: there is nothing to go on with", {},
                "`exit` leaves; everything is in the experiment file");
  }
  out_.line(StyledText().add(jobs == 0 ? "the program goes on without this terminal"
                                       : "the jobs go on without this terminal"));
  out_.line(
      StyledText().add("`assay attach " + quote_shell_word(store().path()) + "` comes back to them", TextRole::dim));
  detached_ = true;
}

bool Shell::confirm(const std::string& question) {
  if (!options_.interactive) return false;
  out_.line(StyledText(safe(question)));  // a prompt is cut where it leaves no room to type
  ReadResult read;
  outside_turn([&] { read = editor().read(StyledText().add("[y/N] "), {}); });
  return read.kind == ReadResult::Kind::line && (read.text == "y" || read.text == "yes" || read.text == "Y");
}

void Shell::ask_before_leaving() {
  const std::vector<JobFacts> jobs = open_jobs(engine());
  const bool rests = std::all_of(jobs.begin(), jobs.end(), [](const JobFacts& job) {
    return job.state == JobFacts::State::paused && job.in_flight == 0;
  });
  if (!options_.interactive || options_.attached || !engine().busy() || rests) {
    leaving_ = true;
    return;
  }
  const Engine::Totals totals = engine().totals();
  out_.line(StyledText(safe(count_text(totals.in_flight_runs) + (totals.in_flight_runs == 1 ? " run is" : " runs are") +
                            " in flight: [d]rain (wait), [s]top (they go on next time), [c]ancel leaving?")));
  ReadResult read;
  outside_turn([&] { read = editor().read(StyledText().add("d, s or c: "), {}); });
  if (read.kind == ReadResult::Kind::end || read.text == "s" || read.text == "stop") {
    leaving_ = true;
  } else if (read.kind == ReadResult::Kind::gone) {
    end_by_signal(SIGHUP);
  } else if (read.text == "d" || read.text == "drain") {
    engine().cancel_all();
    wait_for_job(0);
    leaving_ = true;
  }
}

void Shell::wind_down() {
  terminals().stop_background();
  const auto grace = [&](const char* name) {
    return engine_now() + std::chrono::duration_cast<SteadyTime::duration>(parse_duration(settings().get(name)));
  };
  const int signal = ending_.load();
  if (signal == SIGTERM) {
    engine().drain_all();
    engine().wait(0, grace("term_grace"), [this] { return ending_ != SIGTERM; });
  } else if (signal == SIGHUP) {
    if (settings().get("on_hangup") == "go_on") {
      engine().wait(0, SteadyTime::max(), [this] { return ending_ != SIGHUP; });
    } else {
      engine().cancel_all();
      engine().wait(0, grace("hangup_grace"), [this] { return ending_ != SIGHUP; });
    }
  }
  engine().stop_all();
  engine().wait(0);
  terminals().join_background();
  engine().wait(0);
  store().flush();
}

int Shell::exit_status() const {
  if (ending_ == SIGTERM) return 143;
  if (ending_ == SIGHUP) return 129;
  if (ending_ == SIGQUIT) return 131;
  if (interrupted_exit_) return 130;
  if (failed_ && !options_.interactive) return 1;
  if (last_run_failed_ && !options_.interactive) return 3;
  return 0;
}

void Shell::interrupt() {
  ++interrupts_;
  editor().interrupt();
}

void Shell::end_by_signal(int signal) {
  // A lost terminal is told twice, as a signal and as the end of its input; a second SIGTERM means at once.
  const int before = ending_.load();
  if (before == SIGHUP && signal == SIGHUP) return;
  ending_ = before == SIGTERM && signal == SIGTERM ? SIGQUIT : signal;
  editor().interrupt();
  editor().wake();
}

}  // namespace assay
