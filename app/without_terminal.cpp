#include "app/without_terminal.hpp"

#include <chrono>
#include <thread>

#include "repl/open_jobs.hpp"

namespace assay {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 50ms;
constexpr auto kGrace = 2s;

}  // namespace

void go_on_without_terminal(Shell& shell, const RemoteServer& server) {
  auto needed = std::chrono::steady_clock::now();
  while (!shell.leaving()) {
    const auto now = std::chrono::steady_clock::now();
    if (server.attached() > 0 || shell.terminals().background_busy() || !open_jobs(shell.engine()).empty())
      needed = now;
    if (now - needed >= kGrace) return;
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace assay
