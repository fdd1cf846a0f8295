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
#include <string_view>
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

/// Whose an effect is: what is scarce is shared out by jobs, and runs already begun go before new ones.
struct EffectOrigin {
  RunId run = kNoRun;  // kNoRun: of none (tests)
  std::uint64_t job = 0;
  bool begun = false;
  std::string_view id = {};  // the run's in its batch; lives as long as the port
  std::uint32_t step = 0;    // as CallRecord::step
  std::uint32_t call = 1;    // which of the attempt's calls, by their places in the order of begin()
};

/// The way back into the step that waits. Shared, thread-safe.
class EffectPort {
 public:
  virtual ~EffectPort() = default;
  virtual void post(std::unique_ptr<EffectMessage> message) = 0;
  virtual EffectOrigin origin() const { return {}; }
  /// Its place in the step: "", "agent/2".
  virtual std::string_view key() const { return {}; }
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
  std::string model = {};    // who answered, when it was another than was asked first (a fallback)
  std::string note = {};     // a line for the run's log
  bool from_cache = false;   // an answer given before: nothing was sent
  Pico saved = 0;            // what it cost then
  bool keep_answer = false;  // it may be given again: goes into the cache
};
/// It stands in a file: commit that, and let its run wait for what the file brings. Nothing more happens to the effect.
struct EffectInFile {
  std::string file;   // as CallFiles::assign gave it
  Pico possible = 0;  // what it can cost at most; counted as possibly spent until the answer comes
  bool priced = false;
};
using EffectAction = std::variant<EffectWait, EffectRecordSent, EffectDone, EffectInFile>;

/// What an effect waits for, for people: "the back-off after overloaded: HTTP 503"; "" nothing, it is about to go on.
struct EffectWaiting {
  std::string what = {};
  std::optional<SteadyTime> until = std::nullopt;  // at the latest, where that is known
};

/// What an effect would take, for an estimate before anything is sent. Money as it would be reserved: at most.
struct EffectForecast {
  std::string refused = {};                          // why it can't go out at all; "" it can
  std::int64_t bytes_in = 0;                         // of text
  std::optional<std::int64_t> tokens_out_most = {};  // nullopt: nothing bounds the answer
  bool priced = false;
  Pico cost_most = 0;                            // where the answer is not bounded: of the request alone
  Pico in_price = 0, out_price = 0, price = 0;   // per token in and out, per request
  double per_minute = 0, tokens_per_minute = 0;  // limits that are known; 0: none
  std::int64_t concurrency = 0;
};

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
  /// Any thread, never while advance runs.
  virtual EffectWaiting waiting(SteadyTime) const { return {}; }
  /// Before the first advance.
  virtual EffectForecast forecast() const { return {}; }
  /// The run is stopped, timed out or fenced: give everything back (limiter place, transfer). No more advance.
  virtual void abandon() = 0;
};

}  // namespace assay
