#pragma once
// How lines come in, and how other threads speak while a person types. Two implementations: on a terminal GNU readline
// for keys, history and search with drawing of our own (what is typed is never written through), elsewhere plain lines.
//
// One UI thread at a time reads and waits. print_above, set_status, interrupt, resized, suspend and wake may be called
// by any thread, also while the UI thread is in read() or wait(); they only queue and never block on the terminal. They
// are not for signal handlers: the thread that does sigwait calls them.
//
// The terminal is in its usual mode whenever the UI thread is outside read() and wait(), and nothing of ours is drawn
// then: a command may print as it likes.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

struct ReadResult {
  enum class Kind {
    line,         ///< `text` is what was typed, several lines joined by LF when a quote went over them
    interrupted,  ///< Ctrl-C: the line is dropped
    end,          ///< Ctrl-D on an empty line, the end of a file
    gone          ///< the terminal is dead (hang-up, EIO); every later read() says so at once
  };
  Kind kind = Kind::end;
  std::string text;
};

enum class WaitResult { done, interrupted, gone };

struct Candidate {
  std::string text;          ///< replaces the line from Completions::begin to the cursor
  std::string note;          ///< shown beside it in a list; may be empty
  std::string suffix = " ";  ///< appended when it is the only one
};

struct Completions {
  std::size_t begin = 0;  ///< byte offset in the line, at most the cursor
  std::vector<Candidate> candidates;
};

/// `cursor`: byte offset in `line`. Runs in the UI thread while other threads go on.
using Completer = std::function<Completions(std::string_view line, std::size_t cursor)>;
/// Whether Enter ends the input (false: a quote is unfinished and a further line follows).
using IsComplete = std::function<bool(std::string_view text)>;

class LineEditor {
 public:
  virtual ~LineEditor() = default;

  // UI thread.
  /// What the first read() would do before it shows anything: where other threads begin before that.
  virtual void prepare() {}
  /// Shows the prompt and waits for a line. `continuation` stands before its further lines. Lines that aren't empty,
  /// don't repeat the one before and don't begin with a space go to the history.
  virtual ReadResult read(const StyledText& prompt, const StyledText& continuation) = 0;
  /// For a foreground command: shows what print_above and set_status bring until `done` says true (asked after every
  /// wake() and each 100 ms), or Ctrl-C, or the terminal is gone. What is typed meanwhile is kept for the next read().
  virtual WaitResult wait(const std::function<bool()>& done) = 0;
  /// True once after interrupt() came outside of read() and wait(): for commands that compute for long.
  virtual bool take_interrupt() = 0;
  /// These two: any thread, also while another is in read().
  virtual void set_completer(Completer completer) = 0;
  virtual void set_is_complete(IsComplete is_complete) = 0;
  /// Loads `path` (absent: empty) and appends to it from now on, one entry a line, 0600. Several shells may share it.
  /// Throws Error "file" when it can't be read or made.
  virtual void open_history(const std::string& path) = 0;
  /// The terminal is left for good, outside of read() and wait(): its descriptors are something else from now on.
  virtual void let_go() {}
  /// Oldest first.
  virtual std::vector<std::string> history() const = 0;

  // Any thread.
  /// A line (or more, with LF inside) above the prompt. Outside of read() and wait() it is kept for the next of them.
  /// At most 4,096 wait; of more the oldest are dropped and counted in a line.
  virtual void print_above(StyledText text) = 0;
  /// The live lines below the prompt, each cut to the width; drawn at most 10 times a second; empty takes them away.
  /// Without a terminal: written to the error output, at most one a second.
  virtual void set_status(std::vector<StyledText> lines) = 0;
  /// Ctrl-C.
  virtual void interrupt() = 0;
  /// read() or wait() says `interrupted`, and what it had drawn is taken away: there is nothing more to type for.
  virtual void take_away() { interrupt(); }
  /// SIGWINCH: draws anew for the new size.
  virtual void resized() = 0;
  /// SIGTSTP: gives the terminal back, stops the process, and draws anew after SIGCONT.
  virtual void suspend() = 0;
  /// Makes wait() ask `done` now.
  virtual void wake() = 0;
  /// Whether there is a person at a terminal that can be drawn on.
  virtual bool is_interactive() const = 0;
};

struct LineEditorOptions {
  int in = 0, out = 1, error = 2;  ///< not owned
  TerminalEnvironment environment = terminal_environment;
};

/// The readline editor when `in` and `out` are terminals and TERM isn't dumb; at most one of them exists at a time (the
/// library behind it has one state). Else the plain one: it shows a prompt only where both are terminals.
std::unique_ptr<LineEditor> make_line_editor(const LineEditorOptions& options = {});

}  // namespace assay
