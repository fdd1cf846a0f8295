#pragma once
// What the tests of programs share: a few lines of sh as a program, and a step that waits for it.

#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/model/outside_step.hpp"
#include "runners/process/program_host.hpp"

namespace assay::test {

inline ChildCommand shell(const std::string& script) {
  signal(SIGPIPE, SIG_IGN);  // as assay does at its start
  ChildCommand command;
  command.program = "/bin/sh";
  command.argv = {"sh", "-c", script};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

/// Waits, at most 20 s, until it is so.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// The next line; "" when none comes.
inline std::string hear(HostedProgram& program) {
  std::optional<std::string> line;
  soon([&] { return (line = program.next_line()).has_value() || program.trouble().has_value(); });
  if (!line) line = program.next_line();
  return line.value_or("");
}

inline HostedProgram::Trouble trouble_of(HostedProgram& program) {
  std::optional<HostedProgram::Trouble> trouble;
  soon([&] {
    while (program.next_line()) {
    }
    return (trouble = program.trouble()).has_value();
  });
  return trouble.value_or(HostedProgram::Trouble{HostedProgram::Trouble::Kind::closed, "none came", 0});
}

/// Whether a process runs; a zombie of somebody else's does not.
inline bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t at = line.rfind(')');
  return at != std::string::npos && line.substr(at + 2, 1) != "Z";
}

/// Waits on its own thread, and can be stopped by another; it makes no calls.
class PatientStep final : public OutsideStep {
 public:
  void stop() {
    shared_->stopped = true;
    waker()();
  }
  bool wait_until(std::string_view, const std::function<bool()>& ready, SteadyTime until) override {
    std::unique_lock lock(shared_->mutex);
    while (true) {
      if (shared_->stopped) throw RunStopped{};
      shared_->woken = false;
      lock.unlock();
      const bool is_ready = ready();
      lock.lock();
      if (is_ready) return true;
      const auto changed = [&] { return shared_->woken || shared_->stopped; };
      if (until == SteadyTime::max()) {
        shared_->ready.wait(lock, changed);
      } else if (!shared_->ready.wait_until(lock, until, changed)) {
        return false;
      }
    }
  }
  std::function<void()> waker() override {
    return [shared = shared_] {
      const std::lock_guard lock(shared->mutex);
      shared->woken = true;
      shared->ready.notify_all();
    };
  }
  CallHandle begin(std::string_view, std::unique_ptr<Effect>) override { throw std::logic_error("no calls here"); }
  CallOutcome get(CallHandle) override { throw std::logic_error("no calls here"); }
  void log(LogLevel, std::string_view text) override { logs.emplace_back(text); }
  std::uint64_t random() override { return 1ULL << 40U; }
  WallTime now() override { return 0; }
  void sleep(std::chrono::milliseconds) override {}
  bool stop_requested() const override { return shared_->stopped; }
  std::uint32_t number() const override { return at; }
  std::uint32_t attempt() const override { return 1; }

  std::uint32_t at = 1;
  std::vector<std::string> logs;

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    bool woken = false;
    std::atomic<bool> stopped{false};
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace assay::test
