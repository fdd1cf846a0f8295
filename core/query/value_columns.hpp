#pragma once
// The values at a path of data or answers, kept for all runs once they were asked for: the first `stats by data.k`
// reads the disk, the second takes as long as one by batch. Each distinct value stands in a column once, as JSON text;
// a run takes four bytes (eight for a path into its answer, which changes).
//
// A column is brought up to date for the runs that are asked about whenever it is used: runs that it has not seen are
// read, and those whose row has changed since (RunRow::changes). A run that has not ended has no answer.
//
// Bounds: a column of more than kMostBytes is given up, and its path is not tried again; of more than kMostBytesOfAll
// the one that was used longest ago goes.
//
// Thread rule: any thread. While payloads are read no lock is held. Lock order: a column before the run table.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/query/payload.hpp"
#include "core/text/text_set.hpp"

namespace assay {

/// What a column holds of the runs that it was asked for.
class ValueColumn {
 public:
  /// For texts(); 0: the run has no such value.
  std::uint32_t value(RunId run) const { return run < values_.size() && values_[run] != kUnread ? values_[run] : 0; }
  /// JSON texts: "\"math\"", "3", "null"; a whole payload as it is stored.
  const TextSet& texts() const { return texts_; }
  std::size_t memory_bytes() const;

 private:
  friend class ValueColumns;
  static constexpr std::uint32_t kUnread = 0xFFFFFFFF;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::uint32_t> values_;  // by RunId
  std::vector<std::uint32_t> seen_;    // of answers: RunRow::changes when it was read
  TextSet texts_;
  std::uint64_t used_ = 0;  // guarded by that of ValueColumns
};

class ValueColumns {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{48} << 20, kMostBytesOfAll = std::size_t{96} << 20;

  explicit ValueColumns(const RunTable& table, std::size_t most_bytes = kMostBytes,
                        std::size_t most_bytes_of_all = kMostBytesOfAll)
      : table_(table), most_bytes_(most_bytes), most_bytes_of_all_(most_bytes_of_all) {}

  /// Reads what is missing of `runs` (ascending), then calls `use`, once, with the column locked. False, without a
  /// call: too much to be kept. What `source` throws ends the reading; what was read by then stays.
  bool use(const ValuePath& path, const std::vector<RunId>& runs, PayloadSource& source,
           const std::function<void(const ValueColumn&)>& use);

  std::size_t memory_bytes() const;

 private:
  struct Stale {
    std::vector<RunId> runs;
    std::vector<std::uint32_t> changes;  // of their rows
  };
  std::shared_ptr<ValueColumn> find(const ValuePath& path);
  Stale stale_runs(ValueColumn& column, bool answer, const std::vector<RunId>& runs) const;
  bool read(ValueColumn& column, const ValuePath& path, const Stale& stale, PayloadSource& source);
  void forget(const ValuePath& path);
  void make_room(const ValuePath& path);

  const RunTable& table_;
  const std::size_t most_bytes_, most_bytes_of_all_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<ValuePath, std::shared_ptr<ValueColumn>> columns_;
  std::set<ValuePath> too_much_;
  std::uint64_t uses_ = 0;
};

}  // namespace assay
