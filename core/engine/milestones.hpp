#pragma once
// Tells kinds what has become true of a whole batch (Kind::reached), on a thread of its own, once each time: what was
// told is noted in the experiment file with the number of attempts that the batch had then. What was reached just
// before the program died is told at the next opening.
//
// Thread rule: reached from any thread, also under the engine's lock; the rest from the thread that owns it.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/model/kind.hpp"
#include "core/model/run_table.hpp"
#include "core/store/store.hpp"

namespace assay {

class Milestones {
 public:
  struct Parts {
    Store& store;
    const RunTable& table;
    const KindRegistry& kinds;
    std::function<std::unique_ptr<BatchView>(BatchId)> view;
    std::function<WallTime()> now;
    std::function<void(const std::string&)> on_note;  // for the person; on the thread of this; may be empty
  };
  explicit Milestones(Parts parts);
  ~Milestones();  // stop

  void reached(BatchId batch, Milestone milestone);
  /// At opening: what nobody has been told of.
  void look_back();
  /// Waits until all has been told.
  void finish();
  /// finish, and nothing more is taken.
  void stop();

 private:
  struct Reached {
    BatchId batch = 0;
    Milestone milestone = Milestone::published;
    bool look = false;  // whether it is so has to be looked up
    bool operator==(const Reached&) const = default;
  };
  void add(Reached one);
  void work();
  void tell(const Reached& reached);
  void say(BatchId batch, const std::string& line);
  bool is_reached(const BatchInfo& batch, Milestone milestone);
  std::uint64_t attempts_of(const BatchInfo& batch) const;

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Reached> queue_;  // guarded by mutex_, as what follows
  bool busy_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace assay
