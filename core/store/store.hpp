#pragma once
// The experiment file, as an interface: SQLite is the first implementation (sqlite_store.hpp), a PostgreSQL one joins
// later; one conformance suite holds for all (tests/core/store/conformance.hpp).
//
// Promises: changes are applied in the order of submission; what was handed over together is committed together; a
// callback runs after the commit (fsync included) that holds its changes, never before; equal payloads are stored
// once; a record whose checksum fails is never returned, but set aside and counted.
//
// Thread rule: submit and all reads from any thread. Callbacks run on the store's writer thread: short, no waiting,
// no reads from the store.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/change.hpp"

namespace assay {

/// What opening found (reliability.md 1.6).
struct Recovery {
  bool created = false;    // a new file
  bool unclean = false;    // the last session was not closed
  bool restarted = false;  // the machine was restarted since
  std::int64_t pid = 0;    // of the last session
  std::string host;
  WallTime last_record = 0;
  std::uint32_t runs = 0, resumable = 0, in_doubt = 0, damaged = 0;
  std::uint64_t calls = 0;
  Pico in_doubt_max = 0;
  std::optional<std::uint32_t> migrated_from;
};

/// A run's stored state as the table in memory needs it.
struct StoredRunRow {
  RunId run = 0;
  Status status = Status::ready;  // INCOMPLETE when its newest attempt has no end
  Score score;
  RunError error;
  std::uint32_t attempts = 0, steps = 0;
  UsageSum usage;
  double seconds = 0;
  WallTime ended_at = 0;
  bool dropped = false, damaged = false;
  std::string_view id;  // valid during the visit
  std::vector<std::pair<std::string, std::string>> facets;
  std::vector<std::string> tags;
};

/// A run's payloads, JSON texts; "" where there is none, `damaged` where one could not be read.
struct StoredPayloads {
  std::string data, answer, context;
  std::vector<std::string> damaged;  // names of the parts that could not be read: "answer: 4,112 bytes"
};

struct StoredAttempt {
  std::uint32_t number = 1;
  WallTime begun_at = 0, ended_at = 0;  // ended_at 0: not ended
  Status outcome = Status::incomplete;
  Score score;
  RunError error;
  double seconds = 0;
  std::uint32_t steps = 0;
  UsageSum usage;
  std::string answer, context;  // JSON texts
  bool imported = false;        // came with a save
};

struct StoredStep {
  std::uint32_t number = 0;
  std::string checkpoint;
};

struct StoredLog {
  std::uint32_t attempt = 0;
  WallTime at = 0;
  LogLevel level = LogLevel::info;
  bool from_runner = false;
  std::string text;
};

struct StoredPause {
  PutPause pause;
};

/// An answer that was kept for the same request.
struct KeptAnswer {
  CallId call = 0;
  std::string run;  // the name of the run it was given to
  std::string reply, model;
  Pico cost = 0;
};

struct KeptFigures {
  std::uint64_t entries = 0, bytes = 0;  // bytes of replies; they stand in the file once, with their calls
  std::uint64_t hits = 0;                // calls that were served so
  Pico saved = 0;                        // what those answers cost when they were paid for
};

/// What a run has published (Publish).
struct StoredPublication {
  RunId run = kNoRun;
  std::uint32_t attempt = 0, step = 0;
  std::string name, value;  // value: JSON text
};

/// Room on the disk (reliability.md 8).
struct StoreHealth {
  bool writable = true;    // false: nothing new may begin
  std::string message;     // "disk full: 12 answers wait in memory, ..", "" when all is well
  std::size_t queued = 0;  // changes not yet committed
  std::uint64_t commits = 0, changes = 0;
  std::uint64_t file_bytes = 0, wal_bytes = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // --- writing ---------------------------------------------------------------------------------------------------
  /// Queues `changes`; `committed` (may be empty) is called after their commit. Blocks only when the queue is beyond
  /// its bound. After a failure that ends writing (health().writable false for good) `committed` is never called.
  virtual void submit(std::vector<Change> changes, std::function<void()> committed) = 0;
  /// Whether submit would wait now, or fail: threads that must not wait let another one submit.
  virtual bool congested() const = 0;
  /// submit, and wait for the commit. Throws Error kind "store" when writing is not possible.
  virtual void write(std::vector<Change> changes) = 0;
  /// Waits until all that was submitted before is committed.
  virtual void flush() = 0;
  virtual StoreHealth health() const = 0;

  // --- reading ---------------------------------------------------------------------------------------------------
  virtual std::vector<BatchInfo> batches() = 0;
  /// All runs, in order of RunId.
  virtual void each_run(const std::function<void(const StoredRunRow&)>& visit) = 0;
  virtual StoredPayloads payloads(RunId run) = 0;
  /// Payloads of runs first .. first + count - 1 that `wanted`, in order, in few reads.
  virtual void each_payload(RunId first, std::uint32_t count, const std::function<bool(RunId)>& wanted,
                            const std::function<void(RunId, const StoredPayloads&)>& visit) = 0;
  virtual std::vector<StoredAttempt> attempts(RunId run) = 0;
  /// A start (kStartAttempt) that can't be read throws Error "damaged": nothing could stand in for it.
  virtual std::vector<StoredStep> steps(RunId run, std::uint32_t attempt) = 0;
  virtual std::vector<CallRecord> calls(RunId run, std::optional<std::uint32_t> attempt = {}) = 0;
  /// Calls with an id from `first` to `last`, in order; a damaged one is left out. Nothing may be read from the store
  /// meanwhile.
  virtual void each_call(CallId first, CallId last, const std::function<void(const CallRecord&)>& visit) = 0;
  /// Every try of a call, in order, with its details.
  virtual std::vector<TryRecord> tries(CallId call) = 0;
  virtual std::string call_request(CallId call) = 0;
  virtual std::string call_reply(CallId call) = 0;
  /// Calls with a doubt, of all runs.
  virtual std::vector<CallRecord> calls_in_doubt() = 0;
  virtual std::vector<StoredLog> logs(RunId run, std::uint32_t offset = 0) = 0;
  /// What runs first .. first + count - 1 have published: in the order of runs, of one run by name, then by attempt.
  /// One that can't be read back is left out. Nothing may be read from the store meanwhile.
  virtual void each_publication(RunId first, std::uint32_t count,
                                const std::function<void(StoredPublication&&)>& visit) = 0;
  virtual std::vector<StoredPause> pauses() = 0;
  virtual std::string note(const std::string& name) = 0;
  /// (name, text) of all notes whose name begins with `prefix`, in order of names, without the empty ones.
  virtual std::vector<std::pair<std::string, std::string>> notes(const std::string& prefix) = 0;
  /// Number of calls by state, over the experiment; for `status`.
  struct CallCounts {
    std::uint64_t answered = 0, failed = 0, in_doubt = 0;
  };
  virtual CallCounts call_counts() = 0;
  /// Spend by group: "model", "batch", "kind", "day", "agent" -> rows of cost(). An agent is a call's key and who was
  /// asked: "agent/2 openai/gpt-4o", "judge sim/default"; "(run) sim/default" for calls without a key.
  struct CostRow {
    std::string group;
    std::uint64_t calls = 0;
    std::int64_t in = 0, cached = 0, out = 0, reasoning = 0;
    Pico cost = 0, possible = 0;
    std::uint64_t unpriced = 0;
    std::uint64_t from_cache = 0;  // of `calls`
    Pico saved = 0;
  };
  virtual std::vector<CostRow> cost(const std::string& by) = 0;
  /// The answer kept (EndCall::keep_answer) for a request: given to this item (a run's id, in any batch) at this place;
  /// `shared`: to anyone. Found by an index, whatever the number of entries. A store that keeps none finds none.
  virtual std::optional<KeptAnswer> find_answer(const Hash128&, RunId, std::string_view /*key*/, bool /*shared*/) {
    return std::nullopt;
  }
  virtual KeptFigures kept_figures() { return {}; }
  /// Verifies every record (reliability.md 1.4 `check`): one line per finding; empty: all is well.
  virtual std::vector<std::string> check() = 0;

  // --- identities ------------------------------------------------------------------------------------------------
  virtual RunId next_run() const = 0;  // advanced by AddBatch
  virtual BatchId next_batch() const = 0;
  virtual CallId reserve_call() = 0;              // unique, any thread
  virtual std::string experiment_id() const = 0;  // 16 hex digits
  virtual std::string path() const = 0;
  virtual const Recovery& recovery() const = 0;
  virtual bool read_only() const = 0;
};

}  // namespace assay
