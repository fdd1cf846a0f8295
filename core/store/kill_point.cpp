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

const Aim& aim() {
  static const Aim value = [] {
    Aim out;
    if (const char* text = std::getenv("ASSAY_KILL_AT")) {
      out.point = text;
      if (const auto colon = out.point.rfind(':'); colon != std::string::npos) {
        out.passage = std::strtol(out.point.c_str() + colon + 1, nullptr, 10);
        out.point.resize(colon);
      }
    }
    return out;
  }();
  return value;
}
}  // namespace

void kill_point(const char* name) {
  if (aim().point.empty() || aim().point != name) return;
  static std::atomic<long> passages{0};
  if (++passages == aim().passage) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
}

}  // namespace assay
#endif
