// A full disk stops the work, not the results; a disk that fails is reopened, and nothing shown is lost.
//
// The failing disk is a layer over SQLite's own: every k-th write or sync fails as it is told to.

#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/store/host.hpp"
#include "core/text/error.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

/// What fails, and when. Shared with the layer.
struct FailingDisk {
  enum class Fault { none, full_write, io_write, io_sync };
  std::atomic<Fault> fault{Fault::none};
  std::atomic<int> countdown{0};  // operations until it fails
  std::atomic<int> times{0};      // how often it then fails
  std::atomic<int> fired{0};
  std::atomic<int> syncs_after_failure{0};  // on a file whose sync has failed

  bool now(bool sync) {
    const Fault what = fault;
    if (what == Fault::none || sync != (what == Fault::io_sync)) return false;
    if (countdown-- > 0) return false;
    if (times-- <= 0) {
      fault = Fault::none;
      return false;
    }
    countdown = 0;
    ++fired;
    return true;
  }
};
FailingDisk disk;

struct LayerFile {
  sqlite3_file base;
  bool sync_failed;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
LayerFile* layer(sqlite3_file* file) { return reinterpret_cast<LayerFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return layer(file)->real(); }

sqlite3_vfs* base_vfs = nullptr;
sqlite3_io_methods methods{};

int layer_write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  const bool full = disk.fault != FailingDisk::Fault::io_write;
  if (disk.now(false)) return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  return real(file)->pMethods->xWrite(real(file), bytes, size, at);
}
int layer_sync(sqlite3_file* file, int flags) {
  if (layer(file)->sync_failed) ++disk.syncs_after_failure;
  if (disk.now(true)) {
    layer(file)->sync_failed = true;
    return SQLITE_IOERR_FSYNC;
  }
  return real(file)->pMethods->xSync(real(file), flags);
}

int layer_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  LayerFile* mine = layer(file);
  mine->base.pMethods = nullptr;
  mine->sync_failed = false;
  const int code = base_vfs->xOpen(base_vfs, name, mine->real(), flags, out);
  if (code == SQLITE_OK) mine->base.pMethods = &methods;
  return code;
}

/// Puts the layer under all databases opened while it lives.
class DiskLayer {
 public:
  DiskLayer() {
    base_vfs = sqlite3_vfs_find("unix");
    vfs_ = *base_vfs;
    vfs_.zName = "failing";
    vfs_.szOsFile = static_cast<int>(sizeof(LayerFile)) + base_vfs->szOsFile;
    vfs_.xOpen = layer_open;
    methods = {};
    methods.iVersion = 2;
    methods.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
    methods.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
      return real(f)->pMethods->xRead(real(f), to, n, at);
    };
    methods.xWrite = layer_write;
    methods.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) { return real(f)->pMethods->xTruncate(real(f), n); };
    methods.xSync = layer_sync;
    methods.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) { return real(f)->pMethods->xFileSize(real(f), n); };
    methods.xLock = [](sqlite3_file* f, int n) { return real(f)->pMethods->xLock(real(f), n); };
    methods.xUnlock = [](sqlite3_file* f, int n) { return real(f)->pMethods->xUnlock(real(f), n); };
    methods.xCheckReservedLock = [](sqlite3_file* f, int* n) {
      return real(f)->pMethods->xCheckReservedLock(real(f), n);
    };
    methods.xFileControl = [](sqlite3_file* f, int op, void* arg) {
      return real(f)->pMethods->xFileControl(real(f), op, arg);
    };
    methods.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
    methods.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
    methods.xShmMap = [](sqlite3_file* f, int p, int n, int e, void volatile** out) {
      return real(f)->pMethods->xShmMap(real(f), p, n, e, out);
    };
    methods.xShmLock = [](sqlite3_file* f, int o, int n, int flags) {
      return real(f)->pMethods->xShmLock(real(f), o, n, flags);
    };
    methods.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
    methods.xShmUnmap = [](sqlite3_file* f, int d) { return real(f)->pMethods->xShmUnmap(real(f), d); };
    disk.fault = FailingDisk::Fault::none;
    disk.fired = 0;
    disk.syncs_after_failure = 0;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~DiskLayer() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(base_vfs, 1);
  }

 private:
  sqlite3_vfs vfs_{};
};

void begin_fault(FailingDisk::Fault fault, int after, int times) {
  disk.countdown = after;
  disk.times = times;
  disk.fault = fault;
}

/// Completes `count` runs by submit alone; returns how many ends were acknowledged when all is done.
struct Ledger {
  std::mutex mutex;
  std::vector<RunId> ended;
  std::vector<CallId> answered;
};
void submit_run(Store& store, RunId run, Ledger& ledger) {
  const SendCall send = send_call(store, run);
  store.submit({BeginAttempt{run, 1, 5}, send}, {});
  store.submit({end_call(send, std::string(600, 'r') + std::to_string(run))}, [&ledger, id = send.call.id] {
    const std::lock_guard lock(ledger.mutex);
    ledger.answered.push_back(id);
  });
  store.submit({end_attempt(run)}, [&ledger, run] {
    const std::lock_guard lock(ledger.mutex);
    ledger.ended.push_back(run);
  });
}

void check_all(const std::string& path, const Ledger& ledger, std::size_t expected) {
  const auto store = open_sqlite_store(options_for(path));
  const auto all = rows(*store);
  CHECK(ledger.ended.size() == expected);
  for (const RunId run : ledger.ended) {
    CHECK(all[run].row.status == Status::complete);
    CHECK(all[run].row.usage.calls == 1);
  }
  for (const CallId call : ledger.answered) CHECK(store->call_reply(call).starts_with("rrr"));
  const auto findings = store->check();
  for (const std::string& line : findings) MESSAGE(line);
  CHECK(findings.empty());
}

TEST_CASE("a write that finds no room at any moment loses nothing, and work goes on when there is room") {
  const DiskLayer under;
  std::size_t fired = 0;
  for (int k = 0; k < 24; ++k) {
    CAPTURE(k);
    const FastFolder folder;
    const std::string path = folder.path("x.assay");
    Ledger ledger;
    std::vector<std::string> notices;
    std::mutex mutex;
    {
      StoreOptions options = options_for(path);
      options.retry_ms = 5;
      options.notice = [&](const std::string& line) {
        const std::lock_guard lock(mutex);
        notices.push_back(line);
      };
      const auto store = open_sqlite_store(options);
      store->write({batch(*store, "add", 12)});
      disk.fired = 0;
      begin_fault(FailingDisk::Fault::full_write, k, 1 + k % 7);
      for (RunId run = 0; run < 12; ++run) submit_run(*store, run, ledger);
      store->flush();
      disk.fault = FailingDisk::Fault::none;
      fired += disk.fired > 0;
      for (int i = 0; i < 200 && !store->health().writable; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      CHECK(store->health().writable);
      if (disk.fired > 0) {
        const std::lock_guard lock(mutex);
        REQUIRE(notices.size() >= 2);
        CHECK(notices.front().starts_with("disk full: "));
        CHECK(notices.back().find("work goes on") != std::string::npos);
      }
    }
    check_all(path, ledger, 12);
  }
  CHECK(fired > 12);
}

TEST_CASE("a failed sync is never repeated on its descriptor; the file is reopened and nothing shown is lost") {
  const DiskLayer under;
  std::size_t fired = 0;
  for (int k = 0; k < 12; ++k) {
    CAPTURE(k);
    const FastFolder folder;
    const std::string path = folder.path("x.assay");
    Ledger ledger;
    {
      StoreOptions options = options_for(path);
      options.retry_ms = 5;
      const auto store = open_sqlite_store(options);
      store->write({batch(*store, "add", 12)});
      disk.fired = 0;
      disk.syncs_after_failure = 0;
      begin_fault(FailingDisk::Fault::io_sync, k, 1);
      for (RunId run = 0; run < 12; ++run) {
        submit_run(*store, run, ledger);
        store->flush();
      }
      disk.fault = FailingDisk::Fault::none;
      fired += disk.fired > 0;
      CHECK(store->health().writable);
      CHECK(disk.syncs_after_failure == 0);
    }
    check_all(path, ledger, 12);
  }
  CHECK(fired == 12);
}

TEST_CASE("a disk that fails for good ends writing, and what was shown stays readable") {
  const DiskLayer under;
  const FastFolder folder;
  const std::string path = folder.path("x.assay");
  Ledger ledger;
  {
    StoreOptions options = options_for(path);
    options.retry_ms = 5;
    const auto store = open_sqlite_store(options);
    store->write({batch(*store, "add", 4)});
    for (RunId run = 0; run < 2; ++run) submit_run(*store, run, ledger);
    store->flush();
    begin_fault(FailingDisk::Fault::io_sync, 0, 1'000'000);
    submit_run(*store, 2, ledger);
    CHECK_THROWS_AS(store->flush(), Error);
    CHECK_FALSE(store->health().writable);
    CHECK(store->health().message.starts_with("can't be written any more: "));
    CHECK_THROWS_AS(store->submit({PutNote{"a", "b"}}, {}), Error);
    CHECK(rows(*store)[1].row.status == Status::complete);
    disk.fault = FailingDisk::Fault::none;
  }
  check_all(path, ledger, 2);
}

// In a child, in its own mount namespace: no root is needed where user namespaces are allowed.
int fill_small_disk(const std::string& mount_point, std::uint64_t kibibytes) {
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  const std::string size = "size=" + std::to_string(kibibytes) + "k";
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, size.c_str()) != 0) return 77;
  const std::string path = mount_point + "/x.assay", ballast = mount_point + "/ballast";
  Ledger ledger;
  std::atomic<int> full = 0, again = 0;
  {
    StoreOptions options = options_for(path);
    options.disk_reserve = 128 << 10;
    options.retry_ms = 20;
    options.notice = [&](const std::string& line) {
      full += line.starts_with("disk full: ");
      again += line.find("work goes on") != std::string::npos;
    };
    const auto store = open_sqlite_store(options);
    if (!store->health().writable) return 10;
    store->write({batch(*store, "add", 200)});
    {  // somebody else fills the disk but for a little
      const std::uint64_t room = free_bytes(mount_point).value_or(0);
      std::ofstream file(ballast, std::ios::binary);
      const std::string block(4096, 'b');
      for (std::uint64_t used = 0; used + (160 << 10) < room; used += block.size()) file << block;
    }
    // As the engine does: nothing begins while health says so; what has begun is given over whatever happens.
    RunId run = 0;
    int begun_without_room = 0;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (run < 200 && std::chrono::steady_clock::now() < give_up) {
      if (!store->health().writable) {
        if (!std::filesystem::exists(ballast)) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          continue;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
        begun_without_room += store->health().writable;
        std::filesystem::remove(ballast);
        continue;
      }
      for (int width = 0; width < 10 && run < 200; ++width) submit_run(*store, run++, ledger);
      const auto in_flight = [&] {
        const std::lock_guard lock(ledger.mutex);
        return run - ledger.ended.size();
      };
      while (in_flight() > 10 && store->health().writable) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::filesystem::remove(ballast);
    if (run < 200) {
      std::fprintf(stderr, "run %u, %zu ended, %s, free %llu\n", run, ledger.ended.size(),
                   store->health().message.c_str(),
                   static_cast<unsigned long long>(free_bytes(mount_point).value_or(0)));
      for (const auto& entry : std::filesystem::directory_iterator(mount_point)) {
        std::fprintf(stderr, "  %s %llu\n", entry.path().c_str(), static_cast<unsigned long long>(entry.file_size()));
      }
      return 11;
    }
    if (begun_without_room != 0) return 12;
    store->flush();
  }
  if (full == 0) return 13;
  if (again == 0) return 14;
  if (ledger.ended.size() != 200 || ledger.answered.size() != 200) return 15;
  const auto store = open_sqlite_store(options_for(path));
  std::size_t complete = 0;
  store->each_run([&](const StoredRunRow& row) { complete += row.status == Status::complete; });
  if (complete != 200) return 16;
  for (const CallId call : ledger.answered) {
    if (!store->call_reply(call).starts_with("rrr")) return 17;
  }
  return store->check().empty() ? 0 : 18;
}

TEST_CASE("on a small disk that fills up: every answer recorded, nothing begun without room, then it goes on") {
  for (const std::uint64_t kibibytes : {1024, 2048, 4096}) {
    CAPTURE(kibibytes);
    TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 99;
      try {
        code = fill_small_disk(folder.path(""), kibibytes);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "small disk: %s\n", error.what());
      }
      ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
      MESSAGE("skipped: no user namespace or tmpfs for a small disk here");
      return;
    }
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

}  // namespace
}  // namespace assay::test
