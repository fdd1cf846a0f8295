#include "runners/process/program_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>

#include "tests/runners/process/programs.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kEcho = "while read -r x; do echo \"$$\"; done";

struct PoolRoom {
  explicit PoolRoom(std::size_t most = 0, std::string script = kEcho)
      : pool(host, "sh", [script] { return shell(script); }, most) {}
  ProgramHost host;
  ProgramPool pool;
  PatientStep step;
};

/// Its process, which answers.
std::string pid_of(ProgramPool::Lease& lease) {
  lease->send("who");
  return hear(*lease);
}

}  // namespace

TEST_CASE("a process is kept for the next, unless it comes back broken") {
  PoolRoom room;
  std::string first;
  {
    auto lease = room.pool.take(room.step);
    CHECK_FALSE(lease.used());
    first = pid_of(lease);
    lease.give_back();
  }
  {
    auto lease = room.pool.take(room.step);
    CHECK(lease.used());
    CHECK(pid_of(lease) == first);
  }  // not given back
  auto lease = room.pool.take(room.step);
  CHECK_FALSE(lease.used());
  CHECK(pid_of(lease) != first);
  CHECK(soon([&] { return !runs(std::stoi(first)); }));
}

TEST_CASE("as many as are asked for at the same time") {
  PoolRoom room;
  std::vector<ProgramPool::Lease> leases;
  for (int i = 0; i < 4; ++i) leases.push_back(room.pool.take(room.step));
  for (auto& lease : leases) CHECK(pid_of(lease) != "");
  CHECK(room.host.running() == 4);
  for (auto& lease : leases) lease.give_back();
  leases.clear();
  auto again = room.pool.take(room.step);
  CHECK(again.used());
}

TEST_CASE("what was said without being asked, or an end, is not lent to the next") {
  for (const char* script : {"read -r x; echo one; sleep 0.1; echo two; read -r x", "read -r x; echo one; exit 1"}) {
    CAPTURE(script);
    PoolRoom room(0, script);
    auto lease = room.pool.take(room.step);
    lease->send("x");
    CHECK(hear(*lease) == "one");
    lease.give_back();
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    auto next = room.pool.take(room.step);
    CHECK_FALSE(next.used());
    next->send("x");
    CHECK(hear(*next) == "one");
  }
}

TEST_CASE("with workers=2 the third waits until one is given back, and can be stopped meanwhile") {
  PoolRoom room(2);
  std::atomic<int> together{0}, most{0}, served{0};
  const auto serve = [&](PatientStep& step) {
    try {
      auto lease = room.pool.take(step);
      const int now = ++together;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      pid_of(lease);
      --together;
      ++served;
      lease.give_back();
    } catch (const RunStopped&) {
    }
  };
  std::vector<PatientStep> steps(24);
  std::vector<std::thread> threads;
  for (PatientStep& step : steps) threads.emplace_back([&serve, &step] { serve(step); });
  for (std::size_t i = 0; i < steps.size(); i += 3) steps[i].stop();
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 2);
  CHECK(served >= 16);
  CHECK(room.host.running() <= 2);
}

TEST_CASE("its idle processes end with the pool") {
  ProgramHost host;
  std::string pid;
  {
    ProgramPool pool(host, "sh", [] { return shell(kEcho); }, 0);
    PatientStep step;
    auto lease = pool.take(step);
    pid = pid_of(lease);
    lease.give_back();
  }
  CHECK(soon([&] { return !runs(std::stoi(pid)) && host.running() == 0; }));
}
