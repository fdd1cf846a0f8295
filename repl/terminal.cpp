#include "repl/terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "core/text/utf8.hpp"

namespace assay {

namespace {

std::string_view sgr_of(TextRole role) {
  switch (role) {
    case TextRole::plain:
      return "";
    case TextRole::title:
      return "\x1b[1m";
    case TextRole::dim:
      return "\x1b[2m";
    case TextRole::good:
      return "\x1b[32m";
    case TextRole::bad:
      return "\x1b[31m";
    case TextRole::warn:
      return "\x1b[33m";
    case TextRole::number:
      return "\x1b[36m";
    case TextRole::name:
      return "\x1b[34m";
    case TextRole::prompt:
      return "\x1b[1;34m";
  }
  return "";
}

// Reached from signal handlers: plain data behind one atomic flag.
termios remembered_mode;
int remembered_fd = -1;
std::atomic<bool> mode_is_remembered{false};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

StyledText& StyledText::add(const Printable& text, TextRole role) {
  if (text.empty()) return *this;
  if (!spans_.empty() && spans_.back().role == role) {
    spans_.back().text += text;
  } else {
    spans_.push_back({text, role});
  }
  return *this;
}

StyledText& StyledText::add(const StyledText& other) {
  const std::vector<Span> spans = other.spans_;  // a copy: `other` may be *this
  for (const Span& span : spans) add(span.text, span.role);
  return *this;
}

std::string StyledText::plain() const {
  std::string out;
  for (const Span& span : spans_) out += span.text.view();
  return out;
}

std::size_t StyledText::width() const {
  std::size_t sum = 0;
  for (const Span& span : spans_) sum += span.text.width();
  return sum;
}

StyledText StyledText::truncated(std::size_t columns) const {
  if (width() <= columns) return *this;
  StyledText out;
  if (columns == 0) return out;
  std::size_t left = columns;
  for (const Span& span : spans_) {
    const std::size_t span_width = span.text.width();
    if (span_width < left) {
      out.add(span.text, span.role);
      left -= span_width;
      continue;
    }
    // What follows is cut: a piece that ends exactly here needs a wider text to be given its ellipsis.
    out.add((span.text + safe("\u2026")).truncated(left), span.role);
    break;
  }
  return out;
}

std::string StyledText::render(bool colours) const {
  if (!colours) return plain();
  std::string out;
  for (const Span& span : spans_) {
    const std::string_view sgr = sgr_of(span.role);
    out += sgr;
    out += span.text.view();
    if (!sgr.empty()) out += "\x1b[0m";
  }
  return out;
}

std::string terminal_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

TerminalFacts terminal_facts(int fd, const TerminalEnvironment& environment) {
  TerminalFacts facts;
  if (fd < 0 || isatty(fd) != 1) return facts;
  const std::string term = environment("TERM");
  facts.is_terminal = true;
  facts.moves_cursor = !term.empty() && term != "dumb";
  facts.colours = facts.moves_cursor && environment("NO_COLOR").empty();
  const bool gnu_screen = term.starts_with("screen") && environment("TMUX").empty();
  facts.reflows = environment("XTERM_VERSION").empty() && !term.starts_with("linux") && !gnu_screen;
  return facts;
}

TerminalSize terminal_size(int fd) {
  TerminalSize size;
  winsize window{};
  if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &window) == 0) {
    if (window.ws_col > 0) size.columns = window.ws_col;
    if (window.ws_row > 0) size.rows = window.ws_row;
  }
  size.columns = std::max(size.columns, 2);
  size.rows = std::max(size.rows, 2);
  return size;
}

bool write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && errno == EAGAIN) {
      pollfd wait{fd, POLLOUT, 0};
      if (poll(&wait, 1, -1) < 0 && errno != EINTR) return false;
      if ((wait.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
    } else {
      return false;
    }
  }
  return true;
}

void Screen::put(std::string_view bytes) {
  if (sink_ != nullptr) {
    sink_->append(bytes);
  } else if (!gone_) {
    gone_ = !write_fully(fd_, bytes);
  }
}

void Screen::write(const StyledText& text) {
  if (port_ != nullptr) return port_->line(text, to_error_);
  put(text.render(facts_.colours));
}

void Screen::line(const StyledText& text) {
  if (port_ != nullptr) return port_->line(text, to_error_);
  put(text.render(facts_.colours) + "\n");
}

void Screen::json_line(std::string_view json) {
  if (port_ != nullptr) return port_->json_line(json);
  std::string bytes = facts_.is_terminal ? json_escape_unsafe(json) : std::string(json);
  bytes += '\n';
  put(bytes);
}

bool Screen::raw(std::string_view bytes) {
  if (facts_.is_terminal || port_ != nullptr) return false;
  put(bytes);
  return true;
}

void Screen::clear() {
  if (port_ != nullptr) return port_->clear();
  if (facts_.moves_cursor) put("\x1b[H\x1b[2J");
}

TerminalSize Screen::size() const {
  if (port_ != nullptr) return port_->size();
  return terminal_size(facts_.is_terminal ? fd_ : -1);
}

std::size_t Screen::table_width() const {
  return facts_.is_terminal ? static_cast<std::size_t>(size().columns) : std::size_t{0};
}

void remember_terminal_mode(int fd) {
  if (mode_is_remembered.load()) return;
  if (tcgetattr(fd, &remembered_mode) != 0) return;
  remembered_fd = fd;
  mode_is_remembered.store(true);
}

void restore_terminal_mode() noexcept {
  if (!mode_is_remembered.load()) return;
  static constexpr char kReset[] = "\x1b[?2004l\x1b[?25h\x1b[0m\r\n";
  const ssize_t ignored = ::write(remembered_fd, kReset, sizeof(kReset) - 1);
  static_cast<void>(ignored);
  tcsetattr(remembered_fd, TCSANOW, &remembered_mode);
}

void stop_process() {
  struct sigaction normal{}, before{};
  normal.sa_handler = SIG_DFL;
  sigemptyset(&normal.sa_mask);
  sigset_t only_stop, mask_before;
  sigemptyset(&only_stop);
  sigaddset(&only_stop, SIGTSTP);
  sigaction(SIGTSTP, &normal, &before);
  pthread_kill(pthread_self(), SIGTSTP);  // to this thread: another may be in sigwait for it
  pthread_sigmask(SIG_UNBLOCK, &only_stop, &mask_before);
  pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  sigaction(SIGTSTP, &before, nullptr);
}

}  // namespace assay
