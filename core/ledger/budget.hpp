#pragma once
// The spend cap of an experiment: who may spend how much, at this instant. Specs: models.md 6.2, 6.3.
//
// A call falls under up to five scopes: the whole experiment, its batch, its model, its run, its day (UTC, of the
// reservation). What it can cost at most is reserved in all of them or in none. Promise, for every scope with a cap:
// nothing is granted unless settled + possible + reserved <= cap holds after it. (A bill above its reservation, or a
// cap that is lowered, can exceed a cap; then nothing is granted there until there is room.)
//
// How a call waits: reserve() gives a Hold; poll() says granted, waiting or refused. A waiting call holds nothing; it
// stands in the queue of the scope that lacks room, first come first served, and is told by BudgetTurn when it has been
// granted or refused. It is refused when that scope has nothing reserved that could come back.
//
// Tallies are kept for all scopes, capped or not, so that a cap may be set, changed and taken away at any time.
//
// Thread rule: any thread; one Hold by one thread at a time. Messages are posted without a lock held.

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/effect.hpp"
#include "core/model/ids.hpp"

namespace assay {

/// "Look again": sent to a waiting call, once.
struct BudgetTurn final : EffectMessage {};

/// What a cap is set for. `run` and `day`: the same cap for each run, each day.
struct BudgetScope {
  enum class Of : std::uint8_t { experiment, batch, model, run, day };
  Of of = Of::experiment;
  BatchId batch = 0;  // of batch
  std::string model;  // of model: the name that calls are recorded with
  friend auto operator<=>(const BudgetScope&, const BudgetScope&) = default;
};

struct BudgetCap {
  BudgetScope scope;
  Pico cap = 0;
  friend bool operator==(const BudgetCap&, const BudgetCap&) = default;
};

/// Where money is spent. `day`: utc_day(). No batch and no run: kNoRun.
struct SpendPlace {
  RunId run = kNoRun;
  std::string model;
  std::int64_t day = 0;
};
/// Days since 1970-01-01, UTC.
std::int64_t utc_day(WallTime at);

struct Spend {
  Pico settled = 0;
  Pico possible = 0;  // tries that may have been executed and billed
  friend bool operator==(const Spend&, const Spend&) = default;
};

/// What was spent before this process: the recorded calls.
struct SpendHistory {
  struct RunBefore {
    BatchId batch = 0;
    Spend spend;
  };
  Spend experiment;
  std::map<BatchId, Spend> batches;
  std::map<std::string, Spend> models;
  std::map<std::int64_t, Spend> days;
  /// Asked once for a run, at its first money of this process, with the budget's lock held: must not wait and must not
  /// use the budget. Empty function: runs have no batch and no past.
  std::function<RunBefore(RunId)> run_before;
};

/// Why there is no room: `missing` is what the cap would have to be raised by for the call to be granted.
struct BudgetShortage {
  BudgetScope scope;
  Pico cap = 0, settled = 0, possible = 0, wanted = 0, missing = 0;
};

/// A cap as it stands. For `run`: of the run with the least room left; for `day`: of the day asked about.
struct BudgetState {
  BudgetScope scope;
  Pico cap = 0;  // -1: none
  Pico settled = 0, possible = 0, reserved = 0;
  std::uint64_t waiting = 0;  // for room in this very scope
};

class Budget {
 public:
  explicit Budget(SpendHistory before = {});
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  /// Adds figures that are known only after construction. `run_before` has to come before the first reserve().
  void begin(SpendHistory before);

  /// A call's reservation: waiting, granted, refused or ended. Must not outlive the budget. The destructor releases.
  class Hold {
   public:
    enum class State : std::uint8_t { none, waiting, granted, refused };
    Hold() = default;
    ~Hold() { release(); }
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&& other) noexcept;

    /// `none`: default-made, released or settled.
    State poll() const;
    bool granted() const { return poll() == State::granted; }
    /// Why it was refused; after poll() said so.
    BudgetShortage shortage() const;

    /// Ends a granted reservation: it becomes `cost` (billed for certain, counted in full even if above the
    /// reservation) and `possible`. After an ambiguous try: settle(0, its amount), then reserve() anew. Does nothing
    /// when there is none.
    void settle(Pico cost, Pico possible = 0);
    /// Nothing was spent; or leaves the queue.
    void release();

   private:
    friend class Budget;
    struct Entry;
    std::shared_ptr<Entry> entry_;
  };

  /// Asks for `amount` (>= 0) at `place`. `port` is told when a waiting call's turn has come; nullptr: the call can't
  /// wait, it is granted or refused at once (a hedge).
  Hold reserve(const SpendPlace& place, Pico amount, std::shared_ptr<EffectPort> port);
  /// Money that was never reserved: a bill that comes late, an answer from a batch file.
  void add(const SpendPlace& place, Spend spend);
  /// What was counted as possible turns out: `possible` of it is taken back, `spend` is what it has become. May give
  /// room to those who wait.
  void resolve(const SpendPlace& place, Pico possible, Spend spend);

  /// nullopt: no cap. Effective at once, also for those who wait. Throws Error "usage" for a negative cap.
  void set_cap(const BudgetScope& scope, std::optional<Pico> cap);
  std::vector<BudgetCap> caps() const;  // in order of scope
  bool any_cap() const;
  /// Whether a call of this batch and model falls under a cap; a call at `place`.
  bool covers(BatchId batch, const std::string& model) const;
  bool covers(const SpendPlace& place);

  /// One for each cap.
  std::vector<BudgetState> states(std::int64_t today) const;
  /// The tally of one scope, capped or not; `run`, `day`: of the one given (kNoRun: of the run with the least room).
  BudgetState tally(const BudgetScope& scope, RunId run = kNoRun, std::int64_t day = 0) const;
  /// Bills above their reservations since the process began: how many, and by how much in all.
  struct Overruns {
    std::uint64_t bills = 0;
    Pico amount = 0;
  };
  Overruns overruns() const;

 private:
  struct Books;
  std::unique_ptr<Books> books_;
};

}  // namespace assay
