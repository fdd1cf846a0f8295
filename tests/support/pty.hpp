#pragma once
// A program in a pseudo-terminal, and what a person would see of it: its output goes through libvterm, so that tests
// assert rows of a screen, not escape bytes. One thread; nothing is read from the program unless a function here is
// called (all that wait do it).

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::test {

struct PtyOptions {
  int rows = 24;
  int columns = 80;
  /// The whole environment ("NAME=VALUE") beside TERM=xterm-256color, LANG=C.UTF-8, PATH and XTERM_VERSION (libvterm
  /// does not reflow on a resize, as xterm doesn't); the same name here replaces one of those, "NAME=" alone unsets it.
  std::vector<std::string> environment = {};
  std::string folder = {};  ///< working folder; empty: this one's
};

struct CursorPlace {
  int row = 0, column = 0;
  bool visible = true;
};

class Pty {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Starts argv[0] (a path) in a session of its own on a new terminal. Throws std::runtime_error.
  explicit Pty(const std::vector<std::string>& argv, const PtyOptions& options = {});
  /// Kills and reaps what is still there.
  ~Pty();
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  // Typing.
  void send(std::string_view bytes);
  /// Character by character (UTF-8), reading the program's output for `pause` after each.
  void type(std::string_view text, Milliseconds pause = Milliseconds(5));

  // Seeing.
  /// The rows, each up to the last cell that was written to; always as many as the terminal has.
  std::vector<std::string> screen() const;
  /// What has left the screen at its top, oldest first.
  const std::vector<std::string>& scrollback() const;
  /// Scrollback and screen joined by LF, empty rows at the end left out.
  std::string all_text() const;
  /// The screen's rows joined by nothing when a row is full, else by LF: wrapped text reads whole.
  std::string joined_text() const;
  CursorPlace cursor() const;
  /// Every byte that the program has written.
  const std::string& raw() const;
  /// For messages of failed checks.
  std::string describe() const;

  // Waiting. False: the time is over.
  bool wait_for(std::string_view text, Milliseconds time = Milliseconds(30'000));
  bool wait_until(const std::function<bool()>& condition, Milliseconds time = Milliseconds(30'000));
  /// Takes the program's output for this long.
  void pump(Milliseconds time);

  // The terminal and the process.
  void resize(int rows, int columns);
  termios mode() const;
  /// Hang-up: the master's end is closed.
  void close_terminal();
  void signal(int number);
  pid_t pid() const;
  /// The exit status, 128 + N when a signal N ended it; nothing when it still runs after `time`.
  std::optional<int> exit_status(Milliseconds time = Milliseconds(30'000));

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay::test
