#pragma once
// What other threads have to say to the UI thread: lines, live lines, and requests, with a descriptor to sleep on. The
// queue is bounded; nobody waits in it. Any thread, but take_* and the constructor's owner: the UI thread.

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

class LineMessages {
 public:
  static constexpr std::size_t kMaxLines = 4'096;

  LineMessages();
  ~LineMessages();
  LineMessages(const LineMessages&) = delete;
  LineMessages& operator=(const LineMessages&) = delete;

  void print(StyledText text);
  void set_status(std::vector<StyledText> lines);
  void interrupt() { request(interrupt_); }
  void resized() { request(resize_); }
  void suspend() { request(suspend_); }
  void wake() { notify(); }

  /// Readable when something has come since clear_wake().
  int wake_fd() const { return wake_fd_; }
  void clear_wake();
  bool has_lines() const;
  /// Oldest first; with a line that counts those that were dropped.
  std::vector<StyledText> take_lines();
  /// True and the newest when it was set since the last time.
  bool take_status(std::vector<StyledText>& lines);
  bool status_waits() const { return status_is_new_.load(); }
  bool take_interrupt() { return interrupt_.exchange(false); }
  bool take_resize() { return resize_.exchange(false); }
  bool take_suspend() { return suspend_.exchange(false); }

 private:
  void notify();
  void request(std::atomic<bool>& flag) {
    flag.store(true);
    notify();
  }

  const int wake_fd_;
  std::atomic<bool> interrupt_{false}, resize_{false}, suspend_{false}, status_is_new_{false};
  mutable std::mutex mutex_;
  // guarded by mutex_
  std::deque<StyledText> lines_;
  std::size_t dropped_ = 0;
  std::vector<StyledText> status_;
};

}  // namespace assay
