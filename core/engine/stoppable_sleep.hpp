#pragma once
// A pause between two looks of a background thread that ends at once when the thread is to stop. Any thread.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace assay {

/// True after the whole `duration`, false when `stop` was requested.
inline bool sleep_unless_stopped(const std::stop_token& stop, std::chrono::milliseconds duration) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace assay
