// What is read: every row's sum is verified on the way; a row that fails is set aside and told of, never used.

#include <algorithm>
#include <ctime>

#include "core/store/damage_count.hpp"
#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {
std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}
}  // namespace

SqliteStore::Lease::Lease(SqliteStore& store) : store_(store), connection_(nullptr) {
  if (store.single_) {
    shared_ = std::unique_lock(store.connection_mutex_);
    connection_ = store.file_.connection.get();
    if (!*connection_) throw Error("store", "is closed", store.options_.path);
    return;
  }
  {
    const std::lock_guard lock(store.pool_mutex_);
    if (!store.pool_.empty()) {
      own_ = std::move(store.pool_.back());
      store.pool_.pop_back();
    }
  }
  try {
    if (!own_) own_ = open_reader(store.options_.path);
  } catch (const SqliteFailure& failure) {
    throw Error("store", std::string("can't be read: ") + failure.what(), store.options_.path);
  }
  connection_ = own_.get();
}

SqliteStore::Lease::~Lease() {
  if (!own_) return;
  const std::lock_guard lock(store_.pool_mutex_);
  if (store_.pool_.size() < 8) store_.pool_.push_back(std::move(own_));
}

void SqliteStore::found_damage(std::string_view table, const std::string& row, std::string_view reason,
                               std::optional<std::int64_t> run_row) {
  {
    const std::lock_guard lock(mutex_);
    if (!known_damage_.emplace(std::string(table), row).second) return;
    damage_.push_back({std::string(table), row, std::string(reason), run_row});
  }
  wake_writer_.notify_one();
}

std::size_t SqliteStore::damaged_records() const {
  const std::lock_guard lock(mutex_);
  return known_damage_.size();
}

std::size_t damaged_records(const Store& store) {
  const auto* file = dynamic_cast<const SqliteStore*>(&store);
  return file == nullptr ? 0 : file->damaged_records();
}

std::map<std::int64_t, std::string> SqliteStore::damaged_runs(Connection& connection) {
  std::map<std::int64_t, std::string> out;
  auto statement = connection.use("SELECT run, tbl, row FROM damaged WHERE run IS NOT NULL");
  while (statement.step()) {
    out.emplace(statement.number(0), std::string(statement.text(1)) + " " + std::string(statement.text(2)));
  }
  return out;
}

std::optional<std::string> SqliteStore::resolve(Connection& connection, const Cell& cell, std::string& what) {
  if (cell.kind == Cell::Kind::null) return std::string();
  if (cell.kind == Cell::Kind::text) return std::string(cell.bytes);
  auto statement = connection.use("SELECT * FROM blob WHERE hash = ?1");
  statement.bind_blob(1, cell.bytes);
  BlobRecord record;
  what = "missing";
  if (!statement.step()) return std::nullopt;
  const bool whole = RowReader(BlobRecord::kTable).read(statement.get(), record);
  what = grouped(record.size) + " bytes";
  if (!whole || record.size < 0) return std::nullopt;
  return unpack_payload(static_cast<Codec>(record.codec), static_cast<std::size_t>(record.size), record.bytes,
                        record.hash);
}

void SqliteStore::resolve_into(Connection& connection, const Cell& cell, const char* name, RunId run, std::string& out,
                               std::vector<std::string>& damaged) {
  std::string what;
  std::optional<std::string> text;
  try {
    text = resolve(connection, cell, what);
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw;
    what = "unreadable page";
  }
  if (text) {
    out = std::move(*text);
    return;
  }
  out.clear();
  damaged.push_back(std::string(name) + ": " + what);
  const auto hash = hash128_from_bytes(cell.bytes);
  found_damage("blob", hash ? to_hex(*hash) : "?", std::string(name) + " of a run", row_of(run));
}

std::vector<BatchInfo> SqliteStore::batches() {
  const Lease connection(*this);
  std::vector<BatchInfo> out;
  RowReader reader(BatchRecord::kTable);
  BatchRecord record;
  const auto fill = [&](std::size_t until, RunId first_after) {  // rows that are not there, or can't be believed
    while (out.size() < until) {
      BatchInfo lost;
      lost.id = static_cast<BatchId>(out.size());
      lost.name = "damaged-" + std::to_string(out.size());
      lost.first = out.empty() ? 0 : out.back().first + out.back().count;
      lost.count = out.size() + 1 == until && first_after > lost.first ? first_after - lost.first : 0;
      lost.params = Json::object();
      lost.pinned = Json::object();
      found_damage("batch", std::to_string(out.size() + 1), "checksum or missing");
      out.push_back(std::move(lost));
    }
  };
  try {
    auto statement = connection->use("SELECT * FROM batch ORDER BY id");
    while (statement.step()) {
      if (!reader.read(statement.get(), record)) continue;
      fill(static_cast<std::size_t>(record.id - 1), run_of(record.first));
      BatchInfo info;
      info.id = static_cast<BatchId>(record.id - 1);
      info.name = record.name;
      info.kind = record.kind;
      info.model = record.model;
      info.source = record.source;
      info.created_at = record.created_at;
      info.first = run_of(record.first);
      info.count = static_cast<std::uint32_t>(record.n_runs);
      info.dropped = record.dropped != 0;
      const auto parsed = [&](const Cell& cell, const char* name) {
        std::string what;
        std::optional<std::string> text;
        try {
          text = resolve(*connection, cell, what);
        } catch (const SqliteFailure& failure) {
          if (!failure.corrupt()) throw;
        }
        if (!text) found_damage("blob", std::string(name) + " of batch " + info.name, "checksum");
        return text && !text->empty() ? parse_json(*text, "batch " + info.name + " " + name) : Json::object();
      };
      info.params = parsed(record.params, "params");
      info.pinned = parsed(record.pinned, "pinned");
      out.push_back(std::move(info));
    }
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw Error("store", std::string("can't be read: ") + failure.what(), options_.path);
  }
  fill(next_batch_, next_run_);
  return out;
}

// The calls of a run, or of one of its attempts. They are found by an index; what the steps and the attempt were
// recorded with says how many there must be, and when the index gives fewer the table itself is asked.
bool SqliteStore::each_call_of(Connection& connection, std::int64_t run_row, std::optional<std::int64_t> attempt,
                               const std::function<void(const CallRow&)>& visit) {
  std::int64_t expected = 0, found = 0;
  {
    auto steps = connection.use("SELECT attempt, sum(n_calls) FROM step WHERE run = ?1 GROUP BY attempt");
    steps.bind(1, run_row);
    std::map<std::int64_t, std::int64_t> calls;
    while (steps.step()) calls[steps.number(0)] = steps.number(1);
    auto attempts = connection.use("SELECT n, n_calls FROM attempt WHERE id BETWEEN ?1 AND ?2");
    attempts.bind(1, attempt_row(run_row, 0)).bind(2, attempt_row(run_row, 0xFFFF));
    while (attempts.step()) calls[attempts.number(0)] = std::max(calls[attempts.number(0)], attempts.number(1));
    for (const auto& [n, count] : calls) {
      if (!attempt || n == *attempt) expected += count;
    }
  }
  bool whole = true;
  const auto walk = [&](const char* sql, bool by_table) {
    found = 0;
    auto statement = connection.use(sql);
    statement.bind(1, run_row);
    if (attempt) statement.bind(2, *attempt);
    RowReader reader(CallRow::kTable);
    CallRow row;
    std::vector<std::int64_t> bad;
    while (statement.step()) {
      ++found;
      if (!reader.read(statement.get(), row)) bad.push_back(statement.number(0));
    }
    if (found < expected && !by_table) return false;
    for (const std::int64_t id : bad) found_damage("call", std::to_string(id), "checksum", run_row);
    whole = bad.empty() && found >= expected;
    sqlite3_reset(statement.get());
    while (statement.step()) {
      if (reader.read(statement.get(), row)) visit(row);
    }
    return true;
  };
  bool done = false;
  try {
    done = walk(attempt ? "SELECT * FROM call WHERE run = ?1 AND attempt = ?2" : "SELECT * FROM call WHERE run = ?1",
                false);
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw;
  }
  if (done) return whole;
  found_damage("index", "call_place", "its entries are not those of the table: REINDEX mends it");
  walk(attempt ? "SELECT * FROM call NOT INDEXED WHERE run = ?1 AND attempt = ?2"
               : "SELECT * FROM call NOT INDEXED WHERE run = ?1",
       true);
  if (found < expected) {
    found_damage("call", "of run " + std::to_string(run_row - 1),
                 std::to_string(expected - found) + " of " + std::to_string(expected) + " are missing", run_row);
  }
  return whole;
}

UsageSum SqliteStore::usage_of(Connection& connection, std::int64_t run_row, std::int64_t attempt, bool& damaged) {
  UsageSum sum;
  const bool whole = each_call_of(connection, run_row, attempt, [&](const CallRow& row) {
    ++sum.calls;
    sum.in += row.in.value_or(0);
    sum.cached += row.cached.value_or(0);
    sum.out += row.out.value_or(0);
    sum.reasoning += row.reasoning.value_or(0);
    sum.cost += row.cost;
    sum.possible += row.possible;
  });
  damaged |= !whole;
  return sum;
}

std::uint32_t SqliteStore::steps_of(Connection& connection, std::int64_t run_row, std::int64_t attempt) {
  auto statement = connection.use("SELECT coalesce(max(n), 0) FROM step WHERE run = ?1 AND attempt IN (0, ?2)");
  statement.bind(1, run_row).bind(2, attempt).step();
  return static_cast<std::uint32_t>(statement.number(0));
}

// Adds what an attempt without an end says about its run.
void SqliteStore::open_attempt(Connection& connection, std::int64_t id, StoredRunRow& row, std::int64_t ended) {
  auto statement = connection.use("SELECT * FROM attempt WHERE id = ?1");
  statement.bind(1, id);
  AttemptRecord record;
  if (!statement.step()) return;
  const std::int64_t run_row = id >> 16, n = id & 0xFFFF;
  if (!RowReader(AttemptRecord::kTable).read(statement.get(), record)) {
    found_damage("attempt", std::to_string(id), "checksum", run_row);
    row.damaged = true;
    record = {};
  }
  if (record.imported != 0 && n <= ended) return;
  const UsageSum usage = usage_of(connection, run_row, n, row.damaged);
  row.usage = row.usage + usage;
  if (n <= ended) return;
  row.status = Status::incomplete;
  row.score = {};
  row.error = record.error.error();
  if (row.damaged && row.error.empty()) row.error = {"damaged", "a record of this run is damaged", "attempt"};
  row.attempts = static_cast<std::uint32_t>(n);
  row.steps = std::max(static_cast<std::uint32_t>(record.steps), steps_of(connection, run_row, n));
  row.seconds = record.seconds;
  row.ended_at = 0;
}

// Some attempts are not where they were: what their calls and steps tell of this run.
void SqliteStore::lost_attempt(Connection& connection, StoredRunRow& row) {
  auto statement = connection.use(
      "SELECT max((SELECT coalesce(max(attempt), 0) FROM call WHERE run = ?1), "
      "(SELECT coalesce(max(attempt), 0) FROM step WHERE run = ?1))");
  statement.bind(1, row_of(row.run)).step();
  const auto newest = static_cast<std::uint32_t>(statement.number(0));
  if (newest <= row.attempts) return;
  row.status = Status::incomplete;
  row.score = {};
  row.attempts = newest;
  row.damaged = true;
  row.error = {"damaged", "the record of its newest attempt is missing", "attempt " + std::to_string(newest)};
  found_damage("attempt", std::to_string(attempt_row(row_of(row.run), newest)), "missing", row_of(row.run));
}

void SqliteStore::each_run(const std::function<void(const StoredRunRow&)>& visit) {
  const Lease lease(*this);
  Connection& connection = *lease;
  const bool inside = sqlite3_get_autocommit(connection.get()) == 0;
  if (!inside) connection.run("BEGIN");
  const auto end = [&](Connection* it) {
    if (!inside) sqlite3_exec(it->get(), "COMMIT", nullptr, nullptr, nullptr);
  };
  const std::unique_ptr<Connection, decltype(end)> transaction(&connection, end);

  const std::int64_t total = next_run_;
  const std::map<std::int64_t, std::string> damaged = damaged_runs(connection);
  StoredRunRow row;
  RunRecord record;
  RowReader reader(RunRecord::kTable);
  std::string lost_name;
  bool lost_attempts = file_.lost_attempts;

  const auto show_lost = [&](std::int64_t id, const char* why) {
    row = {};
    row.run = run_of(id);
    row.status = Status::fail;
    row.damaged = true;
    lost_name = "damaged-" + std::to_string(id - 1);
    row.id = lost_name;
    row.error = {"damaged", std::string("the record of this run ") + why, "run"};
    found_damage("run", std::to_string(id), why, id);
    visit(row);
  };
  const auto show = [&](sqlite3_stmt* statement, std::int64_t id, const std::vector<std::int64_t>& open_ids) {
    if (!reader.read(statement, record) || record.id != id) return show_lost(id, "fails its checksum");
    row.run = run_of(id);
    row.status = static_cast<Status>(record.status);
    row.score.verdict = static_cast<Verdict>(record.verdict);
    decode_metrics(record.metrics, row.score.metrics);
    if (record.error.kind.empty()) {
      row.error.kind.clear();
      row.error.message.clear();
      row.error.place.clear();
    } else {
      row.error = record.error.error();
    }
    row.attempts = static_cast<std::uint32_t>(record.attempt);
    row.steps = static_cast<std::uint32_t>(record.steps);
    row.usage = record.usage.sum();
    row.seconds = record.seconds;
    row.ended_at = record.ended_at;
    row.dropped = record.dropped != 0;
    row.damaged = false;
    row.id = record.item;
    decode_pairs(record.facets, row.facets);
    decode_list(record.tags, row.tags);
    for (const std::int64_t open_id : open_ids) open_attempt(connection, open_id, row, record.attempt);
    if (lost_attempts) lost_attempt(connection, row);
    if (!damaged.empty()) {
      if (const auto found = damaged.find(id); found != damaged.end()) {
        row.damaged = true;
        if (row.error.empty()) row.error = {"damaged", "a record of this run is damaged", found->second};
      }
    }
    visit(row);
  };

  // Attempts without an end, beside the runs: both in the order of runs.
  std::int64_t next_open = 0;
  auto attempts = connection.use("SELECT id FROM attempt WHERE ended_at IS NULL ORDER BY id");
  bool more_attempts = true;
  const auto next_attempt = [&] {
    try {
      more_attempts = more_attempts && attempts.step();
    } catch (const SqliteFailure& failure) {
      if (!failure.corrupt()) throw;
      found_damage("attempt", "page", failure.what());
      more_attempts = false;
      lost_attempts = true;
    }
    next_open = more_attempts ? attempts.number(0) : 0;
  };
  next_attempt();
  std::vector<std::int64_t> open_ids;
  const auto open_of = [&](std::int64_t id) -> const std::vector<std::int64_t>& {
    open_ids.clear();
    while (next_open != 0 && next_open >> 16 <= id) {
      if (next_open >> 16 == id) open_ids.push_back(next_open);
      next_attempt();
    }
    return open_ids;
  };

  std::int64_t expected = 1;
  try {
    auto statement = connection.use("SELECT * FROM run ORDER BY id");
    while (expected <= total && statement.step()) {
      const std::int64_t id = statement.number(0);
      if (id < expected || id > total) continue;
      for (; expected < id; ++expected) show_lost(expected, "is missing");
      ++expected;
      show(statement.get(), id, open_of(id));
    }
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw Error("store", std::string("can't be read: ") + failure.what(), options_.path);
    // A page of the table can't be read: the rows behind it are looked up one by one.
    for (; expected <= total; ++expected) {
      bool found = false;
      try {
        auto statement = connection.use("SELECT * FROM run WHERE id = ?1");
        statement.bind(1, expected);
        found = statement.step();
        if (found) show(statement.get(), expected, open_of(expected));
      } catch (const SqliteFailure& again) {
        if (!again.corrupt()) throw Error("store", std::string("can't be read: ") + again.what(), options_.path);
      }
      if (!found) show_lost(expected, "can't be read");
    }
  }
  for (; expected <= total; ++expected) show_lost(expected, "is missing");
}

}  // namespace assay
