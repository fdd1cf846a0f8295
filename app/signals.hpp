#pragma once
// Signals of the process (reliability.md 8): blocked in all threads, read by one; crashes leave a usable terminal.
// Main thread.

#include <sys/types.h>

#include <functional>
#include <thread>

namespace assay {

/// First thing in main: umask, blocked signals, no core dumps, the crash line. SIGPIPE is ignored.
void prepare_process();

class SignalThread {
 public:
  /// `handle` is called on this thread for SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGTSTP. What `front` (the
  /// process in front of this one, 0: none) hands on and what was sent to both at once counts as one.
  explicit SignalThread(std::function<void(int)> handle, pid_t front = 0);
  ~SignalThread();

 private:
  std::jthread thread_;
};

}  // namespace assay
