#pragma once
// Signals of the process (reliability.md 8): blocked in all threads, read by one; crashes leave a usable terminal.
// Main thread.

#include <functional>
#include <thread>

namespace assay {

/// First thing in main: umask, blocked signals, no core dumps, the crash line. SIGPIPE is ignored.
void prepare_process();

class SignalThread {
 public:
  /// `handle` is called on this thread for SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGTSTP.
  explicit SignalThread(std::function<void(int)> handle);
  ~SignalThread();

 private:
  std::jthread thread_;
};

}  // namespace assay
