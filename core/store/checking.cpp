// `check`: every sum, every digest, every blob; then SQLite's own check. Prints nothing: one line per finding.

#include <algorithm>
#include <unordered_set>

#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

class Checker {
 public:
  explicit Checker(Connection& connection) : connection_(connection) {}

  /// Walks a table; `visit` sees the whole rows.
  template <typename Record, typename Visit>
  void table(const char* sql, Visit visit) {
    RowReader reader(Record::kTable);
    Record record;
    std::int64_t at = 0;
    try {
      auto statement = connection_.use(sql);
      while (statement.step()) {
        ++at;
        if (!reader.read(statement.get(), record)) {
          add(std::string(Record::kTable), key_of(statement, Record::kTable), "its checksum does not hold");
        } else {
          visit(record, reader.sum());
        }
      }
    } catch (const SqliteFailure& failure) {
      if (!failure.corrupt()) throw;
      add(std::string(Record::kTable), "after " + std::to_string(at) + " rows", failure.what());
    }
  }

  void add(const std::string& table, const std::string& row, const std::string& what) {
    findings.push_back("damaged: " + table + " " + row + ": " + what);
  }

  std::vector<std::string> findings;

 private:
  static std::string key_of(const Connection::Use& statement, std::string_view table) {
    if (table == "step") {
      return std::to_string(statement.number(0)) + "/" + std::to_string(statement.number(1)) + "/" +
             std::to_string(statement.number(2));
    }
    if (table == "try" || table == "try_detail" || table == "log") {
      return std::to_string(statement.number(0)) + "/" + std::to_string(statement.number(1));
    }
    if (table == "published") return std::to_string(statement.number(0)) + "/" + std::string(statement.text(1));
    if (table == "blob" || table == "answer") {
      const auto hash = hash128_from_bytes(statement.text(0));
      return hash ? to_hex(*hash) : std::string("?");
    }
    const std::string key(statement.text(0));
    return table == "run" && !key.empty() ? key + " (run " + std::to_string(statement.number(0) - 1) + ")" : key;
  }
  Connection& connection_;
};

struct Digest {
  std::int64_t count = 0, all = 0;
  void add(std::int64_t sum) {
    ++count;
    all ^= sum;
  }
  bool operator==(const Digest&) const = default;
};

}  // namespace

std::vector<std::string> SqliteStore::check() {
  const std::vector<BatchInfo> infos = batches();
  const Lease lease(*this);
  Connection& connection = *lease;
  const bool inside = sqlite3_get_autocommit(connection.get()) == 0;
  if (!inside) connection.run("BEGIN");
  const auto end = [&](Connection* it) {
    if (!inside) sqlite3_exec(it->get(), "COMMIT", nullptr, nullptr, nullptr);
  };
  const std::unique_ptr<Connection, decltype(end)> transaction(&connection, end);

  Checker checker(connection);
  std::unordered_set<std::string> blobs, used;
  const auto uses = [&](const Cell& cell) {
    if (cell.kind == Cell::Kind::blob) used.emplace(cell.bytes);
  };
  for (const std::string& table : {std::string("meta"), std::string("session")}) {
    try {
      const std::string rows = connection.text("SELECT count(*) FROM " + table);
    } catch (const SqliteFailure& failure) {
      checker.add(table, "", failure.what());
    }
  }
  checker.table<SessionRecord>("SELECT * FROM session", [](const SessionRecord&, std::int64_t) {});
  checker.table<BlobRecord>("SELECT * FROM blob NOT INDEXED", [&](const BlobRecord& record, std::int64_t) {
    if (record.size < 0 || !unpack_payload(static_cast<Codec>(record.codec), static_cast<std::size_t>(record.size),
                                           record.bytes, record.hash)) {
      const auto hash = hash128_from_bytes(record.hash);
      checker.add("blob", hash ? to_hex(*hash) : "?", "its bytes do not give its hash");
    } else {
      blobs.emplace(record.hash);
    }
  });
  std::int64_t batch_rows = 0, runs = 0, expected = 0;
  std::vector<std::int64_t> forks;  // that have not been run
  checker.table<BatchRecord>("SELECT * FROM batch", [&](const BatchRecord& record, std::int64_t) {
    ++batch_rows;
    uses(record.params), uses(record.pinned);
    expected += record.n_runs;
  });
  checker.table<RunRecord>("SELECT * FROM run", [&](const RunRecord& record, std::int64_t) {
    ++runs;
    if (record.status == static_cast<std::int64_t>(Status::ready) && record.steps > 0) forks.push_back(record.id);
    uses(record.data), uses(record.answer), uses(record.context);
  });
  if (runs != expected) {
    checker.add(
        "run", "",
        std::to_string(expected) + " runs belong to the batches, " + std::to_string(runs) + " are there and whole");
  }
  std::map<std::int64_t, Digest> by_attempt;
  std::map<std::pair<std::int64_t, std::int64_t>, Digest> by_step;
  checker.table<CallRow>("SELECT * FROM call NOT INDEXED", [&](const CallRow& row, std::int64_t sum) {
    by_attempt[attempt_row(row.run, row.attempt)].add(sum);
    by_step[{attempt_row(row.run, row.attempt), row.step}].add(sum);
    uses(row.request), uses(row.reply);
  });
  std::map<std::int64_t, std::int64_t> steps_of_attempt;
  checker.table<StepRecord>("SELECT * FROM step", [&](const StepRecord& record, std::int64_t) {
    const std::int64_t attempt = attempt_row(record.run, record.attempt);
    ++steps_of_attempt[attempt];
    uses(record.checkpoint);
    if (by_step[{attempt, record.n}] != Digest{record.n_calls, record.calls_xor}) {
      checker.add("step",
                  std::to_string(record.run) + "/" + std::to_string(record.attempt) + "/" + std::to_string(record.n),
                  "its calls are not those it was recorded with");
    }
  });
  for (const std::int64_t run : forks) {
    if (!steps_of_attempt.contains(attempt_row(run, kStartAttempt)))
      checker.add("step", std::to_string(run) + "/0", "the steps that it shares with another run are missing");
  }
  checker.table<AttemptRecord>("SELECT * FROM attempt", [&](const AttemptRecord& record, std::int64_t) {
    uses(record.answer), uses(record.context);
    if (!record.ended_at || record.imported != 0) return;
    const std::string key = std::to_string(record.n) + " (run " + std::to_string(record.run - 1) + ")";
    if (by_attempt[record.id] != Digest{record.n_calls, record.calls_xor}) {
      checker.add("attempt", key, "its calls are not those it was recorded with");
    }
    const auto steps = steps_of_attempt.find(record.id);
    if ((steps == steps_of_attempt.end() ? 0 : steps->second) != record.n_steps) {
      checker.add("attempt", key, "a step of it is missing");
    }
  });
  if (file_.lost_attempts) checker.add("attempt", "", "there are not as many as at the last clean end");
  checker.table<TryRow>("SELECT * FROM try", [](const TryRow&, std::int64_t) {});
  checker.table<TryDetailRow>("SELECT * FROM try_detail", [](const TryDetailRow&, std::int64_t) {});
  checker.table<LogRecord>("SELECT * FROM log", [&](const LogRecord& record, std::int64_t) { uses(record.text); });
  checker.table<PauseRecord>("SELECT * FROM pause", [](const PauseRecord&, std::int64_t) {});
  checker.table<NoteRecord>("SELECT * FROM note", [&](const NoteRecord& record, std::int64_t) { uses(record.text); });
  if (has_answer_table(connection)) {
    checker.table<AnswerRow>("SELECT * FROM answer", [&](const AnswerRow& answer, std::int64_t) {
      auto call = connection.use("SELECT 1 FROM call WHERE id = ?1");
      if (!call.bind(1, answer.call).step()) checker.add("answer", "of call " + std::to_string(answer.call), "no call");
    });
  }
  if (has_published_table(connection)) {
    checker.table<PublishedRow>("SELECT * FROM published",
                                [&](const PublishedRow& row, std::int64_t) { uses(row.value); });
  }
  checker.table<DamagedRecord>("SELECT * FROM damaged", [&](const DamagedRecord& record, std::int64_t) {
    checker.findings.push_back("set aside before: " + std::string(record.tbl) + " " + std::string(record.row) + ": " +
                               std::string(record.reason));
  });
  for (const std::string& hash : used) {
    if (!blobs.contains(hash)) {
      const auto value = hash128_from_bytes(hash);
      checker.add("blob", value ? to_hex(*value) : "?", "is referred to and missing, or damaged");
    }
  }
  std::size_t unused = 0;
  for (const std::string& hash : blobs) unused += !used.contains(hash);
  if (unused != 0) checker.findings.push_back("unused: " + std::to_string(unused) + " payloads that nothing refers to");
  if (static_cast<std::size_t>(batch_rows) != infos.size()) {
    checker.add("batch", "", std::to_string(infos.size()) + " are known, " + std::to_string(batch_rows) + " are whole");
  }
  try {
    auto statement = connection.use("PRAGMA integrity_check(20)");
    while (statement.step()) {
      if (statement.text(0) != "ok") checker.findings.push_back("sqlite: " + std::string(statement.text(0)));
    }
  } catch (const SqliteFailure& failure) {
    checker.findings.push_back(std::string("sqlite: ") + failure.what());
  }
  return checker.findings;
}

}  // namespace assay
