#pragma once
// The terminals of one program: the one that owns it and those that are attached. Who they are and what they execute,
// whose job is whose, what has to be told to all, the gate between their commands, and the work that goes on beside
// all of them.
//
// Thread rule: any thread. What is told reaches the terminals by Shell::notice and Shell::job_ended, which don't wait.

#include <sys/types.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/engine/job.hpp"
#include "repl/command_gate.hpp"

namespace assay {

class Shell;

struct TerminalEntry {
  std::size_t number = 0;  // from 1, never used again
  bool owner = false, read_only = false;
  pid_t pid = 0;
  WallTime since = 0;
  std::string does;  // the command being executed; "" at the prompt
};

class Terminals {
 public:
  ~Terminals();

  CommandGate& gate() { return gate_; }

  /// `entry.number` is given out. What was told while nobody was there is told to `shell`. The shell must be removed
  /// before it ends.
  std::size_t add(Shell& shell, TerminalEntry entry);
  void remove(std::size_t number);
  void set_does(std::size_t number, const std::string& line);
  std::vector<TerminalEntry> list() const;

  /// To all. With nobody there the last 20 are kept for who comes next.
  void tell(const std::string& text);
  void job_ended(const JobFacts& facts);

  /// A terminal has begun a job over `runs`.
  void began(JobId job, std::size_t number, std::vector<RunId> runs);
  /// Of a job that ended before anybody knew whose it is.
  void forget(JobId job);
  /// The terminal that began a job that is open; 0: none did, or it has ended.
  std::size_t beginner(JobId job) const;
  /// The runs of a job that a terminal began.
  std::vector<RunId> runs_of(JobId job) const;

  /// Work beside all prompts, one at a time (else throws Error); ends by its stop token when the program does. What it
  /// throws is told as a notice that begins with `name`.
  void in_background(const std::string& name, std::function<void(const std::stop_token&)> work);
  bool background_busy() const { return background_busy_; }
  void stop_background();
  void join_background();

 private:
  struct Known {
    TerminalEntry entry;
    Shell* shell = nullptr;
  };
  struct Begun {
    std::size_t number = 0;
    std::vector<RunId> runs;
  };

  CommandGate gate_;
  mutable std::mutex mutex_;
  // guarded by mutex_
  std::map<std::size_t, Known> known_;
  std::size_t next_ = 1;
  std::map<JobId, Begun> begun_;
  std::deque<std::string> kept_;
  std::vector<JobFacts> kept_jobs_;

  std::atomic<bool> background_busy_{false};
  std::mutex background_mutex_;
  std::jthread background_;
};

}  // namespace assay
