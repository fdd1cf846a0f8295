#pragma once
// The programs of runs that are written in other languages: one thread starts them, reads what they say, and ends them.
// Those who talk to them never touch a process, so that a worker's end kills none and a wait for one can be
// interrupted.
//
// Promises: a program's whole process group ends with it, with its HostedProgram, with the host, and with assay, also
// when that is killed (a guard, a few lines of sh, sees its end; Linux ends the program itself at once). No line of
// more than kLongestLine is kept, of errors the last kErrorsKept; who does not read is not read from for ever: beyond
// kMostUnread the program waits.
//
// Thread rule: any thread. `listen`'s function is called on the host's thread: short, no waiting.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runners/llm/child_process.hpp"

namespace assay {

constexpr std::size_t kLongestLine = 8U << 20U;
constexpr std::size_t kMostUnread = 8U << 20U;
constexpr std::size_t kErrorsKept = 64U << 10U;

/// One process that is started, runs or has ended.
class HostedProgram {
 public:
  /// Ends it, unless it was told to.
  ~HostedProgram();
  HostedProgram(const HostedProgram&) = delete;
  HostedProgram& operator=(const HostedProgram&) = delete;

  /// A line to its input, "\n" added. Never waits: what doesn't fit is written as it reads.
  void send(std::string_view line);
  /// The next line that it has said.
  std::optional<std::string> next_line();
  /// Whether next_line or trouble has something to say.
  bool has_news() const;
  /// What of its end has been seen; in this order, when more is true.
  struct Trouble {
    enum class Kind { absent, too_long, ended, closed } kind = Kind::ended;
    std::string text;  // absent: why it couldn't be started; ended: "ended with status 1"
    int status = 0;    // ended: as wait(2) has it
  };
  /// Once its lines are all taken: why no more will come.
  std::optional<Trouble> trouble() const;
  /// What it has written to its standard error since the last call, the last kErrorsKept of it.
  std::string take_errors();
  /// Called when there is news; an empty function: no more.
  void listen(std::function<void()> wake);
  /// SIGTERM to its group, soon after SIGKILL.
  void terminate();
  /// It reads the end of its input; if that doesn't end it, terminate.
  void retire();

 private:
  friend class ProgramHost;
  struct State;
  explicit HostedProgram(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class ProgramHost {
 public:
  ProgramHost();
  /// Ends all programs, and waits for that (at most some seconds).
  ~ProgramHost();
  ProgramHost(const ProgramHost&) = delete;
  ProgramHost& operator=(const ProgramHost&) = delete;

  /// Asks for a process; doesn't wait for its start. `command.talks` is taken as true.
  std::unique_ptr<HostedProgram> start(ChildCommand command);
  /// Processes that have not ended.
  std::size_t running() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace assay
