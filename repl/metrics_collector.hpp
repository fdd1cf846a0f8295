#pragma once
// The figures of an experiment for Prometheus (metrics_text.hpp). What is recorded of calls is read once and then only
// what has come since; all else is in memory. Any thread, one at a time (a lock of its own).

#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "core/ledger/budget_book.hpp"
#include "core/model/models.hpp"
#include "repl/metrics_text.hpp"

namespace assay {

class MetricsCollector {
 public:
  /// All outlive it.
  MetricsCollector(Experiment& experiment, const ModelCatalog& models, const BudgetBook& budget)
      : experiment_(experiment), models_(models), budget_(budget) {}

  /// The whole text. Throws Error "interrupted" when stopped while calls are read; what was read is kept.
  std::string collect(const std::stop_token& stop);

 private:
  /// Of the calls of one model.
  struct CallSums {
    std::uint64_t answered = 0, failed = 0, refused = 0, from_cache = 0, unpriced = 0, in_file = 0, in_doubt = 0;
    std::uint64_t in = 0, cached = 0, out = 0, reasoning = 0;
    double cost_usd = 0, possible_usd = 0, saved_usd = 0;
    std::map<std::string, std::uint64_t> retries, failures;  // by kind of error
    void add(const CallRecord& call);
  };
  using Sums = std::map<std::string, CallSums>;  // by model

  /// All calls there are: those that are settled once and for all, and the others as they are now.
  Sums read_calls(const std::stop_token& stop);
  void put_runs(MetricsText& text) const;
  void put_jobs(MetricsText& text) const;
  static void put_calls(MetricsText& text, const Sums& sums);
  void put_lanes(MetricsText& text) const;
  void put_budgets(MetricsText& text) const;
  void put_process(MetricsText& text) const;

  Experiment& experiment_;
  const ModelCatalog& models_;
  const BudgetBook& budget_;
  std::mutex mutex_;
  // Guarded by mutex_.
  Sums sums_;                  // of the calls that are settled
  std::vector<bool> settled_;  // by id: it is in sums_
};

}  // namespace assay
