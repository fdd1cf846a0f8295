#pragma once
// The life of one attempt on its worker: READY or interrupted -> setup -> (step -> checkpoint)* -> evaluate -> end.
// Whatever a runner throws ends this attempt and nothing else.

#include <functional>
#include <memory>
#include <string>

#include "core/engine/live_step.hpp"
#include "core/model/batch.hpp"
#include "core/model/context_text.hpp"
#include "core/model/runner.hpp"

namespace assay {

struct AttemptLimits {
  std::chrono::milliseconds step{0}, run{0};  // 0: none
  bool hold_in_doubt = false;
};

/// A failed attempt with whose answers another goes on (`run_n` of a FAIL run; `rerun` begins anew).
struct ContinuedAttempt {
  std::uint32_t number = 1;  // it
  std::uint32_t first = 1;   // the one that it went on with, and so on: whose random numbers are drawn again
};
/// The line that says so in the log of an attempt, written with its beginning, and what it says; nullopt: the attempt
/// begins anew.
Json continuation_line(const ContinuedAttempt& continued);
std::optional<ContinuedAttempt> continued_attempt(Store& store, RunId run, std::uint32_t attempt);

struct AttemptPlan {
  RunId run = kNoRun;
  std::string batch, id;
  std::shared_ptr<Runner> runner;
  std::uint32_t number = 1;
  std::optional<std::string> data;  // its data where that has been read already: a JSON text
  bool resumed = false;             // earlier sessions began this attempt: read its records
  std::optional<ContinuedAttempt> continued = {};
  UsageSum earlier;  // of the attempts before it
  AttemptLimits limits;
  std::string experiment_id;
  WallTime begun_at = 0;                   // as recorded: Step::now() begins there
  std::optional<std::uint32_t> last_step;  // of a replay: it ends after this one (0: setup)
  /// Where attempts of this run begin: at their setup, or at a NewRun::start, which has to be looked up.
  enum class Begin : std::uint8_t { setup, unknown, start } begin = Begin::unknown;
  /// Its first step waited before, and is called a last time (Peers::may_come is false for all).
  bool last_call = false;
  double seconds_before = 0;  // that it was executed before it waited: they count against timeout.run
};

struct AttemptOutcome {
  UsageSum earlier;         // of the attempts before it: a run's usage is the sum over all of them
  EndAttempt end;           // end.status INCOMPLETE: interrupted, goes on later
  std::string interrupted;  // why, when it was
  bool pauses_job = false;  // it was held by something that its whole job will meet
  std::optional<SteadyTime> held_until = std::nullopt;  // RunHeld::until
  std::vector<Change> logs;
  std::optional<PeerNeeds> waits = std::nullopt;  // its step returned Next::wait: end.status is INCOMPLETE
  std::vector<LiveStep::Published> published;     // by the last step
  // Of a replay.
  std::string checkpoint;            // of the last step that was executed, as EndStep holds it
  std::vector<std::string> missing;  // LiveStep::missing
  std::uint32_t calls_served = 0;
};

/// What a step has published, as changes for the store.
void append_publications(std::vector<Change>& changes, const std::vector<LiveStep::Published>& published, RunId run,
                         std::uint32_t attempt, std::uint32_t step);

/// Called after the commit of what a step has published, on the writer thread.
using OnPublished = std::function<void(RunId, std::uint32_t attempt, const std::vector<LiveStep::Published>&)>;

/// Executes the attempt and says how it came out. Nothing of the outcome is written yet: the caller does that, if
/// control->claim_end() lets it. With `parts.replay` all steps are executed from the first on recorded calls alone, and
/// nothing is written.
AttemptOutcome execute_attempt(const AttemptPlan& plan, const LiveStep::Parts& parts,
                               const std::shared_ptr<AttemptControl>& control, const std::shared_ptr<Mailbox>& mailbox,
                               const OnPublished& on_published = {});

/// Runs only `evaluate` on a recorded answer. `result.end` holds score and answer; its status is COMPLETE or FAIL.
AttemptOutcome execute_evaluation(const AttemptPlan& plan, const LiveStep::Parts& parts,
                                  const std::shared_ptr<AttemptControl>& control,
                                  const std::shared_ptr<Mailbox>& mailbox);

}  // namespace assay
