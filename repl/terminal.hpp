#pragma once
// What reaches a terminal, and how: text with roles (never with escapes of its own), what is known of an output, and a
// writer that takes nothing but prepared text. Colours are roles until the last moment; an output that is no terminal,
// NO_COLOR or TERM=dumb gets the words alone.

#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/printable.hpp"

namespace assay {

enum class TextRole : std::uint8_t { plain, title, dim, good, bad, warn, number, name, prompt };

/// Text for a person: pieces of Printable, each with a role. A value; any thread.
class StyledText {
 public:
  struct Span {
    Printable text;
    TextRole role = TextRole::plain;
    friend bool operator==(const Span&, const Span&) = default;
  };

  StyledText() = default;
  StyledText(Printable text, TextRole role = TextRole::plain) {
    add(text, role);
  }  // NOLINT: a Printable is a StyledText
  StyledText& add(const Printable& text, TextRole role = TextRole::plain);
  StyledText& add(const StyledText& other);
  /// `text` goes through safe() (one line): for words of our own and of strangers alike.
  StyledText& add(std::string_view text, TextRole role = TextRole::plain) { return add(safe(text), role); }

  bool empty() const { return spans_.empty(); }
  const std::vector<Span>& spans() const { return spans_; }
  /// The words without roles.
  std::string plain() const;
  /// Terminal columns of a one-line text.
  std::size_t width() const;
  /// At most `columns` wide, ending in an ellipsis when something was cut.
  StyledText truncated(std::size_t columns) const;
  /// The bytes for an output: SGR sequences around roles when `colours`, else the words alone.
  std::string render(bool colours) const;

  friend bool operator==(const StyledText&, const StyledText&) = default;

 private:
  std::vector<Span> spans_;
};

/// What is known of one output. `moves_cursor`: cursor movements may be used (a terminal that is not dumb).
/// `reflows`: on a resize the terminal wraps its rows anew (most do; xterm, the Linux console and GNU screen do not).
struct TerminalFacts {
  bool is_terminal = false;
  bool colours = false;
  bool moves_cursor = false;
  bool reflows = true;
};

/// Looks a variable up; empty when it is not set.
using TerminalEnvironment = std::function<std::string(const char* name)>;
std::string terminal_environment(const char* name);
/// NO_COLOR (not empty) and TERM (dumb, empty) are honoured; XTERM_VERSION names a terminal that does not reflow.
TerminalFacts terminal_facts(int fd, const TerminalEnvironment& environment = terminal_environment);

struct TerminalSize {
  int columns = 80;
  int rows = 24;
  friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};
/// As it is now; 80 x 24 when nothing is known. Never under 2 x 2.
TerminalSize terminal_size(int fd);

/// All bytes, through EINTR and EAGAIN. False: the other side is gone (EPIPE, EIO, ..); SIGPIPE has to be ignored.
bool write_fully(int fd, std::string_view bytes);

/// A terminal that is somewhere else: what a Screen shows is handed on as it is, roles and all. One thread.
class OutputPort {
 public:
  virtual ~OutputPort() = default;
  /// `to_error`: beside the output proper.
  virtual void line(const StyledText& text, bool to_error) = 0;
  virtual void json_line(std::string_view json) = 0;
  virtual void paged(const std::vector<StyledText>& lines) = 0;
  virtual void clear() = 0;
  /// A line for the system's shell there, typed there; its exit status.
  virtual int run_shell_line(const std::string& line) = 0;
  /// Any thread.
  virtual TerminalSize size() = 0;
};

/// The writer of commands: prepared text only. One thread.
class Screen {
 public:
  /// Writes to `fd`, which it doesn't own.
  Screen(int fd, TerminalFacts facts) : fd_(fd), facts_(facts) {}
  /// Hands everything to `port`, which outlives it; `facts` are those of the terminal behind it.
  Screen(OutputPort& port, TerminalFacts facts, bool to_error) : facts_(facts), port_(&port), to_error_(to_error) {}
  /// Appends to `sink`, as to no terminal: for tests, captures and files.
  explicit Screen(std::string& sink) : sink_(&sink) {}

  void write(const StyledText& text);
  /// The text and a line end.
  void line(const StyledText& text = {});
  void line(std::string_view text) { line(StyledText().add(text)); }
  /// One line of JSON: on a terminal the unsafe code points are shown as \uXXXX, else it stays as it is.
  void json_line(std::string_view json);
  /// Bytes as they are, for `--raw`. False and nothing written on a terminal.
  bool raw(std::string_view bytes);
  void clear();

  bool is_terminal() const { return facts_.is_terminal; }
  const TerminalFacts& facts() const { return facts_; }
  int fd() const { return fd_; }
  TerminalSize size() const;
  /// The width that tables are cut to: the terminal's; 0 (never cut) where there is none.
  std::size_t table_width() const;
  /// The reader has gone: commands that only print may be skipped.
  bool gone() const { return gone_; }

 private:
  void put(std::string_view bytes);

  int fd_ = -1;
  TerminalFacts facts_;
  std::string* sink_ = nullptr;
  OutputPort* port_ = nullptr;
  bool to_error_ = false;
  bool gone_ = false;
};

/// Crash lines: remembers the terminal's mode as it is now (call before the first change; once is enough), and puts it
/// back with bracketed paste off and the cursor shown. The second is async-signal-safe, and nothing when the mode was
/// never remembered. They keep the one piece of state of the process that a signal handler can reach.
void remember_terminal_mode(int fd);
void restore_terminal_mode() noexcept;

/// Stops this process by SIGTSTP's default action, whatever the mask and the handler are, and returns after SIGCONT.
/// In an orphaned process group the kernel ignores it. The calling thread must be the one that gave the terminal back.
void stop_process();

}  // namespace assay
