#include "core/store/kill_point.hpp"

#ifdef ASSAY_FAULTS
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace assay {
namespace {
struct Aim {
  std::string point;
  long passage = 1;
};

// Read anew at each passage: a test sets it in the child that it has forked.
Aim aim() {
  Aim out;
  if (const char* text = std::getenv("ASSAY_KILL_AT")) {
    out.point = text;
    if (const auto colon = out.point.rfind(':'); colon != std::string::npos) {
      out.passage = std::strtol(out.point.c_str() + colon + 1, nullptr, 10);
      out.point.resize(colon);
    }
  }
  return out;
}
}  // namespace

void kill_point(const char* name) {
  const Aim at = aim();
  if (at.point.empty() || at.point != name) return;
  static std::atomic<long> passages{0};
  if (++passages == at.passage) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
}

}  // namespace assay
#endif
