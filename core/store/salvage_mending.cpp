#include "core/store/salvage_mending.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "core/store/host.hpp"
#include "core/store/opening.hpp"
#include "core/store/records.hpp"
#include "core/store/salvage_rows.hpp"
#include "core/store/schema.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

// Batches and runs that are rebuilt without a record: a number in a file is not worth more memory than that.
constexpr std::int64_t kMostRebuilt = 1'000'000;

/// Reads one row by a number; false when there is none. The record's texts live as long as `statement`.
template <typename Record>
bool read_one(Connection::Use& statement, Record& record) {
  return statement.step() && RowReader(Record::kTable).read(statement.get(), record);
}

class Mender {
 public:
  Mender(Connection& connection, const MendingFacts& facts, SalvageReport& report)
      : connection_(connection), facts_(facts), report_(report), now_(wall_now()) {
    ver_ = 0;
    for (const char* table : {"session", "batch", "run", "attempt", "step", "call", "try", "note"}) {
      ver_ = std::max(ver_, connection.number(std::string("SELECT max(ver) FROM ") + table));
    }
    ver_ = std::min(ver_, std::numeric_limits<std::int64_t>::max() - 1) + 1;
  }

  void all() {
    batches();
    runs();
    attempts();
    digests();
    payloads();
    cells();
    sessions();
    name_losses();
  }

 private:
  struct Span {
    std::int64_t id = 0, first = 0, runs = 0;
  };

  void lose(std::string_view table, const std::string& row, const std::string& what,
            std::optional<std::int64_t> run = {}) {
    if (!told_.emplace(std::string(table), row).second) return;
    ++report_.lost;
    if (report_.losses.size() >= kMostLosses) return;
    report_.losses.push_back({std::string(table), row, {}, what});
    runs_of_losses_.push_back(run);
  }

  template <typename Record>
  void put(const char* table, const Record& record) {
    std::string sql = std::string("INSERT OR REPLACE INTO ") + table + " VALUES (";
    const std::size_t columns = columns_of(connection_, table).size();
    for (std::size_t i = 0; i < columns; ++i) sql += (i ? ", ?" : "?") + std::to_string(i + 1);
    auto statement = connection_.use(connection_.keep(sql + ")"));
    RowWriter(Record::kTable, statement.get()).bind(record);
    statement.step();
  }

  std::vector<std::int64_t> numbers(const char* sql) {
    std::vector<std::int64_t> out;
    auto statement = connection_.use(sql);
    while (statement.step()) out.push_back(statement.number(0));
    return out;
  }

  void batches() {
    std::map<std::int64_t, Span> known, seen;  // seen: the runs that name a batch
    {
      auto statement = connection_.use(
          "SELECT id, first, n_runs FROM batch WHERE id > 0 AND first BETWEEN 1 AND 4294967295 AND "
          "n_runs BETWEEN 0 AND 4294967295 ORDER BY id");
      while (statement.step())
        known[statement.number(0)] = {statement.number(0), statement.number(1), statement.number(2)};
      auto members = connection_.use("SELECT batch, min(id), max(id) FROM run WHERE batch > 0 GROUP BY batch");
      while (members.step()) {
        seen[members.number(0)] = {members.number(0), members.number(1), members.number(2) - members.number(1) + 1};
      }
    }
    std::int64_t last = 0;
    if (!known.empty()) last = known.rbegin()->first;
    if (!seen.empty()) last = std::max(last, seen.rbegin()->first);
    std::int64_t next = 1;  // run that begins the next batch
    const std::int64_t most = static_cast<std::int64_t>(known.size()) + kMostRebuilt;
    for (std::int64_t id = 1; id <= std::min(last, most); ++id) {
      const auto found = known.find(id);
      if (found != known.end()) {
        next = found->second.first + found->second.runs;
        spans_.push_back(found->second);
        continue;
      }
      BatchRecord record;
      const std::string name = "damaged-" + std::to_string(id - 1);
      record.id = id;
      record.name = name;
      record.params = {Cell::Kind::text, "{}"};
      record.pinned = {Cell::Kind::text, "{}"};
      record.first = next;
      record.ver = ver_;
      const auto members = seen.find(id);
      if (members != seen.end()) record.n_runs = members->second.first + members->second.runs - next;
      if (const auto after = known.find(id + 1); after != known.end()) record.n_runs = after->second.first - next;
      record.n_runs = std::max<std::int64_t>(record.n_runs, 0);
      put("batch", record);
      next += record.n_runs;
      spans_.push_back({id, record.first, record.n_runs});
      lose("batch", std::to_string(id),
           "the record of batch " + name + " is lost: its name, kind and parameters; its runs are kept");
    }
  }

  /// What the attempt says, as its run's row.
  static void apply(RunRecord& run, const AttemptRecord& attempt) {
    run.attempt = attempt.n;
    run.status = attempt.outcome;
    run.verdict = attempt.verdict;
    run.steps = attempt.steps;
    run.seconds = attempt.seconds;
    run.ended_at = attempt.ended_at.value_or(0);
    run.error = attempt.error;
    run.metrics = attempt.metrics;
    run.answer = attempt.answer;
    run.context = attempt.context;
  }

  UsageColumns usage_of_attempts(std::int64_t run) {
    UsageColumns sum;
    auto statement = connection_.use("SELECT * FROM attempt WHERE id BETWEEN ?1 AND ?2 AND ended_at IS NOT NULL");
    statement.bind(1, attempt_row(run, 0)).bind(2, attempt_row(run, 0xFFFF));
    AttemptRecord record;
    while (read_one(statement, record)) sum = sum.plus(record.usage);
    return sum;
  }

  void rebuild_run(std::int64_t id, bool missing) {
    RunRecord run;
    auto row = connection_.use("SELECT * FROM run WHERE id = ?1");
    row.bind(1, id);
    // A payload that is nowhere: whoever asks for it is told that it is lost, not that there was none.
    static constexpr std::string_view kNowhere("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    const std::string name = "damaged-" + std::to_string(id - 1);
    if (missing) {
      run.id = id;
      run.item = name;
      run.data = {Cell::Kind::blob, kNowhere};
      const auto span = std::upper_bound(spans_.begin(), spans_.end(), id,
                                         [](std::int64_t wanted, const Span& one) { return wanted < one.first; });
      if (span != spans_.begin()) run.batch = (span - 1)->id;
    } else if (!read_one(row, run)) {
      return;
    }
    auto newest = connection_.use(
        "SELECT * FROM attempt WHERE id BETWEEN ?1 AND ?2 AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1");
    newest.bind(1, attempt_row(id, 0)).bind(2, attempt_row(id, 0xFFFF));
    AttemptRecord attempt;
    if (read_one(newest, attempt)) {
      apply(run, attempt);
    } else if (missing) {
      run.status = static_cast<std::int64_t>(Status::fail);
      run.error.kind = "damaged";
      run.error.message = "the record of this run is lost";
      run.error.place = "run";
    }
    run.usage = usage_of_attempts(id);
    run.ver = ver_;
    put("run", run);
    lose("run", std::to_string(id),
         missing ? std::string(run.attempt > 0 ? "its record is lost; result and score are those of its last attempt, "
                                                 "its name and data are gone"
                                               : "its record is lost, with name and data")
                 : "its newest record is lost; it has been rebuilt from its last attempt: a later scoring, tag or drop "
                   "is forgotten",
         id);
  }

  void runs() {
    std::vector<std::int64_t> missing;
    {
      auto statement = connection_.use("SELECT id FROM run ORDER BY id");
      std::int64_t next = statement.step() ? statement.number(0) : 0;
      for (const Span& span : spans_) {
        for (std::int64_t id = span.first; id < span.first + span.runs; ++id) {
          while (next != 0 && next < id) next = statement.step() ? statement.number(0) : 0;
          if (next == id) continue;
          if (std::ssize(missing) == kMostRebuilt) break;
          missing.push_back(id);
        }
      }
    }
    if (std::ssize(missing) == kMostRebuilt) report_.notes.emplace_back("a million runs are missing, or more");
    for (const std::int64_t id : missing) rebuild_run(id, true);
    for (const std::int64_t id : numbers("SELECT r.id FROM run r WHERE r.attempt < (SELECT max(a.n) FROM attempt a "
                                         "WHERE a.id BETWEEN r.id << 16 AND (r.id << 16) + 65535 AND "
                                         "a.ended_at IS NOT NULL AND a.imported = 0)")) {
      rebuild_run(id, false);
    }
  }

  void attempts() {
    std::vector<std::pair<std::int64_t, std::int64_t>> missing;
    {
      auto statement = connection_.use(
          "SELECT run, attempt FROM (SELECT DISTINCT run, attempt FROM call UNION SELECT DISTINCT run, attempt FROM "
          "step UNION SELECT id, attempt FROM run) k WHERE k.attempt > 0 AND NOT EXISTS "
          "(SELECT 1 FROM attempt a WHERE a.id = (k.run << 16) + k.attempt) AND "
          "EXISTS (SELECT 1 FROM run r WHERE r.id = k.run)");
      while (statement.step()) missing.emplace_back(statement.number(0), statement.number(1));
    }
    for (const auto& [id, n] : missing) {
      auto row = connection_.use("SELECT * FROM run WHERE id = ?1");
      row.bind(1, id);
      RunRecord run;
      if (!read_one(row, run)) continue;
      AttemptRecord attempt;
      attempt.id = attempt_row(id, n);
      attempt.run = id;
      attempt.n = n;
      auto sent = connection_.use("SELECT coalesce(min(sent_at), 0) FROM call WHERE run = ?1 AND attempt = ?2");
      sent.bind(1, id).bind(2, n).step();
      attempt.begun_at = sent.number(0);
      attempt.ver = ver_;
      std::string what = "the record of its attempt " + std::to_string(n) + " is lost";
      if (n == run.attempt) {
        attempt.ended_at = run.ended_at;
        attempt.outcome = run.status;
        attempt.verdict = run.verdict;
        attempt.steps = run.steps;
        attempt.seconds = run.seconds;
        attempt.error = run.error;
        attempt.metrics = run.metrics;
        attempt.answer = run.answer;
        attempt.context = run.context;
        attempt.usage = run.usage.minus(usage_of_attempts(id));  // what the others have not
        what += "; it has been rebuilt from the run";
      } else if (n > run.attempt) {
        what += "; it goes on from its recorded calls";
      } else {
        lose("attempt", std::to_string(attempt.id), what, id);
        continue;
      }
      put("attempt", attempt);
      lose("attempt", std::to_string(attempt.id), what, id);
    }
  }

  struct Digest {
    std::int64_t count = 0, all = 0;
    bool operator==(const Digest&) const = default;
  };

  void digests() {
    struct Wrong {
      std::int64_t run = 0, attempt = 0, step = 0;  // step -1: the attempt's own
      Digest digest;
      std::int64_t steps = 0;
    };
    std::vector<Wrong> wrong;
    {
      auto calls = connection_.use("SELECT run, attempt, step, sum FROM call ORDER BY run, attempt, step");
      auto steps = connection_.use("SELECT run, attempt, n, n_calls, calls_xor FROM step ORDER BY run, attempt, n");
      auto attempts = connection_.use(
          "SELECT run, n, n_calls, calls_xor, n_steps, ended_at IS NOT NULL AND imported = 0 FROM attempt ORDER BY id");
      bool more_calls = calls.step(), more_steps = steps.step();
      // Attempts in order; of each its steps, of each its calls. Those of a lost attempt are passed over.
      while (attempts.step()) {
        const std::pair key(attempts.number(0), attempts.number(1));
        const auto key_of = [](const Connection::Use& row) { return std::pair(row.number(0), row.number(1)); };
        std::map<std::int64_t, Digest> by_step;
        Digest all;
        for (; more_calls && key_of(calls) <= key; more_calls = calls.step()) {
          if (key_of(calls) < key) continue;
          Digest& digest = by_step[calls.number(2)];
          ++digest.count, ++all.count;
          digest.all ^= calls.number(3), all.all ^= calls.number(3);
        }
        std::int64_t n_steps = 0;
        for (; more_steps && key_of(steps) <= key; more_steps = steps.step()) {
          if (key_of(steps) < key) continue;
          ++n_steps;
          const Digest found = by_step[steps.number(2)];
          if (found != Digest{steps.number(3), steps.number(4)})
            wrong.push_back({key.first, key.second, steps.number(2), found, 0});
        }
        const bool ended = attempts.number(5) != 0;
        if (ended && (all != Digest{attempts.number(2), attempts.number(3)} || n_steps != attempts.number(4)))
          wrong.push_back({key.first, key.second, -1, all, n_steps});
      }
    }
    for (const Wrong& one : wrong) {
      if (one.step >= 0) {
        auto row = connection_.use("SELECT * FROM step WHERE run = ?1 AND attempt = ?2 AND n = ?3");
        row.bind(1, one.run).bind(2, one.attempt).bind(3, one.step);
        StepRecord record;
        if (!read_one(row, record)) continue;
        tell_calls(one.run, one.attempt, record.n_calls - one.digest.count);
        record.n_calls = one.digest.count;
        record.calls_xor = one.digest.all;
        record.ver = ver_;
        put("step", record);
        continue;
      }
      auto row = connection_.use("SELECT * FROM attempt WHERE id = ?1");
      row.bind(1, attempt_row(one.run, one.attempt));
      AttemptRecord record;
      if (!read_one(row, record)) continue;
      const bool rebuilt = told_.contains({"attempt", std::to_string(record.id)});
      if (!rebuilt && Digest{record.n_calls, record.calls_xor} != one.digest)
        tell_calls(one.run, one.attempt, record.n_calls - one.digest.count);
      if (!rebuilt && record.n_steps > one.steps) {
        lose("step", "of attempt " + std::to_string(record.id),
             "of its attempt " + std::to_string(one.attempt) + " " +
                 counted(static_cast<std::uint64_t>(record.n_steps - one.steps), "checkpoint is", "checkpoints are") +
                 " lost",
             one.run);
      }
      record.n_calls = one.digest.count;
      record.calls_xor = one.digest.all;
      record.n_steps = one.steps;
      record.ver = ver_;
      put("attempt", record);
    }
  }

  void tell_calls(std::int64_t run, std::int64_t attempt, std::int64_t missing) {
    lose("call", "of attempt " + std::to_string(attempt_row(run, attempt)),
         missing > 0 ? "of its attempt " + std::to_string(attempt) + " " +
                           counted(static_cast<std::uint64_t>(missing), "call is", "calls are") + " lost"
                     : "a call of its attempt " + std::to_string(attempt) + " is not the one it was recorded with",
         run);
  }

  /// Rows that refer to a blob that is not there.
  void payloads() {
    struct Place {
      const char* sql;
      const char* what;
    };
    // Columns: the hash in hexadecimals, the run's row or null.
    constexpr Place places[] = {
        {"SELECT hex(data), id FROM run WHERE typeof(data) = 'blob' AND data <> zeroblob(16) AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = data)",
         "its data is lost"},
        {"SELECT hex(answer), id FROM run WHERE typeof(answer) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = answer)",
         "its answer is lost"},
        {"SELECT hex(context), id FROM run WHERE typeof(context) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = context)",
         "its messages (context) are lost"},
        {"SELECT hex(request), run FROM call WHERE typeof(request) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = request)",
         "the request of a call is lost"},
        {"SELECT hex(reply), run FROM call WHERE typeof(reply) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = reply)",
         "the reply of a call is lost"},
        {"SELECT hex(checkpoint), run FROM step WHERE typeof(checkpoint) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = checkpoint)",
         "the checkpoint of a step is lost"},
        {"SELECT hex(answer), run FROM attempt WHERE typeof(answer) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = answer)",
         "the answer of an attempt is lost"},
        {"SELECT hex(context), run FROM attempt WHERE typeof(context) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = context)",
         "the messages (context) of an attempt are lost"},
        {"SELECT hex(text), run FROM log WHERE typeof(text) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = text)",
         "a line of its log is lost"},
        {"SELECT hex(params), NULL FROM batch WHERE typeof(params) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = params)",
         "the parameters of a batch are lost"},
        {"SELECT hex(pinned), NULL FROM batch WHERE typeof(pinned) = 'blob' AND "
         "NOT EXISTS (SELECT 1 FROM blob WHERE hash = pinned)",
         "the prompts and models that a batch keeps are lost"},
    };
    for (const Place& place : places) {
      std::vector<std::pair<std::string, std::optional<std::int64_t>>> found;
      {
        auto statement = connection_.use(place.sql);
        while (statement.step()) {
          std::string hash(statement.text(0));
          std::transform(hash.begin(), hash.end(), hash.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
          found.emplace_back(std::move(hash), statement.is_null(1) ? std::nullopt : std::optional(statement.number(1)));
        }
      }
      for (const auto& [hash, run] : found) lose("blob", hash, place.what, run);
    }
  }

  /// Cells that were no records any more, as far as nothing else has told of them.
  void cells() {
    std::size_t unknown = 0;
    std::map<std::string, std::size_t> unnamed;
    for (const LostCell& cell : facts_.lost) {
      const auto& shapes = table_shapes();
      std::size_t table = 0;
      while (table < shapes.size() && (cell.tables >> table & 1) == 0) ++table;
      if (table == shapes.size()) {
        ++unknown;
        continue;
      }
      const TableShape& shape = shapes[table];
      if (!shape.rowid || !cell.rowid) {
        if (shape.name != "blob" && shape.name != "meta") ++unnamed[shape.name];  // a lost blob is told by its users
        continue;
      }
      const std::string key = std::to_string(*cell.rowid);
      auto there =
          connection_.use(connection_.keep("SELECT ver FROM " + shape.name + " WHERE " + shape.names[0] + " = ?1"));
      if (shape.ver < 0) continue;
      const bool found = there.bind(1, *cell.rowid).step();
      if (found && there.number(0) >= ver_) continue;  // it has been rebuilt, and told of
      std::optional<std::int64_t> run;
      if (shape.name == "run") run = *cell.rowid;
      if (shape.name == "attempt") run = *cell.rowid >> 16;
      if (shape.name == "call" && found) {
        auto owner = connection_.use("SELECT run FROM call WHERE id = ?1");
        if (owner.bind(1, *cell.rowid).step()) run = owner.number(0);
      }
      if (shape.name == "session" || (shape.name == "call" && !found)) continue;  // told by its attempt
      lose(shape.name, key,
           found ? "the newest record of its " + shape.name +
                       " is lost, an older one stands in: what came after it (a score, a tag, a drop) is forgotten"
                 : "a record of its " + shape.name + " is lost",
           run);
    }
    for (const auto& [table, count] : unnamed) {
      lose(table, "unnamed",
           counted(count, "record is", "records are") + " lost of " + table + ", of runs that can't be named");
    }
    if (unknown > 0) {
      lose("unknown", "unnamed",
           counted(unknown, "record", "records") +
               " can't be told apart any more; what they were part of is named above, if it is missing");
    }
  }

  void sessions() {
    auto statement = connection_.use("SELECT * FROM session ORDER BY id DESC LIMIT 1");
    SessionRecord last;
    const bool any = read_one(statement, last);
    bool lost_one = false;
    for (const LostCell& cell : facts_.lost) {
      const auto& shapes = table_shapes();
      for (std::size_t table = 0; table < shapes.size(); ++table) {
        lost_one |= cell.tables == 1U << table && shapes[table].name == "session" && cell.rowid.value_or(0) >= last.id;
      }
    }
    const bool older = any && last.id < ver_ >> 32;  // rows are of a later session
    if (any && !lost_one && !older && !last.closed_at) return;
    SessionRecord session;
    if (any && !lost_one && !older) {
      session = last;
      session.attempts = attempts_digest(connection_);
      session.sent_left = connection_.number("SELECT count(*) FROM call WHERE state = 0");
    } else {
      // Nobody knows how it ended: what it left is looked for everywhere.
      session.id = std::max(any ? last.id + 1 : 1, ver_ >> 32);
      session.opened_at = now_;
      session.pid = ::getpid();
      session.version = facts_.version;
      session.first_call = 1;
    }
    session.ver = ver_;
    put("session", session);
  }

  /// The names of runs, as they are now; and every loss into the table `damaged`.
  void name_losses() {
    std::int64_t id = connection_.number("SELECT max(id) FROM damaged");
    for (std::size_t i = 0; i < report_.losses.size(); ++i) {
      SalvageLoss& loss = report_.losses[i];
      const std::optional<std::int64_t> run = runs_of_losses_[i];
      if (run) {
        auto name = connection_.use(
            "SELECT coalesce(b.name, '?') || ':' || r.item FROM run r LEFT JOIN batch b ON b.id = r.batch WHERE r.id = "
            "?1");
        if (name.bind(1, *run).step()) loss.run = name.text(0);
      }
      DamagedRecord record;
      record.id = ++id;
      record.tbl = loss.table;
      record.row = loss.row;
      record.found_at = now_;
      const std::string reason = "repaired: " + loss.what;
      record.reason = reason;
      record.run = run;
      put("damaged", record);
    }
  }

  Connection& connection_;
  const MendingFacts& facts_;
  SalvageReport& report_;
  WallTime now_;
  std::int64_t ver_ = 0;
  std::vector<Span> spans_;
  std::set<std::pair<std::string, std::string>> told_;
  std::vector<std::optional<std::int64_t>> runs_of_losses_;
};

}  // namespace

void mend(Connection& connection, const MendingFacts& facts, SalvageReport& report) {
  Mender(connection, facts, report).all();
}

}  // namespace assay
