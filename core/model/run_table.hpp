#pragma once
// All runs of an experiment in memory: name, status, score, numbers. Payloads stay on disk. A million runs in under
// 400 bytes each, filtered in tens of milliseconds.
//
// Names stand in one arena, a line each, so that a search runs over all of them at once; one open-addressing index of
// run ids finds a run by its name. Metrics and facets are columns per batch, as long as the batch has such values.
//
// Thread rule: any thread. Readers take read(), a shared lock held for the length of one query or copy; changes come
// from the store's commit callbacks and take the lock exclusively for the length of one row.

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/run_labels.hpp"

namespace assay {

/// The fixed part of a run's row. 64 bytes.
struct RunRow {
  BatchId batch = 0;
  Status status = Status::ready;
  Verdict verdict = Verdict::none;
  bool in_flight = false;  // executing now (then status is INCOMPLETE)
  bool waits = false;      // for other runs of its batch, in a job (then status is INCOMPLETE too)
  bool dropped = false;
  bool damaged = false;
  std::uint16_t attempts = 0;  // number of the newest attempt; 0: none yet
  std::uint32_t steps = 0, calls = 0;
  std::uint32_t error = 0;  // index for RunTable::Reader::error(); 0: none
  std::uint32_t tokens_in = 0, tokens_out = 0;
  float seconds = 0;  // of the newest attempt
  /// Counts the changes of this row: what was read of the run from disk holds while it stays the same.
  std::uint32_t changes = 0;
  Pico cost = 0, possible = 0;
  WallTime ended_at = 0;
};

/// A run on its way in from the experiment file, without its payloads.
struct TableEntry {
  std::string_view id;
  RunRow row;  // batch and error are set by the table
  Score score;
  RunError error;
  std::span<const std::pair<std::string, std::string>> facets;
  std::vector<std::string> tags;
};

/// One byte per run: what most queries ask for, in a column that is scanned in under a millisecond.
struct RunState {
  static constexpr std::uint8_t kStatusMask = 0x03, kVerdictMask = 0x0C, kHidden = 0x10, kInFlight = 0x20;
  static constexpr int kVerdictShift = 2;
};

class RunTable {
 public:
  RunTable();

  /// A consistent view; blocks changes while it lives, so keep it short and never wait while holding one.
  class Reader {
   public:
    std::size_t size() const { return table_.rows_.size(); }
    const RunRow& row(RunId run) const { return table_.rows_[run]; }
    /// The address "BATCH:ID".
    std::string_view name(RunId run) const;
    std::string_view id(RunId run) const;
    const std::vector<BatchInfo>& batches() const { return table_.batches_; }
    const BatchInfo& batch(BatchId id) const { return table_.batches_[id]; }
    /// Neither the run nor its batch has been dropped.
    bool visible(RunId run) const { return (table_.states_[run] & RunState::kHidden) == 0; }
    /// By run: status | verdict << 2 | RunState::kHidden | RunState::kInFlight.
    std::span<const std::uint8_t> states() const { return table_.states_; }
    /// kind, message, place of a row's error index.
    const RunError& error(std::uint32_t index) const { return table_.errors_[index]; }
    /// Indices of error() are 0 .. error_count() - 1.
    std::size_t error_count() const { return table_.errors_.size(); }
    /// NaN when the run has no such metric.
    double metric(RunId run, std::string_view name) const;
    /// Names of the metrics of a batch, in order of first appearance.
    std::vector<std::string> metric_names(BatchId batch) const;
    /// By position in the batch; runs beyond the end of the column have no such metric.
    std::span<const double> metric_column(BatchId batch, std::string_view name) const;
    /// "" when the run has no such facet.
    std::string_view facet(RunId run, std::string_view name) const;
    std::vector<std::string> facet_names(BatchId batch) const;
    /// By position in the batch, for facet_text(); runs beyond the end of the column have no such facet.
    std::span<const std::uint32_t> facet_column(BatchId batch, std::string_view name) const;
    const std::string& facet_text(std::uint32_t index) const { return table_.texts_[index]; }
    std::size_t facet_text_count() const { return table_.texts_.size(); }
    /// All names, each followed by '\n', in order of RunId (a name that holds '\n' makes `clean_names` false).
    /// offsets()[run] .. offsets()[run + 1] - 1 is a run's name.
    std::string_view names() const { return table_.names_; }
    const std::vector<std::uint64_t>& offsets() const { return table_.offsets_; }
    bool clean_names() const { return table_.clean_names_; }
    /// The run of that name; one that is not dropped before one that is, then the first. Batch and id may hold ':'.
    std::optional<RunId> find(std::string_view address) const;
    /// All runs of that name, in order: batch "a" with run "b:c" and batch "a:b" with run "c" share theirs.
    std::vector<RunId> find_all(std::string_view address) const;
    /// As find: one that is not dropped before one that is.
    std::optional<BatchId> find_batch(std::string_view name) const;
    /// In order of names.
    std::vector<std::string> tags(RunId run) const;
    /// By tag, the runs that have it, ascending; never empty. Dropped runs keep theirs.
    const std::map<std::string, std::vector<RunId>, std::less<>>& tagged() const { return table_.tags_; }
    /// In order of time.
    std::span<const RunNote> notes(RunId run) const;
    const std::map<RunId, std::vector<RunNote>>& noted() const { return table_.notes_; }

   private:
    friend class RunTable;
    explicit Reader(const RunTable& table) : lock_(table.mutex_), table_(table) {}
    std::shared_lock<std::shared_mutex> lock_;
    const RunTable& table_;
  };
  Reader read() const { return Reader(*this); }

  // --- changes -------------------------------------------------------------------------------------------------
  /// Adds a batch with its runs; info.first must be size(). Called in order of BatchId.
  void add_batch(const BatchInfo& info, const std::vector<NewRun>& runs);
  /// For opening an experiment: announces a batch whose info.count runs follow by append(), batch after batch.
  void declare_batch(const BatchInfo& info);
  void append(const TableEntry& entry);
  /// Changes one row under the lock.
  void update(RunId run, const std::function<void(RunRow&)>& change);
  /// Sets the figures of a result: metrics by name (others of the run become NaN) and the error (empty: none).
  void set_result(RunId run, const Score& score, const RunError& error, const std::function<void(RunRow&)>& change);
  void rename_batch(BatchId batch, std::string name);
  void set_pinned(BatchId batch, Json pinned);
  void set_dropped(const std::vector<RunId>& runs, bool dropped);
  void set_batch_dropped(BatchId batch, bool dropped);
  /// The runs that have the tag, ascending; none: the tag is gone.
  void set_tag(const std::string& name, std::vector<RunId> runs);
  void set_notes(RunId run, std::vector<RunNote> notes);

  /// Bytes held, for `status`.
  std::size_t memory_bytes() const;
  /// Counts every change; a view that shows the same number shows the same rows.
  std::uint64_t version() const;

 private:
  struct Column {  // one metric or facet of a batch
    std::string name;
    std::vector<double> numbers;       // metric: by position in the batch, NaN missing
    std::vector<std::uint32_t> texts;  // facet: index into texts_
  };
  static constexpr std::uint32_t kFree = 0xFFFFFFFF;

  const Column* find_column(const std::vector<std::vector<Column>>& columns, BatchId batch,
                            std::string_view name) const;
  static Column& column(std::vector<Column>& columns, std::string_view name);
  std::string_view name_of(RunId run) const;
  void append_row(const TableEntry& entry);
  void reserve(std::size_t runs, std::size_t name_bytes);
  std::uint32_t intern_error(const RunError& error);
  std::uint32_t intern_text(std::string_view text);
  void set_metrics(RunId run, const Score& score);
  void set_state(RunId run);
  void index_name(RunId run);
  void rebuild_index(std::size_t runs);
  template <typename Visit>
  void each_named(std::string_view address, Visit visit) const;

  mutable std::shared_mutex mutex_;
  std::atomic<std::uint64_t> version_ = 0;
  // Guarded by mutex_.
  std::vector<RunRow> rows_;
  std::vector<std::uint8_t> states_;
  std::vector<BatchInfo> batches_;
  std::string names_;
  std::vector<std::uint64_t> offsets_;
  bool clean_names_ = true;
  std::vector<std::uint32_t> index_;  // by hash of the name, linear probing, at most 0.7 full; kFree or a RunId
  std::vector<std::vector<Column>> metrics_, facets_;  // by batch
  std::vector<RunError> errors_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> error_index_;  // by hash
  std::vector<std::string> texts_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> text_index_;  // by hash
  std::map<std::string, std::vector<RunId>, std::less<>> tags_;
  std::map<RunId, std::vector<RunNote>> notes_;
};

}  // namespace assay
