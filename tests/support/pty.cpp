#include "tests/support/pty.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace assay::test {

namespace {

using Clock = std::chrono::steady_clock;

void append_code_point(std::string& out, std::uint32_t value) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0 | (value >> 6));
    put(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    put(0xE0 | (value >> 12));
    put(0x80 | ((value >> 6) & 0x3F));
    put(0x80 | (value & 0x3F));
  } else {
    put(0xF0 | (value >> 18));
    put(0x80 | ((value >> 12) & 0x3F));
    put(0x80 | ((value >> 6) & 0x3F));
    put(0x80 | (value & 0x3F));
  }
}

void append_cell(std::string& out, const VTermScreenCell& cell) {
  if (cell.chars[0] == 0) {
    out += ' ';
    return;
  }
  if (cell.chars[0] == 0xFFFFFFFF) return;  // the second half of a wide character
  for (const std::uint32_t value : cell.chars) {
    if (value == 0) break;
    append_code_point(out, value);
  }
}

// Up to the last cell that something was written to, spaces included.
template <typename CellAt>
std::string row_text(int columns, CellAt&& cell_at) {
  while (columns > 0 && cell_at(columns - 1).chars[0] == 0) --columns;
  std::string out;
  for (int i = 0; i < columns; ++i) append_cell(out, cell_at(i));
  return out;
}

std::vector<std::string> environment_of(const PtyOptions& options) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> out = {"TERM=xterm-256color", "LANG=C.UTF-8", "XTERM_VERSION=XTerm(379)",
                                  std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path)};
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  }
  for (const std::string& entry : options.environment) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    std::erase_if(out, [&](const std::string& other) { return other.starts_with(name); });
    if (entry.size() > name.size()) out.push_back(entry);
  }
  return out;
}

}  // namespace

struct Pty::Impl {
  int master = -1;
  pid_t child = -1;
  std::optional<int> status;
  VTerm* vterm = nullptr;
  VTermScreen* screen = nullptr;
  int rows = 0, columns = 0;
  std::vector<std::string> scrollback;
  std::string raw;
  CursorPlace cursor;

  static int pushed(int columns, const VTermScreenCell* cells, void* user) {
    static_cast<Impl*>(user)->scrollback.push_back(row_text(columns, [&](int i) { return cells[i]; }));
    return 1;
  }
  static int moved(VTermPos place, VTermPos /*old*/, int visible, void* user) {
    static_cast<Impl*>(user)->cursor = {place.row, place.col, visible != 0};
    return 1;
  }
  static int property(VTermProp name, VTermValue* value, void* user) {
    if (name == VTERM_PROP_CURSORVISIBLE) static_cast<Impl*>(user)->cursor.visible = value->boolean != 0;
    return 1;
  }

  bool cell(int row, int column, VTermScreenCell& out) const {
    return vterm_screen_get_cell(screen, VTermPos{row, column}, &out) != 0;
  }

  // False: the program's side is closed.
  bool read_once(int timeout_ms) {
    if (master < 0) {
      std::this_thread::sleep_for(Milliseconds(std::min(timeout_ms, 10)));
      return false;
    }
    pollfd wait{master, POLLIN, 0};
    if (poll(&wait, 1, timeout_ms) <= 0) return true;
    char bytes[65536];
    const ssize_t count = ::read(master, bytes, sizeof bytes);
    if (count <= 0) {
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
      std::this_thread::sleep_for(Milliseconds(std::min(timeout_ms, 5)));
      return false;
    }
    raw.append(bytes, static_cast<std::size_t>(count));
    vterm_input_write(vterm, bytes, static_cast<std::size_t>(count));
    char answer[1024];
    while (const std::size_t size = vterm_output_read(vterm, answer, sizeof answer)) {
      if (::write(master, answer, size) < 0) break;
    }
    return true;
  }
};

Pty::Pty(const std::vector<std::string>& argv, const PtyOptions& options) : impl_(std::make_unique<Impl>()) {
  static const VTermScreenCallbacks kCallbacks = {.damage = nullptr,
                                                  .moverect = nullptr,
                                                  .movecursor = &Impl::moved,
                                                  .settermprop = &Impl::property,
                                                  .bell = nullptr,
                                                  .resize = nullptr,
                                                  .sb_pushline = &Impl::pushed,
                                                  .sb_popline = nullptr};
  impl_->rows = options.rows;
  impl_->columns = options.columns;
  impl_->vterm = vterm_new(options.rows, options.columns);
  vterm_set_utf8(impl_->vterm, 1);
  impl_->screen = vterm_obtain_screen(impl_->vterm);
  vterm_screen_set_callbacks(impl_->screen, &kCallbacks, impl_.get());
  vterm_screen_enable_altscreen(impl_->screen, 1);
  vterm_screen_reset(impl_->screen, 1);

  std::vector<std::string> words = argv, variables = environment_of(options);
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  winsize size{};
  size.ws_row = static_cast<unsigned short>(options.rows);
  size.ws_col = static_cast<unsigned short>(options.columns);
  impl_->child = forkpty(&impl_->master, nullptr, nullptr, &size);
  if (impl_->child < 0) throw std::runtime_error("forkpty failed");
  if (impl_->child == 0) {
    if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
    execve(arguments[0], arguments.data(), environment.data());
    _exit(127);
  }
  fcntl(impl_->master, F_SETFD, FD_CLOEXEC);
  fcntl(impl_->master, F_SETFL, fcntl(impl_->master, F_GETFL) | O_NONBLOCK);
}

Pty::~Pty() {
  if (!impl_->status) {
    ::kill(impl_->child, SIGKILL);
    ::kill(impl_->child, SIGCONT);
    int status = 0;
    waitpid(impl_->child, &status, 0);
  }
  if (impl_->master >= 0) ::close(impl_->master);
  vterm_free(impl_->vterm);
}

void Pty::send(std::string_view bytes) {
  while (!bytes.empty() && impl_->master >= 0) {
    const ssize_t count = ::write(impl_->master, bytes.data(), std::min<std::size_t>(bytes.size(), 512));
    if (count < 0 && errno != EINTR && errno != EAGAIN) return;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    // A program that can't write doesn't read either: what it says is taken meanwhile.
    impl_->read_once(count > 0 ? 0 : 2);
  }
}

void Pty::type(std::string_view text, Milliseconds pause) {
  while (!text.empty()) {
    std::size_t length = 1;
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
    send(text.substr(0, length));
    text.remove_prefix(length);
    pump(pause);
  }
}

std::vector<std::string> Pty::screen() const {
  std::vector<std::string> out;
  for (int row = 0; row < impl_->rows; ++row) {
    out.push_back(row_text(impl_->columns, [&](int column) {
      VTermScreenCell cell{};
      impl_->cell(row, column, cell);
      return cell;
    }));
  }
  return out;
}

const std::vector<std::string>& Pty::scrollback() const { return impl_->scrollback; }

std::string Pty::all_text() const {
  std::string out;
  for (const std::string& row : impl_->scrollback) out += row + "\n";
  for (const std::string& row : screen()) out += row + "\n";
  out.erase(out.find_last_not_of('\n') + 1);
  return out;
}

std::string Pty::joined_text() const {
  std::string out;
  const std::vector<std::string> rows = screen();
  for (int row = 0; row < impl_->rows; ++row) {
    out += rows[static_cast<std::size_t>(row)];
    VTermScreenCell last{}, before{};
    impl_->cell(row, impl_->columns - 1, last);
    if (impl_->columns > 1) impl_->cell(row, impl_->columns - 2, before);
    // A wide character that did not fit leaves one empty cell at the end.
    VTermScreenCell next{};
    const bool wide_next = row + 1 < impl_->rows && impl_->cell(row + 1, 0, next) && next.width == 2;
    const bool full = last.chars[0] != 0 || (wide_next && before.chars[0] != 0);
    if (!full) out += '\n';
  }
  return out;
}

CursorPlace Pty::cursor() const { return impl_->cursor; }
const std::string& Pty::raw() const { return impl_->raw; }
pid_t Pty::pid() const { return impl_->child; }

std::string Pty::describe() const {
  std::string out = "cursor " + std::to_string(impl_->cursor.row) + "," + std::to_string(impl_->cursor.column) + "\n";
  for (const std::string& row : screen()) out += "|" + row + "\n";
  return out;
}

bool Pty::wait_until(const std::function<bool()>& condition, Milliseconds time) {
  const auto end = Clock::now() + time;
  for (;;) {
    if (condition()) return true;
    if (Clock::now() >= end) return false;
    impl_->read_once(10);
  }
}

bool Pty::wait_for(std::string_view text, Milliseconds time) {
  return wait_until([&] { return all_text().find(text) != std::string::npos; }, time);
}

void Pty::pump(Milliseconds time) {
  const auto end = Clock::now() + time;
  do {
    const auto left = std::chrono::ceil<Milliseconds>(end - Clock::now());
    impl_->read_once(static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 10)));
  } while (Clock::now() < end);
}

void Pty::resize(int rows, int columns) {
  while (impl_->master >= 0) {  // what was written for the old size is shown in it
    pollfd wait{impl_->master, POLLIN, 0};
    if (poll(&wait, 1, 0) <= 0 || !impl_->read_once(0)) break;
  }
  impl_->rows = rows;
  impl_->columns = columns;
  vterm_set_size(impl_->vterm, rows, columns);
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ioctl(impl_->master, TIOCSWINSZ, &size);
}

termios Pty::mode() const {
  termios out{};
  if (tcgetattr(impl_->master, &out) != 0) throw std::runtime_error("tcgetattr failed");
  return out;
}

void Pty::close_terminal() {
  if (impl_->master >= 0) ::close(impl_->master);
  impl_->master = -1;
}

void Pty::signal(int number) { ::kill(impl_->child, number); }

std::optional<int> Pty::exit_status(Milliseconds time) {
  const auto end = Clock::now() + time;
  while (!impl_->status) {
    int status = 0;
    if (waitpid(impl_->child, &status, WNOHANG) == impl_->child) {
      impl_->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      while (impl_->master >= 0) {  // its last words
        pollfd wait{impl_->master, POLLIN, 0};
        if (poll(&wait, 1, 0) <= 0 || !impl_->read_once(0)) break;
      }
      break;
    }
    if (Clock::now() >= end) return std::nullopt;
    impl_->read_once(10);
  }
  return impl_->status;
}

}  // namespace assay::test
