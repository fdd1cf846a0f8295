#include "core/engine/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "core/engine/stoppable_sleep.hpp"

namespace assay {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackBytes = 2U << 20;
#else
constexpr std::size_t kStackBytes = 256U << 10;
#endif
constexpr auto kMonitorTick = std::chrono::milliseconds(20);
constexpr auto kIdleLife = std::chrono::seconds(5);

thread_local std::shared_ptr<WorkerSlot> this_worker;

}  // namespace

struct Pool::Shared : std::enable_shared_from_this<Shared> {
  std::mutex mutex;
  std::condition_variable work, ended;
  TaskSource* source = nullptr;
  std::size_t base = 2;   // workers that may compute at the same time
  std::size_t boost = 0;  // more of them while nothing moves
  std::size_t threads = 0, idle = 0, lost = 0;
  std::atomic<std::ptrdiff_t> computing{0};
  std::atomic<bool> maybe_work{
      true};  // false: whoever last looked found nothing to take, and nothing has changed since
  std::atomic<std::uint64_t> taken{0};  // tasks taken so far
  std::atomic<bool> closing{false};
  std::atomic<bool> wanted{false};  // somebody asks to let one in

  std::ptrdiff_t allowed() const { return static_cast<std::ptrdiff_t>(base + boost); }

  /// Lets one more worker begin, if there is something to begin and room to compute. Under the lock. True: a new one is
  /// needed; the caller makes it with spawn() once it has let go of the lock.
  [[nodiscard]] bool admit() {
    if (closing || computing >= allowed()) return false;
    maybe_work = false;
    if (!source->has_task()) return false;
    maybe_work = true;
    if (idle > 0) {
      work.notify_one();
      return false;
    }
    ++threads;
    return true;
  }

  /// Not under the lock: making a thread takes as long as a hundred of the locked sections.
  void spawn() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    auto* self = new std::shared_ptr<Shared>(shared_from_this());
    pthread_t thread{};
    if (pthread_create(&thread, &attributes, &Pool::worker_main, self) != 0) {
      // No more threads to be had: what waits is taken by the workers there are.
      delete self;
      const std::lock_guard lock(mutex);
      --threads;
      ended.notify_all();
    }
    pthread_attr_destroy(&attributes);
  }

  /// Admits for those who asked, without waiting for the lock: who holds it calls this when it has let go.
  void let_in() {
    while (wanted) {
      bool needed = false;
      {
        const std::unique_lock lock(mutex, std::try_to_lock);
        if (!lock) return;
        wanted = false;
        needed = admit();
      }
      if (needed) spawn();
    }
  }
};

Pool::Pool(TaskSource& source, std::size_t computing) : shared_(std::make_shared<Shared>()) {
  shared_->source = &source;
  shared_->base = std::max<std::size_t>(computing, 1);
  monitor_ = std::jthread([shared = shared_](std::stop_token stop) { monitor_main(shared, std::move(stop)); });
}

Pool::~Pool() { shutdown(); }

void Pool::kick() {
  shared_->maybe_work = true;
  shared_->wanted = true;
  shared_->let_in();
}

// Twice for every wait of every run: no lock unless somebody can be let in, and never a wait for it.
void Pool::blocking() {
  if (!this_worker || !this_worker->computing.exchange(false)) return;
  --shared_->computing;
  if (!shared_->maybe_work) return;
  shared_->wanted = true;
  shared_->let_in();
}

void Pool::unblocked() {
  if (!this_worker || this_worker->lost || this_worker->computing.exchange(true)) return;
  ++shared_->computing;
}

std::shared_ptr<WorkerSlot> Pool::current() { return this_worker; }

void Pool::lose(const std::shared_ptr<WorkerSlot>& slot) {
  bool needed = false;
  {
    const std::lock_guard lock(shared_->mutex);
    if (!slot || slot->lost.exchange(true)) return;
    ++shared_->lost;
    --shared_->threads;
    if (slot->computing.exchange(false)) --shared_->computing;
    needed = shared_->admit();
    shared_->ended.notify_all();
  }
  if (needed) shared_->spawn();
  shared_->let_in();
}

std::size_t Pool::threads() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->threads;
}

std::size_t Pool::lost() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->lost;
}

void Pool::shutdown() {
  {
    std::unique_lock lock(shared_->mutex);
    shared_->closing = true;
    shared_->work.notify_all();
    shared_->ended.wait(lock, [this] { return shared_->threads == 0; });
  }
  monitor_.request_stop();
  if (monitor_.joinable()) monitor_.join();
}

void* Pool::worker_main(void* raw) {
  const std::unique_ptr<std::shared_ptr<Shared>> holder(static_cast<std::shared_ptr<Shared>*>(raw));
  const std::shared_ptr<Shared> shared = *holder;
  const auto slot = std::make_shared<WorkerSlot>();
  this_worker = slot;
  pthread_setname_np(pthread_self(), "worker");
  std::unique_lock lock(shared->mutex);
  while (!shared->closing) {
    if (shared->computing < shared->allowed()) {
      if (std::function<void()> task = shared->source->take_task()) {
        ++shared->computing;
        slot->computing = true;
        ++shared->taken;
        const bool another = shared->admit();
        lock.unlock();
        if (another) shared->spawn();
        shared->let_in();
        // Who has ended one run goes on with the next at once, however many compute: it is awake, and the place is its
        // own. Falling asleep to be woken for it would cost more than most runs do.
        do {
          task();
          task = nullptr;
          if (slot->lost || shared->closing || !slot->computing) break;
          task = shared->source->take_task();
          if (task) ++shared->taken;
        } while (task);
        lock.lock();
        if (slot->computing.exchange(false)) --shared->computing;
        shared->maybe_work = true;
        if (slot->lost) {
          --shared->lost;
          return nullptr;
        }
        continue;
      }
    }
    if (shared->wanted.exchange(false) && shared->admit()) {
      lock.unlock();
      shared->spawn();
      lock.lock();
      continue;
    }
    ++shared->idle;
    const auto woken = shared->work.wait_for(lock, kIdleLife);
    --shared->idle;
    if (woken == std::cv_status::timeout && !shared->source->has_task()) break;
  }
  --shared->threads;
  shared->ended.notify_all();
  return nullptr;
}

void Pool::monitor_main(const std::shared_ptr<Shared>& shared, std::stop_token stop) {
  std::uint64_t seen = 0;
  while (sleep_unless_stopped(stop, kMonitorTick)) {
    std::size_t needed = 0;
    {
      const std::lock_guard lock(shared->mutex);
      if (shared->closing) continue;
      if (!shared->source->has_task()) {
        shared->boost = 0;
      } else if (shared->taken == seen) {
        // Work waits and nobody took any for a whole tick: those who compute don't come back.
        shared->boost = std::max<std::size_t>(2 * shared->boost, 2);
        for (std::size_t i = 0; i < shared->boost; ++i) needed += shared->admit() ? 1 : 0;
      } else {
        needed += shared->admit() ? 1 : 0;
      }
    }
    for (; needed > 0; --needed) shared->spawn();
    shared->let_in();
    seen = shared->taken;
  }
}

}  // namespace assay
