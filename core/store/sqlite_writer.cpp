#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <future>

#include "core/store/kill_point.hpp"
#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {
constexpr std::uint64_t kPassiveCheckpoint = 16U << 20;
constexpr std::uint64_t kSmallDisk = 512U << 20;
constexpr std::uint64_t kTruncatingCheckpoint = 256U << 20;
constexpr auto kIdle = std::chrono::seconds(5);
constexpr std::size_t kKeptCommits = 1000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
}  // namespace

std::unique_ptr<Store> open_sqlite_store(const StoreOptions& options) {
  return open_sqlite_store(options, default_schema_plan());
}

std::unique_ptr<Store> open_sqlite_store(const StoreOptions& options, const SchemaPlan& plan) {
  return std::make_unique<SqliteStore>(options, open_file(options, plan));
}

SqliteStore::SqliteStore(StoreOptions options, OpenedFile file)
    : options_(std::move(options)),
      folder_(folder_of(options_.path)),
      single_(file.memory || file.exclusive),
      file_(std::move(file)),
      reserve_(options_.path + "-reserve", file_.memory || options_.read_only ? 0 : options_.disk_reserve) {
  Connection& connection = *file_.connection;
  next_run_ = static_cast<RunId>(std::max(connection.number("SELECT max(first + n_runs) - 1 FROM batch"),
                                          connection.number("SELECT max(id) FROM run")));
  next_batch_ = static_cast<BatchId>(connection.number("SELECT max(id) FROM batch"));
  next_call_ = static_cast<CallId>(connection.number("SELECT max(id) FROM call") + 1);
  next_log_ = file_.session << 32;
  {
    auto damaged = connection.use("SELECT tbl, row FROM damaged");
    while (damaged.step()) known_damage_.emplace(std::string(damaged.text(0)), std::string(damaged.text(1)));
  }
  if (options_.read_only) {
    writable_ = false;
    message_ = "read-only";
    return;
  }
  applier_ = std::make_unique<Applier>(connection);
  if (file_.exclusive) {
    tell(options_.path + " is on " + network_file_system(folder_) +
         ": one program at a time, and nothing can read beside it");
  }
  look_at_room(true);
  // The thread takes no signals: whoever owns them waits for them elsewhere.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([this] { writer_main(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SqliteStore::~SqliteStore() {
  if (writer_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_writer_.notify_all();
    writer_.join();
  }
  close();
}

void SqliteStore::close() {
  pool_.clear();
  if (options_.read_only || !file_.connection) return;
  kill_point("store.close.before");
  try {
    if (!ended_ && queued_ == 0) {
      Connection& connection = *file_.connection;
      connection.run("BEGIN IMMEDIATE");
      close_session(connection, file_.session, "exit", version_of(file_.session, ++commit_));
      connection.run("COMMIT");
      if (!file_.memory) checkpoint(true);
      applier_.reset();
      file_.connection->close();
      reserve_.remove();
      if (file_.lock) file_.lock->release();
      return;
    }
  } catch (const SqliteFailure& failure) {
    tell(options_.path + " could not be closed cleanly: " + failure.what());
  }
  applier_.reset();
  if (*file_.connection) {
    sqlite3_db_config(file_.connection->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    file_.connection->close();
  }
  reserve_.remove();
}

void SqliteStore::fail_if_ended() const {
  if (options_.read_only) throw Error("store", "is open for reading only", options_.path);
  const std::lock_guard lock(mutex_);
  if (ended_) throw Error("store", message_, options_.path);
}

void SqliteStore::submit(std::vector<Change> changes, std::function<void()> committed) {
  fail_if_ended();
  Job job;
  job.committed = std::move(committed);
  job.changes.reserve(changes.size());
  for (Change& change : changes) {
    job.changes.push_back(prepare_change(std::move(change), next_log_++));
    job.bytes += job.changes.back().bytes;
  }
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return queued_bytes_ <= options_.max_queued_bytes || ended_; });
    for (const PreparedChange& change : job.changes) {
      const auto* batch = std::get_if<AddBatch>(&change.change);
      if (!batch) continue;
      const auto count = static_cast<std::uint32_t>(batch->runs ? batch->runs->size() : 0);
      if (batch->info.first != next_run_ || batch->info.id != next_batch_) {
        throw Error("internal", "a batch must begin at the next run and batch id", batch->info.name);
      }
      next_run_ += count;
      ++next_batch_;
    }
    queued_bytes_ += job.bytes;
    queued_ += job.changes.size();
    first = queue_.empty();
    queue_.push_back(std::move(job));
  }
  if (first) wake_writer_.notify_one();
}

bool SqliteStore::congested() const {
  const std::lock_guard lock(mutex_);
  return ended_ || options_.read_only || queued_bytes_ > options_.max_queued_bytes;
}

void SqliteStore::write(std::vector<Change> changes) {
  {
    const std::lock_guard lock(mutex_);
    if (!writable_ && !options_.read_only) throw Error("store", message_, options_.path);
  }
  // Owned by both sides: the wait may end before the commit comes.
  const auto done = std::make_shared<std::atomic<bool>>(false);
  submit(std::move(changes), [this, done] {
    const std::lock_guard lock(mutex_);
    *done = true;
    room_.notify_all();
  });
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return *done || ended_ || !writable_; });
  if (*done) return;
  throw Error("store", message_, options_.path,
              ended_ ? "" : "the change waits in memory and is written when it can be");
}

void SqliteStore::flush() {
  if (options_.read_only) return;
  const auto done = std::make_shared<std::atomic<bool>>(false);
  submit({}, [this, done] {
    const std::lock_guard lock(mutex_);
    *done = true;
    room_.notify_all();
  });
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return *done || ended_; });
  if (!*done) throw Error("store", message_, options_.path);
}

StoreHealth SqliteStore::health() const {
  StoreHealth out;
  {
    const std::lock_guard lock(mutex_);
    out.writable = writable_;
    out.message = message_;
  }
  out.queued = queued_;
  out.commits = commits_;
  out.changes = changes_;
  if (!file_.memory) {
    out.file_bytes = file_bytes(options_.path);
    out.wal_bytes = file_bytes(options_.path + "-wal");
  }
  return out;
}

void SqliteStore::tell(const std::string& line) const {
  if (options_.notice) options_.notice(line);
}

void SqliteStore::set_state(bool writable, bool for_good, const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    writable_ = writable;
    ended_ |= for_good;
    message_ = message;
  }
  room_.notify_all();
}

bool SqliteStore::wait_or_stop(std::int64_t milliseconds) {
  std::unique_lock lock(mutex_);
  return wake_writer_.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return stop_; });
}

void SqliteStore::writer_main() {
  pthread_setname_np(pthread_self(), "store");
  std::vector<Job> jobs;
  for (;;) {
    bool idle = false;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return !queue_.empty() || !damage_.empty() || stop_; };
      const auto pause = writable_ ? std::chrono::milliseconds(kIdle) : std::chrono::milliseconds(options_.retry_ms);
      idle = !wake_writer_.wait_for(lock, pause, ready);
      if (queue_.empty() && damage_.empty() && stop_) return;
      jobs.swap(queue_);
    }
    if (idle) {
      if (wal_dirty_) checkpoint(true);
      look_at_room(true);
      continue;
    }
    commit_jobs(jobs);
    jobs.clear();
    {
      const std::lock_guard lock(mutex_);
      if (ended_) {
        queue_.clear();
        return;
      }
    }
    look_at_room(false);
  }
}

void SqliteStore::commit_once(std::vector<Job>& jobs, std::size_t first, std::size_t last) {
  std::unique_lock<std::recursive_mutex> shared;
  if (single_) shared = std::unique_lock(connection_mutex_);
  std::vector<Damage> damage;
  {
    const std::lock_guard lock(mutex_);
    damage.swap(damage_);
  }
  Connection& connection = *file_.connection;
  const std::int64_t ver = version_of(file_.session, ++commit_);
  (void)applier_->take_written();
  try {
    auto begin = connection.use("BEGIN IMMEDIATE");
    begin.step();
    for (std::size_t i = first; i < last; ++i) {
      for (const PreparedChange& change : jobs[i].changes) applier_->apply(change, ver);
      if (i == first + (last - first) / 2) kill_point("store.transaction.middle");
    }
    for (const Damage& one : damage) {
      applier_->put_damaged(one.table, one.row, {}, one.reason, one.run, wall_now());
    }
    kill_point("store.commit.before");
    auto commit = connection.use("COMMIT");
    commit.step();
    kill_point("store.commit.after");
  } catch (...) {
    if (!sqlite3_get_autocommit(connection.get()))
      sqlite3_exec(connection.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    applier_->forget();
    throw;
  }
  wal_dirty_ = true;
  acknowledged_.push_back(applier_->take_written());
  if (acknowledged_.size() > kKeptCommits) acknowledged_.pop_front();
}

void SqliteStore::finish_jobs(std::vector<Job>& jobs, std::size_t first, std::size_t last) {
  kill_point("store.callbacks.before");
  std::size_t bytes = 0, count = 0;
  for (std::size_t i = first; i < last; ++i) {
    bytes += jobs[i].bytes;
    count += jobs[i].changes.size();
  }
  ++commits_;
  changes_ += count;
  queued_ -= count;
  for (std::size_t i = first; i < last; ++i) {
    jobs[i].changes.clear();
    if (jobs[i].committed) jobs[i].committed();
  }
  {
    const std::lock_guard lock(mutex_);
    queued_bytes_ -= bytes;
  }
  room_.notify_all();
}

void SqliteStore::commit_jobs(std::vector<Job>& jobs) {
  std::size_t done = 0;
  while (done < jobs.size() || jobs.empty()) {
    try {
      commit_once(jobs, done, jobs.size());
      finish_jobs(jobs, done, jobs.size());
      break;
    } catch (const SqliteFailure& failure) {
      bool go_on = false;
      if (failure.disk_full()) {
        go_on = make_room_and_commit(jobs, done, failure.what());
      } else if (failure.primary() == SQLITE_IOERR || failure.primary() == SQLITE_CANTOPEN ||
                 failure.primary() == SQLITE_BUSY) {
        go_on = reopen_and_commit(jobs, done, failure);
        if (go_on) done = jobs.size();
      } else {
        std::string message = std::string("can't be written any more: ") + failure.what();
        if (failure.corrupt()) message += "; `check` says what is damaged";
        set_state(false, true, message);
        tell(options_.path + " " + message);
      }
      if (!go_on || done == jobs.size()) break;
    }
  }
  bound_log();
}

void SqliteStore::bound_log() {
  if (file_.memory) return;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
  }
  // On a small disk the log is folded back early: a full one has no room for both.
  if (last_room_ < kSmallDisk) last_room_ = free_bytes(folder_).value_or(last_room_);
  const std::uint64_t threshold = std::min(kPassiveCheckpoint, std::max<std::uint64_t>(last_room_ / 4, 64U << 10));
  const std::uint64_t wal = file_bytes(options_.path + "-wal");
  if (wal >= threshold) checkpoint(wal >= kTruncatingCheckpoint);
}

void SqliteStore::checkpoint(bool truncate) {
  if (file_.memory) return;
  kill_point("store.checkpoint.before");
  std::unique_lock<std::recursive_mutex> shared;
  if (single_) shared = std::unique_lock(connection_mutex_);
  if (!*file_.connection) return;
  try {
    // A reader that stands in the way is waited for by the next one, not by the commits of this moment.
    sqlite3_busy_timeout(file_.connection->get(), 50);
    auto statement =
        file_.connection->use(truncate ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(PASSIVE)");
    statement.step();
    if (truncate && statement.number(0) == 0) wal_dirty_ = false;
  } catch (const SqliteFailure&) {
    // The log keeps every commit; a disk that fails is met, and told of, by the next commit.
  }
  sqlite3_busy_timeout(file_.connection->get(), 5000);
  kill_point("store.checkpoint.after");
}

std::size_t SqliteStore::waiting_answers() const { return queued_; }

std::string SqliteStore::full_message() const {
  const auto room = free_bytes(folder_);
  return "disk full: " + std::to_string(waiting_answers()) + " changes wait in memory, " +
         bytes_text(room.value_or(0)) + " free on " + folder_ + ", at least " +
         bytes_text(std::max<std::uint64_t>(reserve_.bytes(), 1U << 20)) + " needed";
}

void SqliteStore::look_at_room(bool now) {
  if (file_.memory) return;
  const std::int64_t at = steady_ms();
  if (!now && at - last_look_ < 500) return;
  last_look_ = at;
  bool was_writable = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    was_writable = writable_;
  }
  const auto room = free_bytes(folder_);
  last_room_ = room.value_or(kSmallDisk);
  bool enough = !room || reserve_.bytes() == 0 || *room >= reserve_.bytes();
  if (enough && !reserve_.present()) {
    // Room for the reserve, and as much again to work in.
    enough = (!room || *room >= 2 * reserve_.bytes()) && reserve_.make();
  }
  if (enough && !was_writable) {
    set_state(true, false, {});
    tell("there is room again on " + folder_ + ": work goes on");
  } else if (!enough) {
    const std::string message = full_message();
    set_state(false, false, message);
    if (was_writable) tell(message);
  }
}

// True when all jobs are committed.
bool SqliteStore::make_room_and_commit(std::vector<Job>& jobs, std::size_t& done, const std::string&) {
  const std::string found = full_message();
  set_state(false, false, found);
  tell(found);
  for (;;) {
    reserve_.remove();
    try {
      checkpoint(true);  // first of all: the log's room comes back
      // One by one: what fits is acknowledged, however much waits behind it.
      while (done < jobs.size()) {
        commit_once(jobs, done, done + 1);
        finish_jobs(jobs, done, done + 1);
        ++done;
        bound_log();
      }
      return true;
    } catch (const SqliteFailure& failure) {
      if (!failure.disk_full()) {
        if (failure.primary() == SQLITE_IOERR) return reopen_and_commit(jobs, done, failure) && (done = jobs.size());
        set_state(false, true, std::string("can't be written any more: ") + failure.what());
        tell(options_.path + " can't be written any more: " + failure.what());
        return false;
      }
    }
    set_state(false, false, full_message());
    if (wait_or_stop(options_.retry_ms)) {
      // Asked to end: one last try, then what waits is lost and said to be.
      try {
        checkpoint(true);
        commit_once(jobs, done, jobs.size());
        finish_jobs(jobs, done, jobs.size());
        done = jobs.size();
        return true;
      } catch (const SqliteFailure&) {
        const std::string lost = "the disk is still full: " + std::to_string(queued_) + " changes are lost";
        set_state(false, true, lost);
        tell(lost);
        return false;
      }
    }
  }
}

// Never a second fsync on a descriptor whose fsync failed: the kernel may have dropped the pages and call the next one
// a success. True when all jobs are committed.
bool SqliteStore::reopen_and_commit(std::vector<Job>& jobs, std::size_t done, const SqliteFailure& failure) {
  std::string reason = failure.what();
  int code = failure.system_errno();
  for (const std::int64_t pause : {100, 1000, 10'000}) {
    const bool stopping = wait_or_stop(std::min(pause, options_.retry_ms * 2));
    std::unique_lock<std::recursive_mutex> shared;
    if (single_) shared = std::unique_lock(connection_mutex_);
    if (file_.memory) break;
    try {
      {
        const std::lock_guard lock(pool_mutex_);
        pool_.clear();
      }
      applier_.reset();
      if (file_.connection && *file_.connection) {
        sqlite3_db_config(file_.connection->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        file_.connection->close();
      }
      file_.connection = reopen_writer(options_.path);
      applier_ = std::make_unique<Applier>(*file_.connection);
      verify_acknowledged();
      commit_once(jobs, done, jobs.size());
      finish_jobs(jobs, done, jobs.size());
      tell("the disk answered again: " + options_.path + " was reopened and nothing shown is missing");
      return true;
    } catch (const SqliteFailure& again) {
      reason = again.what();
      code = again.system_errno();
      if (stopping) break;
    }
  }
  const std::string message =
      "can't be written any more: " + reason + (code ? std::string(" (") + std::strerror(code) + ")" : std::string());
  set_state(false, true, message);
  tell(options_.path + " " + message);
  return false;
}

void SqliteStore::verify_acknowledged() {
  for (const std::vector<WrittenRow>& commit : acknowledged_) {
    for (const WrittenRow& row : commit) {
      const bool call = row.table == WrittenRow::Table::call;
      auto statement =
          file_.connection->use(call ? "SELECT ver FROM call WHERE id = ?1" : "SELECT ver FROM attempt WHERE id = ?1");
      statement.bind(1, row.id);
      if (!statement.step() || statement.number(0) < row.ver) {
        throw SqliteFailure(SQLITE_IOERR, EIO, "a record that was written is not in the file any more");
      }
    }
  }
}

}  // namespace assay
