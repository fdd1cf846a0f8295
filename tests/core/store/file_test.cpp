// The experiment file itself: companions, refusals, versions, what other programs can read.

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "core/store/host.hpp"
#include "core/store/schema.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string refusal(const StoreOptions& options, const SchemaPlan& plan = default_schema_plan()) {
  try {
    const auto store = open_sqlite_store(options, plan);
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == "store");
    return std::string(error.what()) + " | " + error.hint();
  }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

mode_t mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

std::string query(const std::string& path, const char* sql) {
  Connection connection(path, SQLITE_OPEN_READONLY);
  return connection.text(sql);
}

void fill(const std::string& path, std::size_t runs = 3) {
  const auto store = open_sqlite_store(options_for(path));
  store->write({batch(*store, "add", runs)});
  for (RunId run = 0; run < runs; ++run) complete_run(*store, run);
}

TEST_CASE("the file and its companions are for their owner only, and a clean end leaves just the file") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  StoreOptions options = options_for(path);
  options.disk_reserve = 1 << 20;
  {
    const auto store = open_sqlite_store(options);
    store->write({batch(*store, "add", 3)});
    for (const char* suffix : {"", "-wal", "-shm", "-lock", "-reserve"}) {
      CAPTURE(suffix);
      CHECK(mode_of(path + suffix) == 0600);
    }
    CHECK(file_bytes(path + "-reserve") == 1 << 20);
    std::istringstream line(bytes_of(path + "-lock"));
    std::string pid, host;
    line >> pid >> host;
    CHECK(pid == std::to_string(::getpid()));
    CHECK(host == host_name());
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) ++files;
  CHECK(files == 1);
}

TEST_CASE("everything is there after a clean end") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path);
  const auto store = open_sqlite_store(options_for(path));
  CHECK_FALSE(store->recovery().created);
  CHECK_FALSE(store->recovery().unclean);
  CHECK(store->recovery().runs == 3);
  CHECK(store->recovery().calls == 3);
  CHECK(store->next_run() == 3);
  CHECK(store->next_batch() == 1);
  CHECK(store->reserve_call() == 4);
  for (const RowCopy& row : rows(*store)) CHECK(row.row.status == Status::complete);
  CHECK(store->check().empty());
}

TEST_CASE("a second writer is refused with the pid of the first; a reader works beside it and sees its commits") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const auto writer = open_sqlite_store(options_for(path));
  writer->write({batch(*writer, "add", 2)});
  const std::string message = refusal(options_for(path));
  CHECK(has(message, "is open in pid " + std::to_string(::getpid()) + " on " + host_name() + " since "));
  CHECK(has(message, "--read-only works beside it"));

  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const auto second = open_sqlite_store(options_for(path));
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(has(error.what(), "is open in pid " + std::to_string(::getppid())) ? 0 : 2);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);

  StoreOptions options = options_for(path);
  options.read_only = true;
  const auto reader = open_sqlite_store(options);
  CHECK(reader->read_only());
  CHECK(rows(*reader)[0].row.status == Status::ready);
  complete_run(*writer, 0);
  CHECK(rows(*reader)[0].row.status == Status::complete);
  CHECK_THROWS_AS(reader->write({PutNote{"a", "b"}}), Error);
  CHECK_THROWS_AS(reader->submit({PutNote{"a", "b"}}, {}), Error);
  complete_run(*writer, 1);
  CHECK(reader->check().empty());
}

TEST_CASE("a session of another host that was not closed is taken over only when told to") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path);
  put_bytes(path + "-lock", "4711 host-a 0a0b 1700000000000000 0.1.0\n");
  CHECK(has(refusal(options_for(path)), "was left open by pid 4711 on host-a"));
  CHECK(has(refusal(options_for(path)), "--take-over"));
  StoreOptions options = options_for(path);
  options.take_over = true;
  CHECK(open_sqlite_store(options)->next_run() == 3);
  // The same host: nobody holds the lock, so nobody is there.
  put_bytes(path + "-lock", "4711 " + host_name() + " 0a0b 1700000000000000 0.1.0\n");
  CHECK(refusal(options_for(path)).empty());
}

TEST_CASE("what is not an experiment file is refused, said, and left as it is") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path, 50);
  const std::string whole = bytes_of(path);
  struct Case {
    const char* name;
    std::string bytes;
    const char* message;
  };
  std::string foreign = whole;
  foreign.replace(68, 4, "\0\0\0\7", 4);
  const Case cases[] = {
      {"empty", "", "is empty (0 bytes)"},
      {"text", "hello, this is a text file of some length\n" + std::string(2000, 'x'), "is not an experiment file"},
      {"short", whole.substr(0, 50), "is"},
      {"cut", whole.substr(0, whole.size() / 2), "is damaged or truncated"},
      {"foreign", foreign, "database of another program (application id 7)"}};
  for (const Case& one : cases) {
    CAPTURE(one.name);
    put_bytes(path, one.bytes);
    CHECK(has(refusal(options_for(path)), one.message));
    CHECK(bytes_of(path) == one.bytes);
    StoreOptions options = options_for(path);
    options.read_only = true;
    CHECK(has(refusal(options), one.message));
    CHECK_FALSE(std::filesystem::exists(path + "-lock"));
  }
  std::filesystem::remove(path);
  StoreOptions options = options_for(path);
  options.read_only = true;
  CHECK(has(refusal(options), "can't be opened"));
  CHECK(has(refusal(options_for(folder.path(""))), "is"));
  CHECK(has(refusal(options_for(folder.path("none/x.assay"))), "can't be opened"));
}

const std::string kOurs = std::to_string(kSchemaVersion), kNext = std::to_string(kSchemaVersion + 1);

SchemaPlan next_version(bool rewrites = true) {
  SchemaPlan plan;
  plan.version = kSchemaVersion + 1;
  plan.min_reader = plan.version;
  plan.migrations.push_back({plan.version, rewrites, [](Connection& connection) {
                               put_meta(connection, "from_one", "yes");
                               connection.run("CREATE TABLE extra (id INTEGER PRIMARY KEY, sum INTEGER) STRICT");
                             }});
  return plan;
}

TEST_CASE("an older file is migrated in one transaction, with a copy of it when rows are rewritten") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path);
  {
    const auto store = open_sqlite_store(options_for(path), next_version());
    CHECK(store->recovery().migrated_from == kSchemaVersion + 0U);
    CHECK(rows(*store).size() == 3);
    CHECK(store->call_reply(1) == "{\"content\":\"42\"}");
    CHECK(store->check().empty());
  }
  CHECK(query(path, "PRAGMA user_version") == kNext);
  CHECK(query(path, "SELECT value FROM meta WHERE name = 'from_one'") == "yes");
  CHECK(query(path, "SELECT value FROM meta WHERE name = 'min_reader'") == kNext);
  CHECK(query(path, "SELECT count(*) FROM extra") == "0");
  const std::string copy = path + ".v" + kOurs;
  CHECK(mode_of(copy) == 0600);
  CHECK(query(copy, "PRAGMA user_version") == kOurs);
  const auto store = open_sqlite_store(options_for(path), next_version());
  CHECK_FALSE(store->recovery().migrated_from.has_value());
  // The copy opens as what it was.
  CHECK(rows(*open_sqlite_store(options_for(copy))).size() == 3);
}

TEST_CASE("a migration that fails leaves the file as it was") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path);
  SchemaPlan plan = next_version(false);
  ++plan.version;
  plan.migrations.push_back(
      {plan.version, false, [](Connection& connection) { connection.run("DROP TABLE nonsense"); }});
  CHECK(has(refusal(options_for(path), plan), "can't be opened"));
  CHECK_FALSE(std::filesystem::exists(path + ".v" + kOurs));
  const auto store = open_sqlite_store(options_for(path));
  CHECK(rows(*store).size() == 3);
  plan.migrations.clear();
  const std::string other = folder.path("y.assay");
  fill(other);
  CHECK(has(refusal(options_for(other), plan),
            "has schema " + kOurs + ", which this program can't bring up to " + std::to_string(plan.version)));
}

TEST_CASE("a newer file is refused and left untouched; read-only when its writer says that we can") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  SchemaPlan newer = next_version();
  {
    const auto store = open_sqlite_store(options_for(path), newer);
  }
  const std::string before = bytes_of(path);
  const std::string message = refusal(options_for(path));
  CHECK(has(message, "was written by assay 0.1.0 (schema " + kNext + "); this is 0.1.0 (schema " + kOurs + ")"));
  CHECK(bytes_of(path) == before);
  StoreOptions options = options_for(path);
  options.read_only = true;
  CHECK(has(refusal(options), "schema " + kNext));

  const std::string readable = folder.path("y.assay");
  newer.min_reader = kSchemaVersion;
  {
    const auto store = open_sqlite_store(options_for(readable), newer);
    store->write({batch(*store, "add", 2)});
  }
  CHECK(has(refusal(options_for(readable)), "--read-only opens it"));
  options.path = readable;
  CHECK(rows(*open_sqlite_store(options)).size() == 2);
}

TEST_CASE("a file of schema 1 opens as it is, and tells what its tries had to say from then on") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  fill(path);
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("DROP TABLE try_detail; PRAGMA user_version = 1");
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK(store->recovery().migrated_from == 1U);
  CHECK_FALSE(std::filesystem::exists(path + ".v1"));  // no row is rewritten
  CHECK(rows(*store).size() == 3);
  CHECK(store->check().empty());
  RetryCall retry;
  retry.call = 1;
  retry.previous.kind = "overloaded";
  retry.previous.details = R"({"code":"overloaded"})";
  retry.next.number = 2;
  store->write({std::move(retry)});
  CHECK(store->tries(1).front().details == R"({"code":"overloaded"})");
}

TEST_CASE("any SQL client reads names, statuses, scores, times and cost from the views") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const auto store = open_sqlite_store(options_for(path));
  store->write({batch(*store, "add", 3)});
  complete_run(*store, 0);
  store->write({BeginAttempt{1, 1, 5}, end_attempt(1, 1, Status::fail)});
  store->write({BeginAttempt{2, 1, 5}, send_call(*store, 2)});
  CHECK(query(path, "SELECT group_concat(name || ' ' || status || ' ' || coalesce(score, 'null'), ', ') FROM runs") ==
        "add:0 COMPLETE CORRECT, add:1 FAIL null, add:2 INCOMPLETE null");
  CHECK(query(path, "SELECT seconds || ' ' || cost_usd || ' ' || answer FROM runs WHERE name = 'add:0'") ==
        "1.25 0.001 42");
  CHECK(query(path, "SELECT json_extract(metrics, '$.chars') FROM runs WHERE name = 'add:0'") == "4.25");
  CHECK(query(path, "SELECT error_kind || ': ' || error_message FROM runs WHERE id = '1'") ==
        "timeout: no answer within 60 s");
  CHECK(query(path, "SELECT group_concat(name || ' ' || state, ', ') FROM call_list") == "add:0 answered, add:2 sent");
  CHECK(query(path, "SELECT batch || ' ' || kind || ' ' || runs FROM (SELECT * FROM batches LIMIT 1)") ==
        "0 arithmetic 3");
  CHECK(query(path, "SELECT sum(cost_usd) FROM attempts") == "0.002");
}

TEST_CASE("what comes for an attempt that has ended is in the sums that the next session starts from") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  UsageSum before;
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 1)});
    const SendCall released = send_call(*store, 0, "a");
    EndCall given_back = end_call(released, "", 0);
    given_back.state = CallState::failed;
    given_back.usage = {};
    store->write({BeginAttempt{0, 1, 5}, released, given_back, end_attempt(0)});
    before = rows(*store).at(0).row.usage;
    store->write({end_call(released, "came late", 7'000)});
    const SendCall judge = send_call(*store, 0, "judge", kEvaluateStep);
    store->write({judge, end_call(judge, "good", 500)});
    CHECK(store->attempts(0).at(0).usage.cost == before.cost + 7'500);
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK(rows(*store).at(0).row.usage.cost == before.cost + 7'500);
  CHECK(rows(*store).at(0).row.usage.in == before.in + 2 * 37);
  CHECK(store->check().empty());
}

TEST_CASE("an answer that comes while its attempt goes on counts at the end, though the worker does not know it") {
  TemporaryFolder folder;
  const auto store = open_sqlite_store(options_for(folder.path("x.assay")));
  store->write({batch(*store, "add", 1)});
  const SendCall released = send_call(*store, 0, "a");
  EndCall given_back = end_call(released, "", 0);
  given_back.state = CallState::failed;
  store->write({BeginAttempt{0, 1, 5}, released, given_back, end_attempt(0, 1, Status::incomplete)});
  EndAttempt end = end_attempt(0);
  end.usage.cost = 100;  // of what was asked again
  store->write({end_call(released, "came late", 7'000), end});
  CHECK(rows(*store).at(0).row.usage.cost == 7'000);
}

TEST_CASE("equal payloads are stored once, small ones stand in their row") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const auto store = open_sqlite_store(options_for(path));
  std::vector<NewRun> runs;
  for (int i = 0; i < 100; ++i) {
    NewRun run = fresh_run(std::to_string(i));
    run.data = Json{{"text", std::string(2000, 'x')}};
    runs.push_back(run);
  }
  store->write({batch(*store, "same", runs)});
  CHECK(query(path, "SELECT count(*) FROM blob") == "2");  // the runs' data, and the batch's prompt
  CHECK(query(path, "SELECT max(length(bytes)) < 200 FROM blob") == "1");
  store->write({batch(*store, "small", 5)});
  CHECK(query(path, "SELECT count(*) FROM blob") == "2");
  CHECK(store->payloads(99).data == dump_json(runs[0].data));
}

TEST_CASE("two payloads whose hashes are equal keep their own bytes") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  NewRun one = fresh_run("one"), two = fresh_run("two");
  one.data = two.data = Json{{"text", std::string(4000, 'a')}};
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "first", std::vector<NewRun>{one})});
  }
  {
    // Another text under that hash, whole in itself but for the hash: as a collision would look.
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("DELETE FROM blob");
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK_FALSE(store->check().empty());
  store->write({batch(*store, "second", std::vector<NewRun>{two})});
  CHECK(store->payloads(1).data == dump_json(two.data));
}

TEST_CASE("a network file system is known by its magic number, and sizes read as people write them") {
  CHECK(network_file_system("/proc").empty());
  CHECK(bytes_text(64 << 20) == "64 MiB");
  CHECK(bytes_text(1000) == "1000 bytes");
  CHECK(folder_of("/a/b") == "/a");
  CHECK(folder_of("b") == ".");
  CHECK(folder_of("/b") == "/");
}

}  // namespace
}  // namespace assay::test
