#pragma once
// Where the worker of one attempt waits for everything: messages of its effects, commits of its records, the request
// to stop. One lock, one signal, so that a run in flight costs one sleeping thread and nothing else.
//
// Thread rule: post, committed, wake: any thread, also after the attempt has ended. take: the attempt's worker.

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/effect.hpp"

namespace assay {

class Mailbox {
 public:
  struct Item {
    std::uint32_t call = 0;                  // index of the effect within its step
    std::uint32_t epoch = 0;                 // which step it belongs to
    std::unique_ptr<EffectMessage> message;  // nullptr: the call's end has been committed
  };

  explicit Mailbox(Clock& clock) : clock_(clock) {}

  void post(Item item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    ready_.notify();
  }
  /// Makes take() return at once, this time (something outside the items has changed: stop, fence).
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    ready_.notify();
  }
  /// What has come, without waiting. A wake is kept for take(): what it is about may have been looked at before it
  /// came.
  std::vector<Item> poll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }
  /// Waits until something has come or `deadline`; empty on a deadline or a wake.
  std::vector<Item> take(SteadyTime deadline) {
    for (bool in_time = true;;) {
      {
        const std::lock_guard lock(mutex_);
        if (!items_.empty() || woken_ || !in_time) {
          woken_ = false;
          return std::exchange(items_, {});
        }
      }
      in_time = clock_.wait_until(ready_, deadline);
    }
  }

 private:
  Clock& clock_;
  std::mutex mutex_;
  Signal ready_;
  std::vector<Item> items_;
  bool woken_ = false;
};

}  // namespace assay
