#include "repl/line_messages.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <iterator>
#include <system_error>

#include "core/text/duration.hpp"

namespace assay {

LineMessages::LineMessages() : wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

LineMessages::~LineMessages() { ::close(wake_fd_); }

void LineMessages::notify() {
  const std::uint64_t one = 1;
  // Full (EAGAIN) means that it is awake already.
  const ssize_t ignored = ::write(wake_fd_, &one, sizeof one);
  static_cast<void>(ignored);
}

void LineMessages::clear_wake() {
  std::uint64_t count = 0;
  const ssize_t ignored = ::read(wake_fd_, &count, sizeof count);
  static_cast<void>(ignored);
}

void LineMessages::print(StyledText text) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() == kMaxLines) {
      lines_.pop_front();
      ++dropped_;
    }
    lines_.push_back(std::move(text));
  }
  notify();
}

void LineMessages::set_status(std::vector<StyledText> lines) {
  {
    const std::lock_guard lock(mutex_);
    if (lines == status_) return;
    status_ = std::move(lines);
    status_is_new_.store(true);
  }
  notify();
}

bool LineMessages::has_lines() const {
  const std::lock_guard lock(mutex_);
  return !lines_.empty();
}

std::vector<StyledText> LineMessages::take_lines() {
  const std::lock_guard lock(mutex_);
  std::vector<StyledText> out;
  if (dropped_ > 0) {
    out.push_back(
        StyledText().add(format_count(static_cast<std::int64_t>(dropped_)) + " lines not shown", TextRole::dim));
    dropped_ = 0;
  }
  out.insert(out.end(), std::make_move_iterator(lines_.begin()), std::make_move_iterator(lines_.end()));
  lines_.clear();
  return out;
}

bool LineMessages::take_status(std::vector<StyledText>& lines) {
  const std::lock_guard lock(mutex_);
  if (!status_is_new_.exchange(false)) return false;
  lines = status_;
  return true;
}

}  // namespace assay
