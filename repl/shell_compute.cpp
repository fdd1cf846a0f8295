#include <atomic>
#include <chrono>
#include <future>

#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// What takes no longer leaves the terminal as it is.
constexpr auto kUnseen = std::chrono::milliseconds(40);

/// Says that the work has ended, however it did.
struct EndSign {
  std::atomic<bool>& ended;
  LineEditor& editor;
  ~EndSign() {
    ended = true;
    editor.wake();
  }
};

/// Goes when the work does.
struct ComputingLine {
  std::mutex& mutex;
  std::string& text;
  ~ComputingLine() {
    const std::lock_guard lock(mutex);
    text.clear();
  }
};

}  // namespace

void Shell::compute(const std::string& what, const std::function<void(const Advance&)>& reading) {
  const ComputingLine line{rates_mutex_, computing_};
  const auto show = [&](const std::string& text) {
    if (!options_.interactive) return;
    const std::lock_guard lock(rates_mutex_);
    computing_ = text;
  };
  const Advance advance = [&](std::size_t done, std::size_t all) {
    if (interrupted()) {
      throw Error("interrupted", what + " was stopped", {},
                  "fields of data and answers that were read are kept: the next time goes on from there");
    }
    show(what + ": " + count_text(done) + " of " + count_text(all) + "; Ctrl-C stops");
  };
  show(what + " ..");
  if (!options_.interactive) {
    work([&] { reading(advance); });
    return;
  }
  std::atomic<bool> ended = false;
  std::future<void> outcome = std::async(std::launch::async, [&] {
    const EndSign at_end{ended, editor()};
    reading(advance);
  });
  work([&] {
    if (outcome.wait_for(kUnseen) == std::future_status::ready) return;
    // Ctrl-C is seen by the next call of `advance`; a terminal that is gone ends the shell, and so the work.
    while (editor().wait([&] { return ended.load(); }) == WaitResult::interrupted) continue;
  });
  outcome.get();
}

}  // namespace assay
