#pragma once
// A job: an execution of selected runs with at most N in flight. What others see of it is JobFacts, a copy.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/call_files.hpp"
#include "core/model/kind.hpp"

namespace assay {

using JobId = std::uint32_t;

enum class JobType { execute, rerun, evaluate };

struct JobRequest {
  JobType type = JobType::execute;
  std::vector<RunId> runs;
  std::size_t width = 1;
  /// Parameters for `evaluate`.
  ParameterTexts overrides;
  /// Sends held calls again (in_doubt=hold).
  bool release_held = false;
  /// Calls go into these files instead of being sent; closed when the job has ended. nullptr: they are sent.
  std::shared_ptr<CallFiles> files = nullptr;
  /// Asked when a run has ended and the table knows it, on the thread that tells it: true, and no new run begins; those
  /// in flight go on to their end. May be empty.
  std::function<bool()> enough = {};
};

struct JobFacts {
  JobId id = 0;
  JobType type = JobType::execute;
  enum class State { running, paused, cancelled, done } state = State::running;
  std::string paused_because;  // "" unless paused by the program itself
  bool enough = false;         // no new runs begin: the request said that those that ended are enough
  std::size_t width = 1;
  std::uint64_t selected = 0, skipped = 0;               // of what was asked for; skipped: COMPLETE, or in another job
  std::uint64_t complete = 0, fail = 0, incomplete = 0;  // ended so far
  std::uint64_t in_flight = 0, waiting = 0;              // executing; not begun
  std::uint64_t waiting_peers = 0;                       // begun, waiting for other runs of their batch
  std::uint64_t correct = 0, scored = 0, cancelled = 0;
  std::uint64_t calls = 0, replayed = 0, tokens_in = 0, tokens_out = 0;
  Pico cost = 0;
  double seconds = 0;
  std::uint64_t ended() const { return complete + fail + incomplete; }
};

}  // namespace assay
