#pragma once
// The score of a job while it grows: a confidence sequence over its runs in the order of the selection, as far as they
// have ended without a gap. Slow runs end last and are often the hard ones: those beyond the first that is still open
// wait. What is not scored (FAIL, no verdict) counts as wrong and as right. Specs: statistics.md 5. Any thread.

#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/statistics/figure.hpp"

namespace assay {

class ScoreWatch {
 public:
  /// `order`: the runs of the job; COMPLETE ones count as they are. Made before the job begins. `width`: what
  /// narrow_enough() asks for, in (0, 1]; 0: never. The table outlives it.
  ScoreWatch(const RunTable& table, std::vector<RunId> order, double width);

  /// Takes in what has ended. n and missing together are the runs that the sequence covers.
  Figure look();
  /// The sequence has once been narrower than `width`: it stays so, whatever comes after.
  bool narrow_enough();
  /// The job is over: what the sequence covers stays, the order is let go.
  void close();

 private:
  void take_in();  // with mutex_ held

  const RunTable& table_;
  const double width_;
  std::mutex mutex_;
  std::vector<RunId> order_;
  std::unordered_map<RunId, WallTime> failed_before_;  // FAIL until they are done again
  std::size_t next_ = 0;
  std::uint64_t correct_ = 0, scored_ = 0, missing_ = 0;
  bool enough_ = false;
};

}  // namespace assay
