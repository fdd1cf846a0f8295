#pragma once
// One command at a time, whichever terminal it was typed at: a lock that a terminal holds while its command computes or
// changes something, and gives back while it waits (for a job, an answer, its turn to be read). First come, first
// served. Any thread; a Turn is used by one.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>

namespace assay {

class CommandGate {
 public:
  class Turn {
   public:
    explicit Turn(CommandGate& gate) : gate_(gate) {}
    ~Turn() { give(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    /// Waits for the turn; false when `give_up` said so first (asked every 50 ms). Must not be held.
    bool take(const std::function<bool()>& give_up) { return held_ = gate_.enter(give_up); }
    /// Lets the next one in. Nothing when it isn't held.
    void give() {
      if (held_) gate_.leave();
      held_ = false;
    }
    bool held() const { return held_; }

   private:
    CommandGate& gate_;
    bool held_ = false;
  };

 private:
  bool enter(const std::function<bool()>& give_up) {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_++;
    queue_.push_back(ticket);
    while (taken_ || queue_.front() != ticket) {
      changed_.wait_for(lock, std::chrono::milliseconds(50));
      if ((taken_ || queue_.front() != ticket) && give_up()) {
        std::erase(queue_, ticket);
        changed_.notify_all();
        return false;
      }
    }
    queue_.pop_front();
    taken_ = true;
    return true;
  }
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::uint64_t> queue_;  // guarded by mutex_: those that wait, in their order
  std::uint64_t next_ = 0;           // guarded by mutex_
  bool taken_ = false;               // guarded by mutex_
};

}  // namespace assay
