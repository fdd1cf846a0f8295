#pragma once
// Worker threads: one per run in flight, small stacks, made when needed. At most `computing` of them execute at the
// same time: a worker that is about to wait (Step does it for every call) lets the next one in, so 10,000 runs in
// flight are 10,000 sleeping threads and a handful that run. A worker that blocks without saying so (a runner's own
// sleep, an endless loop) is noticed by the monitor, which lets more in as long as nothing moves.
//
// Thread rule: all functions from any thread. Tasks run on the workers.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/engine/live_step.hpp"

namespace assay {

/// Where workers get their work. Both functions are called by any worker, also under the pool's lock: short, no
/// waiting.
class TaskSource {
 public:
  virtual ~TaskSource() = default;
  virtual bool has_task() = 0;
  /// An empty function when there is none after all.
  virtual std::function<void()> take_task() = 0;
};

/// One worker's place in the count.
struct WorkerSlot {
  std::atomic<bool> computing{false}, lost{false};
};

class Pool final : public BlockingScope {
 public:
  /// `computing`: how many workers may execute at the same time (>= 1).
  Pool(TaskSource& source, std::size_t computing);
  /// Waits for the workers; those given up by lose_worker are left behind.
  ~Pool() override;

  /// The source has (perhaps) more work.
  void kick();
  /// On a worker thread; elsewhere they do nothing.
  void blocking() override;
  void unblocked() override;
  /// The worker of the calling thread; nullptr elsewhere. A task keeps it so that others can give the worker up.
  static std::shared_ptr<WorkerSlot> current();
  /// Gives up a worker that doesn't come back: its place is free, another is made. If it comes back it ends.
  void lose(const std::shared_ptr<WorkerSlot>& slot);

  std::size_t threads() const;
  std::size_t lost() const;
  /// No more tasks are taken; returns when all workers but the lost ones have ended.
  void shutdown();

 private:
  struct Shared;
  static void* worker_main(void* shared);
  static void monitor_main(const std::shared_ptr<Shared>& shared, std::stop_token stop);

  std::shared_ptr<Shared> shared_;
  std::jthread monitor_;
};

}  // namespace assay
