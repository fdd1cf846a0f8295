#pragma once
// The SQLite store's parts: a queue that any thread fills, one writer thread that commits all that is queued at once,
// and connections to read with. Internal to core/store; sqlite_store.hpp is the way in.
//
// A commit: take the queue, BEGIN, apply every change, COMMIT (one fsync), callbacks in order. While the fsync runs the
// queue fills again: that is the group. A commit that fails is rolled back and applied again (Applier is idempotent):
// after making room when the disk is full, after reopening the file when the disk failed.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/store/applier.hpp"
#include "core/store/opening.hpp"
#include "core/store/store.hpp"

namespace assay {

class SqliteStore final : public Store {
 public:
  SqliteStore(StoreOptions options, OpenedFile file);
  ~SqliteStore() override;

  void submit(std::vector<Change> changes, std::function<void()> committed) override;
  void write(std::vector<Change> changes) override;
  bool congested() const override;
  void flush() override;
  StoreHealth health() const override;

  std::vector<BatchInfo> batches() override;
  void each_run(const std::function<void(const StoredRunRow&)>& visit) override;
  StoredPayloads payloads(RunId run) override;
  void each_payload(RunId first, std::uint32_t count, const std::function<bool(RunId)>& wanted,
                    const std::function<void(RunId, const StoredPayloads&)>& visit) override;
  std::vector<StoredAttempt> attempts(RunId run) override;
  std::vector<StoredStep> steps(RunId run, std::uint32_t attempt) override;
  std::vector<CallRecord> calls(RunId run, std::optional<std::uint32_t> attempt) override;
  void each_call(CallId first, CallId last, const std::function<void(const CallRecord&)>& visit) override;
  std::vector<TryRecord> tries(CallId call) override;
  std::string call_request(CallId call) override { return call_payload(call, false); }
  std::string call_reply(CallId call) override { return call_payload(call, true); }
  std::vector<CallRecord> calls_in_doubt() override;
  std::vector<StoredLog> logs(RunId run, std::uint32_t offset) override;
  void each_publication(RunId first, std::uint32_t count,
                        const std::function<void(StoredPublication&&)>& visit) override;
  std::vector<StoredPause> pauses() override;
  std::string note(const std::string& name) override;
  std::vector<std::pair<std::string, std::string>> notes(const std::string& prefix) override;
  CallCounts call_counts() override;
  std::vector<CostRow> cost(const std::string& by) override;
  std::optional<KeptAnswer> find_answer(const Hash128& hash, RunId run, std::string_view key, bool shared) override;
  KeptFigures kept_figures() override;
  std::vector<std::string> check() override;

  RunId next_run() const override { return next_run_; }
  BatchId next_batch() const override { return next_batch_; }
  CallId reserve_call() override { return next_call_++; }
  std::string experiment_id() const override { return file_.experiment_id; }
  std::string path() const override { return options_.path; }
  const Recovery& recovery() const override { return file_.recovery; }
  bool read_only() const override { return options_.read_only; }
  std::size_t damaged_records() const;  // damage_count.hpp

 private:
  struct Job {
    std::vector<PreparedChange> changes;
    std::function<void()> committed;
    std::size_t bytes = 0;
  };
  /// A connection to read with, for the life of one read.
  class Lease {
   public:
    explicit Lease(SqliteStore& store);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_; }

   private:
    SqliteStore& store_;
    std::unique_lock<std::recursive_mutex> shared_;  // held when there is one connection for all
    std::unique_ptr<Connection> own_;
    Connection* connection_;
  };

  // sqlite_writer.cpp: the writer thread
  void writer_main();
  void commit_jobs(std::vector<Job>& jobs);
  void commit_once(std::vector<Job>& jobs, std::size_t first, std::size_t last);
  void finish_jobs(std::vector<Job>& jobs, std::size_t first, std::size_t last);
  bool make_room_and_commit(std::vector<Job>& jobs, std::size_t& done, const std::string& reason);
  bool reopen_and_commit(std::vector<Job>& jobs, std::size_t done, const SqliteFailure& failure);
  void verify_acknowledged();
  void checkpoint(bool truncate);
  void bound_log();
  void look_at_room(bool now);
  void set_state(bool writable, bool for_good, const std::string& message);
  void tell(const std::string& line) const;
  bool wait_or_stop(std::int64_t milliseconds);
  void close();
  void fail_if_ended() const;
  std::size_t waiting_answers() const;
  std::string full_message() const;

  // sqlite_reads.cpp
  std::optional<std::string> resolve(Connection& connection, const Cell& cell, std::string& what);
  void resolve_into(Connection& connection, const Cell& cell, const char* name, RunId run, std::string& out,
                    std::vector<std::string>& damaged);
  StoredPayloads payloads_of(Connection& connection, const RunRecord& run);
  bool has_newer_attempt(Connection& connection, std::int64_t run_row, std::int64_t attempt);
  /// False when calls are missing or damaged.
  bool each_call_of(Connection& connection, std::int64_t run_row, std::optional<std::int64_t> attempt,
                    const std::function<void(const CallRow&)>& visit);
  /// The sum of an attempt's calls; `damaged` is set when one of them can't be read.
  UsageSum usage_of(Connection& connection, std::int64_t run_row, std::int64_t attempt, bool& damaged);
  std::uint32_t steps_of(Connection& connection, std::int64_t run_row, std::int64_t attempt);
  void open_attempt(Connection& connection, std::int64_t id, StoredRunRow& row, std::int64_t ended);
  void lost_attempt(Connection& connection, StoredRunRow& row);
  std::string call_payload(CallId call, bool reply);
  void each_call(Connection& connection, const std::function<void(const CallRow&)>& visit);
  bool keeps_answers(Connection& connection);
  /// Sets a record aside: written by the next commit, counted at once.
  void found_damage(std::string_view table, const std::string& row, std::string_view reason,
                    std::optional<std::int64_t> run_row = {});
  std::map<std::int64_t, std::string> damaged_runs(Connection& connection);

  struct Damage {
    std::string table, row, reason;
    std::optional<std::int64_t> run;
  };

  // Constant after construction.
  StoreOptions options_;
  std::string folder_;
  bool single_ = false;  // one connection for writing and reading: :memory:, network file systems

  // The writer thread's (and, when single_, the reader's under connection_mutex_).
  OpenedFile file_;
  std::unique_ptr<Applier> applier_;
  std::int64_t commit_ = 0;
  DiskReserve reserve_;
  std::int64_t last_look_ = 0;
  std::uint64_t last_room_ = 1ULL << 40;
  bool wal_dirty_ = false;
  std::deque<std::vector<WrittenRow>> acknowledged_;  // of the last commits
  std::recursive_mutex connection_mutex_;

  std::atomic<RunId> next_run_{0};
  std::atomic<BatchId> next_batch_{0};
  std::atomic<CallId> next_call_{1};
  std::atomic<std::int64_t> next_log_{0};
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> answer_table_{false}, published_table_{false};  // they have been seen
  std::atomic<std::uint64_t> commits_{0}, changes_{0};

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_writer_, room_;
  std::vector<Job> queue_;
  std::size_t queued_bytes_ = 0;
  bool stop_ = false;
  bool writable_ = true, ended_ = false;  // ended_: writing has failed for good
  std::string message_;
  std::vector<Damage> damage_;
  std::set<std::pair<std::string, std::string>> known_damage_;

  // Guarded by pool_mutex_.
  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Connection>> pool_;

  std::thread writer_;
};

}  // namespace assay
