#pragma once
// The recorded effects of one attempt: what a step that runs again is served, and what it must send anew.
// Specs: models.md 5.3, reliability.md 2. Used only on the worker thread of the run.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/store/store.hpp"

namespace assay {

class AttemptLedger {
 public:
  /// A new attempt has no records.
  AttemptLedger(RunId run, std::uint32_t attempt) : run_(run), attempt_(attempt) {}
  /// Reads what earlier sessions recorded of this attempt.
  void load(Store& store);
  /// Reads the results of an attempt that failed, which this one goes on with; of those before it after it.
  void load_earlier(Store& store, std::uint32_t attempt);
  /// What came of the same request at this place in the newest attempt that has it: an answer, or, in a step that was
  /// completed there (by a run that went on without it), a failure. nullptr: none.
  const CallRecord* earlier(std::uint32_t step, std::string_view key, const Hash128& request_hash) const;
  /// An answer to another request at this place; nullptr: none.
  const CallRecord* earlier_other(std::uint32_t step, std::string_view key, const Hash128& request_hash) const;

  struct Lookup {
    /// The recorded result (an answer, or a file's refusal) of the same request at this place; nullptr: it has to be
    /// sent.
    const CallRecord* recorded = nullptr;
    /// The number of the call that is to be sent: 1, or one more than what is recorded at this place.
    std::uint32_t next_number = 1;
    /// An answer is recorded here, but for another request (an edited prompt): said in the log, then sent anew.
    const CallRecord* differs = nullptr;
    /// The same request stands in a file that has not brought its answer yet.
    const CallRecord* in_file = nullptr;
    /// A call here was in flight when the program died: sending again may be paid twice.
    const CallRecord* in_doubt = nullptr;
    /// The same request failed here; of use to a replay only.
    const CallRecord* failed = nullptr;
  };
  Lookup find(std::uint32_t step, std::string_view key, const Hash128& request_hash) const;

  /// Adds or replaces (by id) the record of a call of this session.
  void put(const CallRecord& call);

  RunId run() const { return run_; }
  std::uint32_t attempt() const { return attempt_; }
  /// Sums over all calls of the attempt.
  UsageSum usage() const;
  /// Number of answered or failed calls recorded for one step.
  std::uint32_t count(std::uint32_t step) const;
  /// Number of different places of calls in the steps before this one.
  std::uint32_t places_before(std::uint32_t step) const;
  /// True while recorded answers of `step` beyond the first `served` exist: the step is being replayed.
  bool replaying(std::uint32_t step, std::uint32_t served) const { return recorded_answers(step) > served; }

 private:
  std::uint32_t recorded_answers(std::uint32_t step) const;

  RunId run_;
  std::uint32_t attempt_;
  std::vector<CallRecord> calls_, earlier_;
};

}  // namespace assay
