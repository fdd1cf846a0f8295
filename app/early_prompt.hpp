#pragma once
// The prompt of an experiment that takes long to open: it appears after a moment, while the main thread still reads the
// file. What is typed is edited as ever; the first line that is entered waits, under a line that says how far the
// opening is, and is what the shell begins with. An experiment that is open by then never sees any of this.
//
// Thread rule: the main thread makes it, calls opened() and first_line(), and lets it go; at() and tell() from any
// thread. Between its making and first_line() the editor belongs to the thread within.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/signals.hpp"
#include "repl/line_editor.hpp"

namespace assay {

class EarlyPrompt {
 public:
  /// `title`: the first line on the terminal. The editor outlives it. `front`: as SignalThread has it.
  EarlyPrompt(LineEditor& editor, StyledText title, pid_t front);
  /// Takes the prompt away: the opening has failed, or first_line() has been called.
  ~EarlyPrompt();

  /// So many runs of all have been read.
  void at(std::size_t done, std::size_t all);
  /// A line above the prompt. False: there is none, it is to be told as ever.
  bool tell(const std::string& line);
  /// The shell is there: Tab and signals are its own from now on. True: a prompt has appeared.
  bool opened();
  /// SIGTERM, SIGHUP or SIGQUIT, when one came before opened(); 0: none did. The shell ends by it.
  int ended_by() const { return ended_by_; }
  /// After opened(), when it said true: what the person enters first. Waits for it.
  ReadResult first_line();

 private:
  enum class State { opening, opened, failed };
  void converse();
  std::optional<ReadResult> read_one();
  void on_signal(int signal);

  LineEditor& editor_;
  const StyledText title_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  State state_ = State::opening;
  bool begun_ = false;
  ReadResult result_;

  std::atomic<int> ended_by_{0};
  std::optional<SignalThread> signals_;
  std::thread thread_;
};

}  // namespace assay
