#pragma once
// The budget of an experiment that is open: its caps are kept in the experiment file (note "budget"), its starting
// figures come from what is recorded there. Specs: models.md 6.3.
//
// What runs and batches have spent is in the run table and costs nothing to know. What models and days have spent
// means reading every call: done once, when the first cap of that kind is there.
//
// Thread rule: any thread, one at a time (a lock of its own).

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/ledger/budget.hpp"
#include "core/model/run_table.hpp"
#include "core/store/store.hpp"

namespace assay {

class BudgetBook {
 public:
  /// `budget` gets the figures and caps of the experiment. Before the first run starts. Throws Error kind "store".
  BudgetBook(Budget& budget, Store& store, RunTable& table);

  /// Sets a cap (nullopt: none) and keeps it. Throws Error: the file can't be written.
  void set_cap(const BudgetScope& scope, std::optional<Pico> cap);
  /// Takes all caps away.
  void clear();
  std::vector<BudgetState> states(WallTime now) const;
  Budget& budget() { return budget_; }
  const Budget& budget() const { return budget_; }

 private:
  void read_calls();
  void keep();

  Budget& budget_;
  Store& store_;
  RunTable& table_;
  std::mutex mutex_;
  bool read_calls_ = false;  // guarded by mutex_
};

/// Caps as the note holds them, in pico-USD: {"experiment": n, "batches": {"ID": n}, "models": {"NAME": n}, "run": n,
/// "day": n}. Reading throws Error "store".
std::string caps_text(const std::vector<BudgetCap>& caps);
std::vector<BudgetCap> caps_from_text(const std::string& text);

}  // namespace assay
