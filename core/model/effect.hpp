#pragma once
// An effect is one thing a step asks of the outside world and that must be recorded: a model call. The engine's Step
// drives it as a small state machine on the run's worker thread, so that several effects of one step are under way at
// the same time without a thread each, and so that core needs to know nothing of HTTP.
//
//   begin -> [ledger has it? -> replayed] -> advance(start) -> .. record_sent -> .. message/timer .. -> done ->
//   committed
//
// The order is the promise: the bytes of a try leave only after the commit of its `sent` record (the engine calls
// RecordSent::transmit from the commit), and get() returns only after the commit of the result.
//
// Thread rule: advance, abandon and the destructor run on the worker thread of the run, or (advance, with a message
// that is quick()) on the thread that posts the message while the worker waits; never two at a time. EffectPort::post
// may be called by any thread, at any time, also after the effect is gone (then it does nothing).

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/model/call.hpp"
#include "core/model/call_files.hpp"

namespace assay {

using SteadyTime = std::chrono::steady_clock::time_point;

/// What an effect's own parts (limiter, transport) send to it.
struct EffectMessage {
  virtual ~EffectMessage() = default;
  /// Whether the thread that posts it may advance the effect with it: some microseconds of work, no waiting. Saves
  /// waking the worker for nothing but to hand a result to the store.
  virtual bool quick() const { return false; }
};

/// The way back into the step that waits. Shared, thread-safe.
class EffectPort {
 public:
  virtual ~EffectPort() = default;
  virtual void post(std::unique_ptr<EffectMessage> message) = 0;
  /// Whose effect it is; kNoRun where there is none (tests).
  virtual RunId run() const { return kNoRun; }
  /// Set: what has to be sent is put into these files instead (EffectInFile). nullptr: it is sent.
  virtual CallFiles* files() const { return nullptr; }
};

struct EffectEvent {
  enum class Kind { start, message, timer, stop };  // timer: the deadline of the last Wait has come
  Kind kind = Kind::start;
  std::unique_ptr<EffectMessage> message;
};

/// Wait for a message, or until `deadline`. `failed`: a try has just failed and another will follow (back-off, a paused
/// lane): recorded at once, so that after a crash the call is not taken for one that was on its way.
struct EffectWait {
  std::optional<SteadyTime> deadline;
  std::optional<TryRecord> failed = std::nullopt;
};
/// Commit that a try is about to be sent, then call `transmit` (on the store's writer thread: hand over, don't block),
/// while the effect lives, and wait as EffectWait does. `previous`: the failed try before it, when this is a retry.
struct EffectRecordSent {
  std::function<void(CallId, std::uint32_t try_number)> transmit;
  std::optional<TryRecord> previous;
  Pico reserved = 0;
  std::optional<SteadyTime> deadline;
};
/// The effect has ended: commit it, then let get() return. `reply`: the bytes as received (may be empty).
struct EffectDone {
  CallState state = CallState::failed;  // answered or failed
  TryRecord last_try;
  TokenUsage usage;
  Pico cost = 0, possible = 0;
  bool priced = false;
  CallDoubt doubt = CallDoubt::none;
  std::string reply;
  std::string model = {};  // who answered, when it was another than was asked first (a fallback)
};
/// It stands in a file: commit that, and let its run wait for what the file brings. Nothing more happens to the effect.
struct EffectInFile {
  std::string file;   // as CallFiles::assign gave it
  Pico possible = 0;  // what it can cost at most; counted as possibly spent until the answer comes
  bool priced = false;
};
using EffectAction = std::variant<EffectWait, EffectRecordSent, EffectDone, EffectInFile>;

class Effect {
 public:
  virtual ~Effect() = default;

  /// The recorded identity of the request (models.md 5.2): equal hash, equal request.
  virtual Hash128 request_hash() const = 0;
  /// The request as it is stored: a JSON text.
  virtual const std::string& request_text() const = 0;
  virtual const std::string& model() const = 0;
  virtual const std::string& lane() const = 0;

  virtual EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime now) = 0;
  /// The run is stopped, timed out or fenced: give everything back (limiter place, transfer). No more advance.
  virtual void abandon() = 0;
};

}  // namespace assay
