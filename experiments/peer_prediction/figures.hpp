#pragma once
// What a batch of peer prediction comes to: figures 1 to 6 of peer_prediction.md 7, under the keys of section 11.
// All means, intervals and tests are those of core/statistics. One thread.

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/peer_prediction/record.hpp"

namespace assay {

/// Takes the tasks of a batch one after the other; keeps per task only what an agent or a cell came to.
class PeerTally {
 public:
  explicit PeerTally(const PeerSettings& settings);
  void add(const PeerTask& task);
  /// The object that `report --json` shows.
  Json figures() const;

 private:
  /// Values by task, NaN: missing.
  using ByTask = std::vector<double>;
  struct Mechanism {
    const char* name;
    std::vector<ByTask> agents;  ///< [agent][task]; higher is better
    std::uint64_t items_lost = 0, calls_lost_up = 0, calls_lost_down = 0;
    std::uint64_t calls_lost_in_part = 0;  ///< of items that have not lost all
    bool both_ways = false;                ///< a cell counts for both of its agents
    bool there = false;
  };

  void add_scores(const PeerTask& task);
  void add_cells(const PeerTask& task);
  void add_failed(const PeerTask& task);
  PeerCounts q_counts() const;
  /// Without task ids p and q are separate samples.
  bool independent() const;
  bool biased() const;
  std::size_t n() const { return settings_.n(); }

  std::vector<double> matrix() const;  ///< M, NaN: missing
  Json tvd_mi(const std::vector<double>& m) const;
  Json judge() const;
  Json agents_table(const std::vector<double>& m) const;
  Json counts() const;
  Json correlation(const std::vector<double>& m) const;
  Json effects() const;
  Json effect(const Mechanism& mechanism, const std::vector<std::size_t>& good,
              const std::vector<std::size_t>& bad) const;
  Json needed_tasks(const std::vector<double>& m) const;
  Json truth() const;
  Json critic_quality() const;
  Json warnings() const;

  const PeerSettings settings_;
  std::size_t tasks_ = 0, failed_ = 0, not_run_ = 0;
  PeerGrid p_, q_, with_, without_;
  PeerCounts p_counts_, q_counts_, with_counts_, without_counts_, responses_, logp_counts_, failed_q_;
  std::vector<ByTask> cells_, cells_p_, cells_q_;  ///< [i * n + j][task]: p - q; p and q where independent
  std::vector<ByTask> rows_, rows_p_, rows_q_;     ///< [agent][task]: mean over its row
  std::vector<ByTask> lengths_;
  std::vector<Mechanism> mechanisms_;
};

}  // namespace assay
