#pragma once
// Executes an attempt again from its recorded calls alone: no network, nothing is written, and says whether it came out
// the same. Tries, waits and sleeps are not repeated, only results: answers as answers, failures as failures. A call
// that is not recorded, or recorded for another request, fails as `replay_missing`. Specs: models.md 5.6.
// Publishing does nothing; of other runs it sees what they have published by now, and that no more may come.
//
// Thread rule: one thread; it executes the runner's code itself.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/engine/peer_board.hpp"
#include "core/model/batch.hpp"
#include "core/model/run_table.hpp"
#include "core/model/runner.hpp"
#include "core/store/store.hpp"

namespace assay {

struct ReplayDifference {
  std::string what;                // "status", "answer", "context", "metric unparsed", ..
  std::string recorded, replayed;  // in short, from where they begin to differ
};

struct ReplayResult {
  std::string run;                                  // its name
  std::uint32_t attempt = 1, steps = 0, calls = 0;  // calls: recorded ones that were served
  Status status = Status::incomplete;               // as it came out now
  std::vector<std::string> missing;                 // calls, a line each, in order
  std::vector<ReplayDifference> differences;
  bool same() const { return missing.empty() && differences.empty(); }
};

class Replayer {
 public:
  /// A runner for replaying needs no key and no server. May throw Error: its batch can't be replayed.
  using MakeRunner = std::function<std::shared_ptr<Runner>(const BatchInfo&)>;
  Replayer(Store& store, const RunTable& table, Clock& clock, MakeRunner make_runner)
      : store_(store), table_(table), clock_(clock), make_runner_(std::move(make_runner)) {}

  /// `attempt`: the newest unless given. `last_step`: only up to this one (0: setup), compared with what was recorded
  /// after it. Throws Error "usage" for a run that has not been executed or is in flight, and for an unknown attempt.
  ReplayResult replay(RunId run, std::optional<std::uint32_t> attempt = {},
                      std::optional<std::uint32_t> last_step = {});

  /// Whether the run has an attempt that can be replayed: one that was executed here.
  bool executed(RunId run) const;

 private:
  StoredAttempt recorded_attempt(RunId run, const std::string& name, std::optional<std::uint32_t> wanted);

  Store& store_;
  const RunTable& table_;
  Clock& clock_;
  MakeRunner make_runner_;
  std::map<BatchId, std::shared_ptr<Runner>> runners_;
  std::map<BatchId, std::shared_ptr<PeerBoard>> boards_;  // as it is on the disk; nobody waits
};

}  // namespace assay
