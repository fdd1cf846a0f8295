#pragma once
// Wakes one sleeping thread. A condition variable would do, at three times the price where thousands of threads sleep:
// glibc takes its mutex again as a contended one, so every wake-up is followed by a second system call, and a look
// through the kernel's list of sleepers, that wakes nobody.
//
// What is waited for stands elsewhere, under a lock: change it, let go of the lock, notify; the waiter looks, waits,
// and looks again.
//
// Thread rule: notify: any thread. wait_until: one thread at a time.

#include <semaphore.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <chrono>

namespace assay {

class Signal {
 public:
  Signal() { sem_init(&raised_, 0, 0); }
  ~Signal() { sem_destroy(&raised_); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify() {
    if (!pending_.exchange(true)) sem_post(&raised_);
  }
  /// False when `deadline` passed first.
  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    if (deadline == std::chrono::steady_clock::time_point::max()) {
      while (sem_wait(&raised_) != 0) {
      }
    } else {
      const auto since = deadline.time_since_epoch();
      const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
      const timespec until{static_cast<time_t>(seconds.count()),
                           static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
      while (sem_clockwait(&raised_, CLOCK_MONOTONIC, &until) != 0) {
        if (errno != EINTR) return false;
      }
    }
    pending_.exchange(false);
    return true;
  }

 private:
  sem_t raised_{};
  std::atomic<bool> pending_{false};
};

}  // namespace assay
