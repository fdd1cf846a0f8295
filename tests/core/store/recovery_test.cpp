// Death at any moment: what was acknowledged is there, what was on its way is listed, the rest is whole or absent.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/store/sqlite.hpp"
#include "core/text/error.hpp"
#include "tests/core/store/store_support.hpp"

namespace assay::test {
namespace {

constexpr RunId kRuns = 400;

/// What the writer has been told is on disk, by a pipe that outlives it.
struct Acknowledged {
  char what;  // 'b'egun, 's'ent, 'a'nswered, 'e'nded
  RunId run;
  CallId call;
};

/// Runs in the child: executes runs of one call each until it is killed, 50 at a time.
[[noreturn]] void write_until_killed(const std::string& path, int pipe) {
  try {
    const auto store = open_sqlite_store(options_for(path));
    const auto tell = [pipe](char what, RunId run, CallId call) {
      const Acknowledged line{what, run, call};
      if (::write(pipe, &line, sizeof line) != sizeof line) ::_exit(3);
    };
    if (store->next_run() == 0) store->write({batch(*store, "add", kRuns)});
    std::vector<RunId> open;
    store->each_run([&](const StoredRunRow& row) {
      if (row.status != Status::complete) open.push_back(row.run);
    });
    for (const RunId run : open) {
      std::optional<CallRecord> recorded;
      for (const CallRecord& call : store->calls(run)) recorded = call;
      if (!recorded) {
        const SendCall send = send_call(*store, run);
        store->submit({BeginAttempt{run, 1, 5}, send}, [tell, run, send] { tell('s', run, send.call.id); });
        store->submit({end_call(send, "{\"run\":" + std::to_string(run) + std::string(300, ' ') + "}")},
                      [tell, run, send] { tell('a', run, send.call.id); });
      } else if (recorded->state == CallState::sent) {  // in doubt: sent again under its number
        RetryCall retry;
        retry.call = recorded->id;
        retry.previous = retry.next = recorded->last_try;
        retry.next.number = recorded->last_try.number + 1;
        SendCall send;
        send.call = *recorded;
        store->submit({retry}, [tell, run, send] { tell('s', run, send.call.id); });
        EndCall end = end_call(send, "{\"run\":" + std::to_string(run) + std::string(300, ' ') + "}");
        end.last_try.number = retry.next.number;
        store->submit({end}, [tell, run, send] { tell('a', run, send.call.id); });
      }
      store->submit({end_attempt(run)}, [tell, run] { tell('e', run, 0); });
      if (run % 50 == 0) store->flush();
    }
    store->flush();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "writer: %s\n", error.what());
    ::_exit(4);
  }
}

TEST_CASE("kill -9 at random moments: what was acknowledged is on disk, once, and the rest is listed") {
  const char* text = std::getenv("ASSAY_KILLS");
  const int kills = text ? std::atoi(text) : 60;
  std::mt19937_64 random(4711);
  int killed = 0, finished = 0;
  std::size_t acknowledged = 0;
  std::uint64_t longest_us = 60'000;  // of a life before it is killed; shorter where the machine is faster
  while (killed + finished < kills) {
    TemporaryFolder folder;
    const std::string path = folder.path("x.assay");
    std::map<RunId, CallId> answered;
    std::set<RunId> ended;
    bool all_done = false;
    for (int life = 0; life < 6 && !all_done && killed + finished < kills; ++life) {
      int pipe[2];
      REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
      const pid_t child = ::fork();
      if (child == 0) write_until_killed(path, pipe[1]);
      ::close(pipe[1]);
      const std::uint64_t delay_us = random() % longest_us;
      std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
        ::kill(child, SIGKILL);
      });
      Acknowledged line{};
      while (::read(pipe[0], &line, sizeof line) == sizeof line) {
        ++acknowledged;
        if (line.what == 'a') answered[line.run] = line.call;
        if (line.what == 'e') ended.insert(line.run);
      }
      int status = 0;
      killer.join();
      REQUIRE(::waitpid(child, &status, 0) == child);
      ::close(pipe[0]);
      REQUIRE((!WIFEXITED(status) || WEXITSTATUS(status) == 0));
      WIFSIGNALED(status) ? ++killed : ++finished;
      all_done = !WIFSIGNALED(status);
      if (all_done) longest_us = std::max<std::uint64_t>(2'000, longest_us * 3 / 4);
      if (!std::filesystem::exists(path)) continue;

      const auto store = open_sqlite_store(options_for(path));
      if (store->next_run() == 0) {  // died in `load`: nothing of the batch
        CHECK(answered.empty());
        continue;
      }
      CHECK(store->next_run() == kRuns);
      CHECK(store->check().empty());
      std::size_t sent = 0, doubts = 0;
      for (const RowCopy& row : rows(*store)) {
        const RunId run = row.row.run;
        const auto calls = store->calls(run);
        CHECK(calls.size() <= 1);
        if (answered.contains(run)) {
          REQUIRE(calls.size() == 1);
          CHECK(calls[0].id == answered[run]);
          CHECK(calls[0].state == CallState::answered);
          CHECK(store->call_reply(calls[0].id) == "{\"run\":" + std::to_string(run) + std::string(300, ' ') + "}");
        }
        if (ended.contains(run)) CHECK(row.row.status == Status::complete);
        if (!calls.empty() && calls[0].state == CallState::sent) {
          ++sent;
          doubts += calls[0].doubt == CallDoubt::crash;
          CHECK(calls[0].possible >= calls[0].reserved);
        }
      }
      CHECK(sent == doubts);
    }
  }
  MESSAGE(killed << " kills, " << acknowledged << " acknowledgements, none lost");
  CHECK(killed > kills / 2);
}

TEST_CASE("an unclean end is told, with the calls in doubt and their price") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 5)});
    complete_run(*store, 0);
    store->write({BeginAttempt{1, 1, 1'700'000'009'000'000}, send_call(*store, 1, "a"), send_call(*store, 1, "b")});
    store->write({BeginAttempt{2, 1, 5}});
    ::_exit(0);  // without closing
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  {
    const auto store = open_sqlite_store(options_for(path));
    const Recovery& found = store->recovery();
    CHECK(found.unclean);
    CHECK_FALSE(found.restarted);
    CHECK(found.pid == child);
    CHECK(found.runs == 5);
    CHECK(found.calls == 3);
    CHECK(found.resumable == 2);
    CHECK(found.in_doubt == 2);
    CHECK(found.in_doubt_max == 8'000'000'000);
    CHECK(found.last_record > 1'700'000'009'000'000);  // the session's own begin is later than these made-up times
    CHECK(found.damaged == 0);
    const auto doubts = store->calls_in_doubt();
    REQUIRE(doubts.size() == 2);
    CHECK(doubts[0].doubt == CallDoubt::crash);
    CHECK(doubts[0].possible == 4'000'000'000);
    CHECK(doubts[0].state == CallState::sent);
    CHECK(store->cost("batch")[0].possible == 8'000'000'000);
    CHECK(store->check().empty());
    SendCall again;
    again.call = doubts[0];
    store->write({end_call(again, "fetched later")});
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK_FALSE(store->recovery().unclean);
  CHECK(store->calls_in_doubt().size() == 2);  // answered later, it keeps its mark
  CHECK(store->calls_in_doubt()[0].state == CallState::answered);
}

TEST_CASE("a call in doubt that had a try before that may be billed counts both, once") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 1)});
    const SendCall send = send_call(*store, 0);
    RetryCall retry;
    retry.call = send.call.id;
    retry.previous = send.call.last_try;
    retry.previous.kind = "hedge";
    retry.previous.ambiguous = true;
    retry.next.number = 2;
    retry.reserved = retry.possible = send.call.reserved;
    retry.doubt = CallDoubt::ambiguous;
    store->write({BeginAttempt{0, 1, 5}, send, retry});
    ::_exit(0);  // without closing
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  for (int session = 0; session < 3; ++session) {
    const auto store = open_sqlite_store(options_for(path));
    CHECK(store->calls(0).at(0).doubt == CallDoubt::crash);
    CHECK(store->calls(0).at(0).possible == 8'000'000'000);
    CHECK(rows(*store).at(0).row.usage.possible == 8'000'000'000);
  }
}

TEST_CASE("a reader's view does not count as a session, and marks nothing") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  const auto writer = open_sqlite_store(options_for(path));
  writer->write({batch(*writer, "add", 1)});
  writer->write({BeginAttempt{0, 1, 5}, send_call(*writer, 0)});
  StoreOptions options = options_for(path);
  options.read_only = true;
  const auto reader = open_sqlite_store(options);
  CHECK_FALSE(reader->recovery().unclean);
  CHECK(reader->calls(0).at(0).doubt == CallDoubt::none);
}

#ifdef ASSAY_FAULTS
TEST_CASE("death at named points: the file opens, whole, before or after the commit") {
  struct Case {
    const char* point;
    int acknowledged;  // commits that the child may have seen: -1 any
  };
  const Case cases[] = {
      {"store.create.before_rename", 0}, {"store.create.after_rename", 0},  {"store.open.before_commit", 0},
      {"store.open.after_commit", 0},    {"store.transaction.middle:3", 0}, {"store.commit.before:2", 1},
      {"store.commit.after:2", 1},       {"store.callbacks.before:2", 1},   {"store.close.before", 4},
      {"store.checkpoint.before", 4},    {"store.checkpoint.after", 4}};
  for (const Case& one : cases) {
    const std::string point = one.point;
    CAPTURE(point);
    TemporaryFolder folder;
    const std::string path = folder.path("x.assay");
    int pipe[2];
    REQUIRE(::pipe2(pipe, 0) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("ASSAY_KILL_AT", one.point, 1);
      {
        const auto store = open_sqlite_store(options_for(path));
        store->write({batch(*store, "add", 4)});
        (void)!::write(pipe[1], "x", 1);
        for (RunId run = 0; run < 3; ++run) {
          store->write({BeginAttempt{run, 1, 5}, end_attempt(run)});
          (void)!::write(pipe[1], "x", 1);
        }
      }
      ::_exit(0);
    }
    ::close(pipe[1]);
    int acknowledged = 0;
    char byte = 0;
    while (::read(pipe[0], &byte, 1) == 1) ++acknowledged;
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(acknowledged >= one.acknowledged);
    const auto store = open_sqlite_store(options_for(path));
    CHECK(store->check().empty());
    if (acknowledged > 0) {
      REQUIRE(store->next_run() == 4);
      const auto all = rows(*store);
      for (int run = 0; run < acknowledged - 1; ++run) {
        CHECK(all[static_cast<std::size_t>(run)].row.status == Status::complete);
      }
    }
  }
}
#endif

}  // namespace
}  // namespace assay::test
