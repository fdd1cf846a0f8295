#pragma once
// Turns changes into rows, inside a transaction that somebody else begins and commits. Keeps no state that
// matters: whatever it needs is read back from the file, so a rolled-back transaction can simply be applied again.
// Every change is idempotent by its key: a commit that failed and yet survived may be repeated. Internal to core/store.
//
// Thread rule: the thread that owns the connection.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/model/context_text.hpp"
#include "core/store/change.hpp"
#include "core/store/payload.hpp"
#include "core/store/records.hpp"
#include "core/store/sqlite.hpp"

namespace assay {

/// A change as it waits in the queue: its texts are taken out and packed.
struct PreparedChange {
  Change change;
  Payload first, second;  // request | reply | checkpoint | answer | text, and context
  std::int64_t seq = 0;   // of a log entry
  std::size_t bytes = 0;  // about, for the bound of the queue
};
PreparedChange prepare_change(Change change, std::int64_t seq);
/// A row written lately, for reading it back after a failure of the disk.
struct WrittenRow {
  enum class Table : std::uint8_t { call, attempt, run } table = Table::call;
  std::int64_t id = 0, ver = 0;
};

class Applier {
 public:
  explicit Applier(Connection& connection);

  /// `ver` is written into the rows. Throws SqliteFailure; then the transaction must be rolled back and forget()
  /// called.
  void apply(const PreparedChange& change, std::int64_t ver);
  /// What is kept in memory of open attempts and calls no longer matches the file.
  void forget() {
    open_attempts_.clear();
    open_calls_.clear();
    answer_table_ = published_table_ = false;
  }
  /// Rows written since the last take.
  std::vector<WrittenRow> take_written() { return std::exchange(written_, {}); }

  // For opening and checking.
  void put_session(const SessionRecord& session);
  void put_damaged(std::string_view table, std::string_view row, std::string_view bytes, std::string_view reason,
                   std::optional<std::int64_t> run_row, std::int64_t now);
  /// Writes a call's row again (no other row).
  void update_call(const CallRow& row);
  void update_attempt(const AttemptRecord& row);
  /// What a call adds to the sums of its attempt and run.
  static UsageColumns usage_of(const CallRow& row);
  /// Recomputes the digests of a step and of an attempt from the rows of their calls. `news`: what the sums of an
  /// attempt that has ended, and of its run, have missed of this change.
  void refresh_digests(std::int64_t run_row, std::int64_t attempt, std::int64_t step, std::int64_t ver,
                       const UsageColumns& news = {});

 private:
  void apply_change(const AddBatch& change, const PreparedChange& prepared);
  void apply_change(const BeginAttempt& change, const PreparedChange& prepared);
  void apply_change(const SendCall& change, const PreparedChange& prepared);
  void apply_change(const RetryCall& change, const PreparedChange& prepared);
  void apply_change(const EndCall& change, const PreparedChange& prepared);
  void apply_change(const EndStep& change, const PreparedChange& prepared);
  void apply_change(const EndAttempt& change, const PreparedChange& prepared);
  void apply_change(const AppendLog& change, const PreparedChange& prepared);
  void apply_change(const SetEvaluation& change, const PreparedChange& prepared);
  void apply_change(const RenameBatch& change, const PreparedChange& prepared);
  void apply_change(const SetPinned& change, const PreparedChange& prepared);
  void apply_change(const SetDropped& change, const PreparedChange& prepared);
  void apply_change(const PutPause& change, const PreparedChange& prepared);
  void apply_change(const ClearPause& change, const PreparedChange& prepared);
  void apply_change(const PutNote& change, const PreparedChange& prepared);
  void apply_change(const ClearAnswers& change, const PreparedChange& prepared);
  void apply_change(const Publish& change, const PreparedChange& prepared);

  void add_run(const AddBatch& batch, std::size_t index);
  /// Stores the bytes of a payload once; returns what the column holds.
  Cell store(const Payload& payload);
  /// Number of calls of a step or (step < 0) an attempt, and the XOR of their sums.
  std::pair<std::int64_t, std::int64_t> digest(std::int64_t run_row, std::int64_t attempt, std::int64_t step);
  std::int64_t count_steps(std::int64_t run_row, std::int64_t attempt);
  void put_details(std::int64_t call, const TryRecord& one);
  void end_call(CallRow& row, const EndCall& change, const PreparedChange& prepared);
  void put_published(std::int64_t run_row, std::string_view name, std::int64_t attempt, std::int64_t step,
                     const Payload& value);
  void keep_answer(const CallRow& row, std::size_t bytes);
  /// The row, when it is there and whole; a damaged one is set aside.
  template <typename Record>
  bool load(Connection::Use& statement, RowReader& reader, Record& record, std::int64_t key, std::int64_t run_row);
  template <typename Record>
  void put(const Record& record);
  template <typename Record>
  std::int64_t update(const Record& record);
  /// The sum of a call's row has become `sum`.
  void note_call(const CallRow& row, std::int64_t sum);
  /// False when a finished attempt's or step's digest must follow the change of this call.
  bool digest_is_open(std::int64_t run_row, std::int64_t attempt, std::int64_t step);

  struct CallSum {
    std::int64_t call = 0, step = 0, sum = 0;
  };
  struct OpenAttempt {
    std::int64_t begun_at = 0, last_step = -1, n_steps = 0;
    std::vector<CallSum> calls;  // all of them
  };
  struct OpenCall {
    CallRow row;  // its views are into texts
    std::unique_ptr<char[]> texts;
  };
  static OpenCall copy_of(const CallRow& row);
  OpenAttempt* find_open(std::int64_t run_row, std::int64_t attempt);

  Connection& connection_;
  // Attempts and calls that began in this session and have not ended, with what their rows hold: saves reading them
  // back. Only ever a hint that says less than the truth: a missing entry leads to the row itself.
  std::unordered_map<std::int64_t, OpenAttempt> open_attempts_;
  std::unordered_map<std::int64_t, OpenCall> open_calls_;
  std::int64_t ver_ = 0;
  std::vector<WrittenRow> written_;
  bool answer_table_ = false, published_table_ = false;  // they are known to be there
  RowReader run_reader_{"run"}, attempt_reader_{"attempt"}, call_reader_{"call"};
  struct Sql {
    const char* insert = nullptr;
    const char* update = nullptr;
  };
  const Sql& sql_for(std::string_view table);
  std::map<std::string, Sql, std::less<>> sql_;
};

}  // namespace assay
