#include "core/store/opening.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "core/store/applier.hpp"
#include "core/store/kill_point.hpp"
#include "core/text/error.hpp"
#include "core/text/shell_words.hpp"

namespace assay {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& message, const std::string& hint = {}) {
  throw Error("store", message, path, hint);
}

[[noreturn]] void refuse(const std::string& path, const SqliteFailure& failure) {
  const std::string copy = "assay repair " + quote_shell_word(path) +
                           "   makes a new file of what can be read; this one has been left as it is";
  if (failure.primary() == SQLITE_NOTADB) refuse(path, "is not an experiment file: it has no SQLite header", copy);
  if (failure.primary() == SQLITE_CORRUPT) {
    refuse(path, std::string("is damaged or truncated (") + bytes_text(file_bytes(path)) + " found): " + failure.what(),
           copy);
  }
  if (failure.disk_full()) refuse(path, "can't be written: the disk is full", "make room on " + folder_of(path));
  std::string reason = failure.what();
  if (failure.system_errno() != 0) reason += std::string(" (") + std::strerror(failure.system_errno()) + ")";
  refuse(path, "can't be opened: " + reason);
}

void set_up(Connection& connection, bool writer, bool exclusive) {
  sqlite3* db = connection.get();
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 256 << 20);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_timeout(db, 5000);
  connection.run("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY");
  if (!writer) {
    connection.run("PRAGMA query_only=ON; PRAGMA cache_size=-16384");
    return;
  }
  if (exclusive) connection.run("PRAGMA locking_mode=EXCLUSIVE");
  connection.run(
      "PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
      "PRAGMA wal_autocheckpoint=0");
}

// An empty file for its owner only, for SQLite to fill: it would make one that others may read.
void make_private(const std::string& path) {
  ::unlink(path.c_str());
  if (const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600); fd >= 0)
    ::close(fd);
}

// Temporaries `PREFIXpid-..` whose makers are gone.
void remove_stale(const std::string& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const long pid = std::strtol(name.c_str() + prefix.size(), nullptr, 10);
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) ::unlink(entry.path().c_str());
  }
}

// A file that appears whole or not at all: made beside its place, synced, then linked to its name.
void create_file(const StoreOptions& options, const SchemaPlan& plan) {
  const std::string folder = folder_of(options.path);
  const std::size_t slash = options.path.rfind('/');
  const std::string name = slash == std::string::npos ? options.path : options.path.substr(slash + 1);
  const std::string temporary = folder + "/." + name + ".tmp-" + std::to_string(::getpid()) + "-" + random_id();
  remove_stale(folder, "." + name + ".tmp-");
  make_private(temporary);
  try {
    Connection connection(temporary, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    connection.run("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; BEGIN IMMEDIATE");
    create_schema(connection, random_id(), options.version, plan);
    connection.run("COMMIT");
    // From its first appearance on, there is never a rollback journal that a reader could not roll back.
    connection.run("PRAGMA journal_mode=WAL");
  } catch (const SqliteFailure& failure) {
    ::unlink(temporary.c_str());
    refuse(options.path, failure);
  }
  kill_point("store.create.before_rename");
  if (::link(temporary.c_str(), options.path.c_str()) != 0 && errno != EEXIST) {
    // A file system without hard links: we hold the writer's lock, so nobody else makes this name.
    if (::rename(temporary.c_str(), options.path.c_str()) != 0) {
      const int code = errno;
      ::unlink(temporary.c_str());
      refuse(options.path, std::string("can't be made: ") + std::strerror(code));
    }
  }
  ::unlink(temporary.c_str());
  sync_folder(folder);
  kill_point("store.create.after_rename");
}

// Looks before anything is written. Returns the schema's number.
int identify(const std::string& path, const SchemaPlan& plan, const StoreOptions& options) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) refuse(path, std::string("can't be opened: ") + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) refuse(path, "is not a file");
  if (info.st_size == 0) {
    refuse(path, "is empty (0 bytes): not an experiment file",
           file_bytes(path + "-wal") > 0
               ? "its write-ahead log is there: assay repair " + quote_shell_word(path) + "   reads that"
               : "remove it to begin a new experiment under this name");
  }
  try {
    Connection connection(path, SQLITE_OPEN_READONLY);
    sqlite3_busy_timeout(connection.get(), 5000);
    const std::int64_t application = connection.number("PRAGMA application_id");
    const int version = static_cast<int>(connection.number("PRAGMA user_version"));
    if (application != kApplicationId) {
      refuse(path, "is an SQLite database of another program (application id " + std::to_string(application) + ")",
             "the file has been left as it is");
    }
    if (version > plan.version) {
      const std::string min_reader = get_meta(connection, "min_reader");
      const bool readable = !min_reader.empty() && std::stoi(min_reader) <= plan.version;
      if (!readable || !options.read_only) {
        refuse(path,
               "was written by assay " + get_meta(connection, "written_by") + " (schema " + std::to_string(version) +
                   "); this is " + options.version + " (schema " + std::to_string(plan.version) + ")",
               readable ? "--read-only opens it; the file has been left as it is"
                        : "use the newer program; the file has been left as it is");
      }
    }
    if (version < 1) refuse(path, "has no schema number: its making was not finished", "remove it");
    return version;
  } catch (const SqliteFailure& failure) {
    refuse(path, failure);
  }
}

void back_up(Connection& connection, const StoreOptions& options, int version) {
  const std::string target = options.path + ".v" + std::to_string(version);
  const std::uint64_t needed = file_bytes(options.path) + file_bytes(options.path + "-wal");
  const auto room = free_bytes(folder_of(options.path));
  if (room && *room < needed) {
    refuse(options.path,
           "needs a copy before it is migrated: " + std::to_string(needed) + " bytes, and " + std::to_string(*room) +
               " are free",
           "make room, or --no-backup");
  }
  const std::string temporary = target + ".tmp-" + std::to_string(::getpid());
  make_private(temporary);
  {
    auto statement = connection.use("VACUUM INTO ?1");
    statement.bind(1, temporary).step();
  }
  if (const int fd = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC); fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    refuse(options.path, std::string("the copy before the migration can't be made: ") + std::strerror(errno), target);
  }
  sync_folder(folder_of(target));
}

void migrate(Connection& connection, const StoreOptions& options, const SchemaPlan& plan, int version) {
  std::vector<const Migration*> steps;
  bool rewrites = false;
  for (const Migration& migration : plan.migrations) {
    if (migration.to > version && migration.to <= plan.version) {
      steps.push_back(&migration);
      rewrites |= migration.rewrites;
    }
  }
  if (static_cast<int>(steps.size()) != plan.version - version) {
    refuse(options.path, "has schema " + std::to_string(version) + ", which this program can't bring up to " +
                             std::to_string(plan.version));
  }
  if (rewrites && options.backup_on_migration) back_up(connection, options, version);
  connection.run("BEGIN IMMEDIATE");
  for (const Migration* step : steps) {
    step->apply(connection);
    kill_point("store.migration.middle");
  }
  create_views(connection);
  put_meta(connection, "schema", std::to_string(plan.version));
  put_meta(connection, "min_reader", std::to_string(plan.min_reader));
  put_meta(connection, "written_by", options.version);
  connection.run("PRAGMA user_version = " + std::to_string(plan.version));
  connection.run("COMMIT");
}

// An attempt without an end goes on from its steps; one whose digest does not hold, and all after it, run again from
// the recorded calls.
void verify_steps(Connection& connection, Applier& applier, std::int64_t run, std::int64_t attempt, WallTime now) {
  std::vector<std::int64_t> numbers;
  bool bad = false;
  {
    auto statement = connection.use("SELECT * FROM step WHERE run = ?1 AND attempt = ?2 ORDER BY n");
    statement.bind(1, run).bind(2, attempt);
    RowReader reader(StepRecord::kTable);
    StepRecord step;
    while (statement.step()) {
      const bool whole = reader.read(statement.get(), step);
      if (!bad) {
        std::int64_t calls = 0, all = 0;
        auto sums = connection.use("SELECT sum FROM call WHERE run = ?1 AND attempt = ?2 AND step = ?3");
        sums.bind(1, run).bind(2, attempt).bind(3, step.n);
        while (sums.step()) {
          ++calls;
          all ^= sums.number(0);
        }
        bad = !whole || calls != step.n_calls || all != step.calls_xor;
      }
      if (bad) numbers.push_back(statement.number(2));
    }
  }
  for (const std::int64_t n : numbers) {
    applier.put_damaged("step", std::to_string(run) + "/" + std::to_string(attempt) + "/" + std::to_string(n), {},
                        "checksum or digest", run, now);
    auto statement = connection.use("DELETE FROM step WHERE run = ?1 AND attempt = ?2 AND n = ?3");
    statement.bind(1, run).bind(2, attempt).bind(3, n).step();
  }
}

// Calls left in state `sent` by earlier sessions. They are looked for where they can be: among the last session's
// calls, among those in doubt already, and in attempts that have not ended.
std::set<std::int64_t> find_sent(Connection& connection, const SessionRecord& last,
                                 const std::vector<std::pair<std::int64_t, std::int64_t>>& open_attempts,
                                 WallTime& last_record) {
  std::set<std::int64_t> ids;
  {
    auto statement = connection.use("SELECT id, state, sent_at, ended_at FROM call WHERE id >= ?1");
    statement.bind(1, last.first_call);
    while (statement.step()) {
      last_record = std::max({last_record, statement.number(2), statement.number(3)});
      if (statement.number(1) == 0) ids.insert(statement.number(0));
    }
  }
  {
    auto statement = connection.use("SELECT id FROM call WHERE doubt > 0 AND state = 0");
    while (statement.step()) ids.insert(statement.number(0));
  }
  for (const auto& [run, attempt] : open_attempts) {
    auto statement = connection.use("SELECT id FROM call WHERE run = ?1 AND attempt = ?2 AND state = 0");
    statement.bind(1, run).bind(2, attempt);
    while (statement.step()) ids.insert(statement.number(0));
  }
  return ids;
}

void recover(Connection& connection, Applier& applier, const SessionRecord& last, std::int64_t ver,
             Recovery& recovery) {
  const WallTime now = wall_now();
  std::vector<std::pair<std::int64_t, std::int64_t>> open_attempts;
  std::set<std::int64_t> resumable;
  {
    auto statement = connection.use("SELECT run, n, begun_at, ended_at, imported FROM attempt");
    while (statement.step()) {
      recovery.last_record = std::max({recovery.last_record, statement.number(2), statement.number(3)});
      if (!statement.is_null(3) || statement.number(4) != 0) continue;
      open_attempts.emplace_back(statement.number(0), statement.number(1));
      resumable.insert(statement.number(0));
    }
  }
  recovery.resumable = static_cast<std::uint32_t>(resumable.size());
  for (const auto& [run, attempt] : open_attempts) verify_steps(connection, applier, run, attempt, now);
  RowReader reader(CallRow::kTable);
  for (const std::int64_t id : find_sent(connection, last, open_attempts, recovery.last_record)) {
    auto statement = connection.use("SELECT * FROM call WHERE id = ?1");
    statement.bind(1, id);
    CallRow row;
    if (!statement.step()) continue;
    if (!reader.read(statement.get(), row)) {
      applier.put_damaged("call", std::to_string(id), {}, "checksum", std::nullopt, now);
      continue;
    }
    const UsageColumns before = Applier::usage_of(row);
    // Its last try comes on top of those before it; once, however often it is found.
    if (row.doubt != static_cast<std::int64_t>(CallDoubt::crash)) row.possible += row.reserved;
    row.doubt = static_cast<std::int64_t>(CallDoubt::crash);
    row.ver = ver;
    applier.update_call(row);
    applier.refresh_digests(row.run, row.attempt, row.step, ver, Applier::usage_of(row).minus(before));
    ++recovery.in_doubt;
    recovery.in_doubt_max += row.possible;
  }
}

void count(Connection& connection, Recovery& recovery) {
  recovery.runs = static_cast<std::uint32_t>(connection.number("SELECT sum(n_runs) FROM batch WHERE dropped = 0"));
  recovery.calls = static_cast<std::uint64_t>(connection.number("SELECT count(*) FROM call"));
  recovery.damaged = static_cast<std::uint32_t>(connection.number("SELECT count(*) FROM damaged"));
}

// The row of this session, in one transaction with the marks that the end of the last one asks for.
void open_session(OpenedFile& file, const StoreOptions& options) {
  Connection& connection = *file.connection;
  Applier applier(connection);
  connection.run("BEGIN IMMEDIATE");
  const std::string host = host_name(), boot = boot_id();
  std::string last_host, last_boot;
  SessionRecord last;
  bool any = false;
  {
    auto statement = connection.use("SELECT * FROM session ORDER BY id DESC LIMIT 1");
    RowReader reader(SessionRecord::kTable);
    any = statement.step();
    if (any && !reader.read(statement.get(), last)) {  // says nothing that can be believed: everything is looked at
      last.closed_at.reset();
      last.first_call = 1;
      last.id = statement.number(0);
    }
    last_host = last.host;  // the row's texts live as long as the statement
    last_boot = last.boot_id;
  }
  file.session = any ? last.id + 1 : 1;
  const std::int64_t ver = version_of(file.session, 0);
  if (any) {
    file.recovery.unclean = !last.closed_at;
    file.recovery.pid = last.pid;
    file.recovery.host = last_host;
    file.recovery.last_record = last.opened_at;
    if (file.recovery.unclean || last.sent_left != 0) {
      file.recovery.restarted = last_host == host && last_boot != boot;
      recover(connection, applier, last, ver, file.recovery);
    } else {
      file.recovery.last_record = last.closed_at.value_or(0);  // it has one: not unclean
      file.lost_attempts = attempts_digest(connection) != last.attempts;
    }
  }
  SessionRecord session;
  session.id = file.session;
  session.pid = ::getpid();
  session.host = host;
  session.boot_id = boot;
  session.opened_at = wall_now();
  session.version = options.version;
  session.first_call = connection.number("SELECT max(id) FROM call") + 1;
  session.ver = ver;
  applier.put_session(session);
  kill_point("store.open.before_commit");
  connection.run("COMMIT");
  kill_point("store.open.after_commit");
}

}  // namespace

OpenedFile open_file(const StoreOptions& options, const SchemaPlan& plan) {
  OpenedFile file;
  try {
    if (options.path == ":memory:") {
      file.memory = true;
      file.recovery.created = true;
      file.connection = std::make_unique<Connection>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      create_schema(*file.connection, random_id(), options.version, plan);
      open_session(file, options);
    } else if (options.read_only) {
      const int version = identify(options.path, plan, options);
      if (version < plan.version) {
        refuse(options.path,
               "has schema " + std::to_string(version) + ", this program reads " + std::to_string(plan.version),
               "open it once without --read-only to bring it up to date");
      }
      file.connection = open_reader(options.path);
      auto statement = file.connection->use("SELECT * FROM session ORDER BY id DESC LIMIT 1");
      SessionRecord last;
      if (statement.step() && RowReader(SessionRecord::kTable).read(statement.get(), last) && last.closed_at) {
        file.lost_attempts = attempts_digest(*file.connection) != last.attempts;
      }
    } else {
      file.lock = std::make_unique<WriterLock>(options.path, options.version, options.take_over);
      if (::access(options.path.c_str(), F_OK) != 0) {
        file.recovery.created = true;
        create_file(options, plan);
      }
      const int version = identify(options.path, plan, options);
      file.lock->announce();
      file.exclusive = !network_file_system(folder_of(options.path)).empty();
      file.connection = std::make_unique<Connection>(options.path, SQLITE_OPEN_READWRITE);
      set_up(*file.connection, true, file.exclusive);
      if (version < plan.version) {
        migrate(*file.connection, options, plan, version);
        file.recovery.migrated_from = static_cast<std::uint32_t>(version);
      }
      open_session(file, options);
    }
    file.experiment_id = get_meta(*file.connection, "experiment");
    count(*file.connection, file.recovery);
  } catch (const SqliteFailure& failure) {
    file.connection.reset();
    refuse(options.path, failure);
  }
  return file;
}

std::int64_t attempts_digest(Connection& connection) {
  try {
    return connection.number(
        "SELECT (SELECT count(*) FROM attempt) * 1000003 + "
        "(SELECT coalesce(sum(id), 0) + count(*) FROM attempt WHERE ended_at IS NULL)");
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw;
    return -1;
  }
}

std::unique_ptr<Connection> open_reader(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, SQLITE_OPEN_READONLY);
  set_up(*connection, false, false);
  return connection;
}

std::unique_ptr<Connection> reopen_writer(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, SQLITE_OPEN_READWRITE);
  set_up(*connection, true, !network_file_system(folder_of(path)).empty());
  auto statement = connection->use("PRAGMA wal_checkpoint(TRUNCATE)");
  statement.step();
  if (statement.number(0) != 0) throw SqliteFailure(SQLITE_BUSY, 0, "the write-ahead log can't be folded back");
  return connection;
}

void close_session(Connection& connection, std::int64_t session, const std::string& how, std::int64_t ver) {
  auto statement = connection.use("SELECT * FROM session WHERE id = ?1");
  statement.bind(1, session);
  SessionRecord record;
  RowReader reader(SessionRecord::kTable);
  if (!statement.step() || !reader.read(statement.get(), record)) return;
  record.closed_at = wall_now();
  record.how = how;
  record.sent_left =
      connection.number("SELECT count(*) FROM call WHERE state = 0 AND id >= " + std::to_string(record.first_call)) +
      connection.number("SELECT count(*) FROM call WHERE doubt > 0 AND state = 0");
  record.attempts = attempts_digest(connection);
  record.ver = ver;
  Applier(connection).put_session(record);
}

}  // namespace assay
