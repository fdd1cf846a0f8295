#pragma once
// A call of the step under way, as LiveStep keeps it. Internal to LiveStep: all of it under the door's lock, but for
// what Transmission says of itself.

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/engine/live_step.hpp"

namespace assay {

/// Between the worker and the commit callback: whether the bytes may still go out, and whether they did. The lock is
/// held while they are handed over, so that the effect can't go away under it.
struct Transmission {
  std::mutex mutex;
  bool allowed = true, sent = false;

  /// From now on nothing is handed over; says whether it has been.
  bool close() {
    const std::lock_guard lock(mutex);
    allowed = false;
    return sent;
  }
};

struct LiveStep::Call {
  std::unique_ptr<Effect> effect;
  std::shared_ptr<EffectPort> port;
  CallRecord record;
  std::string reply;
  std::optional<SteadyTime> timer;
  std::shared_ptr<Transmission> transmission;
  bool stored = false;      // its row exists
  bool between = false;     // a try has failed and is recorded, the next has not begun
  Pico possible_then = 0;   // what is recorded as possibly spent, when between
  bool committing = false;  // its end is on the way to the disk
  bool in_file = false;     // its answer comes with a file, in another session perhaps
  bool parked = false;      // not sent any more, since its run is to be interrupted
  bool done = false, replayed = false, taken = false;
  // Left by a thread that brought a message, for the worker to go on with.
  std::optional<EffectAction> pending;
  std::exception_ptr broken;
  bool live() const { return !done && !committing && !in_file && !parked; }
  bool on_its_way() const { return committing || (live() && stored && !between); }
};

}  // namespace assay
