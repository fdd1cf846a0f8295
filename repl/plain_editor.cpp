#include "repl/plain_editor.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace assay {

namespace {
constexpr std::size_t kMaxLineBytes = 16U << 20;
}

PlainEditor::PlainEditor(const LineEditorOptions& options)
    : in_(options.in),
      out_(options.out),
      error_(options.error),
      prompts_(isatty(options.in) == 1 && isatty(options.out) == 1),
      keeps_history_(isatty(options.in) == 1) {}

PlainEditor::Wait PlainEditor::wait_for_bytes(int timeout_ms, bool with_input) {
  pollfd waits[2] = {{messages_.wake_fd(), POLLIN, 0}, {in_, POLLIN, 0}};
  const int count = poll(waits, with_input ? 2 : 1, timeout_ms);
  if (count < 0) return errno == EINTR || errno == EAGAIN ? Wait::woken : Wait::gone;
  if (count == 0) return Wait::time_out;
  if ((waits[0].revents & POLLIN) != 0) {
    messages_.clear_wake();
    return Wait::woken;
  }
  return Wait::input;  // a hang-up too: read() tells
}

void PlainEditor::print_waiting_lines() {
  for (const StyledText& line : messages_.take_lines()) write_fully(out_, line.plain() + "\n");
}

ReadResult::Kind PlainEditor::next_line(std::string& line) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos || (at_end_ && !buffer_.empty())) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end == std::string::npos ? end : end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return ReadResult::Kind::line;
    }
    if (at_end_) return ReadResult::Kind::end;
    searched = buffer_.size();
    const Wait wait = wait_for_bytes(-1, true);
    if (messages_.take_interrupt()) return ReadResult::Kind::interrupted;
    print_waiting_lines();
    if (wait == Wait::gone) at_end_ = true;
    if (wait != Wait::input) continue;
    char bytes[16384];
    const ssize_t count = ::read(in_, bytes, sizeof bytes);
    if (count > 0) {
      buffer_.append(bytes, static_cast<std::size_t>(count));
      if (buffer_.size() > kMaxLineBytes && buffer_.find('\n', searched) == std::string::npos) at_end_ = true;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      at_end_ = true;
      if (prompts_ && (count < 0 || isatty(in_) != 1)) return ReadResult::Kind::gone;
    }
  }
}

ReadResult PlainEditor::read(const StyledText& prompt, const StyledText& continuation) {
  messages_.take_interrupt();  // it was meant for what ran before
  ReadResult result{ReadResult::Kind::line, {}};
  for (bool first = true;; first = false) {
    print_waiting_lines();
    if (prompts_) write_fully(out_, (first ? prompt : continuation).plain());
    std::string line;
    const ReadResult::Kind kind = next_line(line);
    if (kind == ReadResult::Kind::interrupted && prompts_) write_fully(out_, "\n");
    if (kind != ReadResult::Kind::line) {
      // What stands before the end of a file belongs to the line, complete or not.
      if (kind == ReadResult::Kind::end && !first) return result;
      return {kind, {}};
    }
    result.text += first ? line : "\n" + line;
    if (!is_complete_ || is_complete_(result.text)) break;
  }
  if (keeps_history_) history_.add(result.text);
  return result;
}

WaitResult PlainEditor::wait(const std::function<bool()>& done) {
  for (;;) {
    print_waiting_lines();
    if (done()) return WaitResult::done;
    wait_for_bytes(100, false);
    if (messages_.take_interrupt()) return WaitResult::interrupted;
  }
}

void PlainEditor::set_status(std::vector<StyledText> lines) {
  if (lines.empty()) return;
  const std::lock_guard lock(status_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (status_written_.time_since_epoch().count() != 0 && now - status_written_ < std::chrono::seconds(1)) return;
  std::string bytes;
  for (const StyledText& line : lines) bytes += line.plain() + "\n";
  if (bytes == status_last_) return;  // a log is no place to say the same for hours
  status_written_ = now;
  write_fully(error_, bytes);
  status_last_ = std::move(bytes);
}

}  // namespace assay
