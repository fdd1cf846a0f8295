#pragma once
// Where the worker of one attempt waits for everything: messages of its effects, commits of its records, the request
// to stop. One lock, one condition, so that a run in flight costs one sleeping thread and nothing else.
//
// Thread rule: post, committed, wake: any thread, also after the attempt has ended. take: the attempt's worker.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
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
    ready_.notify_one();
  }
  /// Makes take() return at once, this time (something outside the items has changed: stop, fence).
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    ready_.notify_one();
  }
  /// What has come, without waiting.
  std::vector<Item> poll() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    std::vector<Item> taken;
    taken.swap(items_);
    return taken;
  }
  /// Waits until something has come or `deadline`; empty on a deadline or a wake.
  std::vector<Item> take(SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    while (items_.empty() && !woken_) {
      if (!clock_.wait_until(ready_, lock, deadline)) break;
    }
    woken_ = false;
    std::vector<Item> taken;
    taken.swap(items_);
    return taken;
  }

 private:
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Item> items_;
  bool woken_ = false;
};

}  // namespace assay
