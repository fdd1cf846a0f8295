#pragma once
// What can be written to an experiment: each a value, applied in the order of submission. A vector of changes handed
// over together is committed together or not at all. Specs: reliability.md 1.3 and 2.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/call.hpp"
#include "core/model/step.hpp"

namespace assay {

/// Number of the attempt under which a run's start (NewRun::start) is kept, as a step: it belongs to all its attempts.
inline constexpr std::uint32_t kStartAttempt = 0;

/// A new batch with all its runs. `info.id` and `info.first` are given by the caller (Store::next_batch, next_run).
struct AddBatch {
  BatchInfo info;
  std::shared_ptr<const std::vector<NewRun>> runs;
};
struct BeginAttempt {
  RunId run = kNoRun;
  std::uint32_t number = 1;
  WallTime at = 0;
};
/// A call is about to be sent for the first time: inserts its row in state `sent`, with its first try.
struct SendCall {
  CallRecord call;
  std::string request;  // stored once when equal
};
/// A retry is about to be sent: `previous` goes to the tries, the call's last_try becomes `next`. The details of a try
/// are stored where there are any, whichever change brings them.
struct RetryCall {
  CallId call = 0;
  TryRecord previous;
  TryRecord next;
  Pico reserved = 0, possible = 0;
  CallDoubt doubt = CallDoubt::none;
};
struct EndCall {
  CallId call = 0;
  CallState state = CallState::failed;
  CallDoubt doubt = CallDoubt::none;
  TryRecord last_try;
  TokenUsage usage;
  Pico cost = 0, possible = 0;
  bool priced = false;
  std::string reply;       // raw bytes as received
  std::string model = {};  // who answered, when not who was asked first; "": unchanged
  bool from_cache = false;
  Pico saved = 0;
  bool keep_answer = false;  // this answer may serve the same request again (Store::find_answer)
};
/// Forgets kept answers: all, or those that would serve the calls of `runs` (`shared`: whoever they were given to).
struct ClearAnswers {
  bool all = false, shared = false;
  std::vector<RunId> runs;
};
/// A step (not the last of its attempt: that one is kept by EndAttempt) has been completed. 0 is setup.
struct EndStep {
  RunId run = kNoRun;
  std::uint32_t attempt = 1, number = 0;
  std::string checkpoint;  // JSON text
  std::uint32_t n_calls = 0;
};
/// An attempt has ended COMPLETE or FAIL, or was interrupted (INCOMPLETE: answer, score stay empty; it goes on later).
struct EndAttempt {
  RunId run = kNoRun;
  std::uint32_t number = 1;
  WallTime at = 0;
  Status status = Status::complete;
  Score score;
  RunError error;
  double seconds = 0;  // sum over the sessions in which it was executed
  std::uint32_t steps = 0;
  UsageSum usage;               // of this attempt
  std::string answer, context;  // JSON texts
};
/// What the run shows the others of its batch under `name`, as of attempt `attempt`; of one attempt the last value
/// counts. Handed over together with the end of the step, or of the attempt, that published it.
struct Publish {
  RunId run = kNoRun;
  std::uint32_t attempt = 1, step = 0;
  std::string name;
  std::string value;  // JSON text
};
struct AppendLog {
  RunId run = kNoRun;
  std::uint32_t attempt = 0;
  WallTime at = 0;
  LogLevel level = LogLevel::info;
  bool from_runner = false;  // run.log(): part of `logs` in a save
  std::string text;          // JSON text of the entry
};
/// A new score (and answer, if the evaluation reads it) of a COMPLETE run, no new attempt.
struct SetEvaluation {
  RunId run = kNoRun;
  Status status = Status::complete;
  Score score;
  RunError error;
  std::string answer;        // JSON text
  bool keep_answer = false;  // `answer` is not looked at: the recorded one stays
};
struct RenameBatch {
  BatchId batch = 0;
  std::string name;
};
/// What a batch keeps of its models and texts, taken anew.
struct SetPinned {
  BatchId batch = 0;
  std::string pinned;  // JSON text
};
/// Whole batches and single runs, hidden or brought back. Payloads stay until the file is compacted.
struct SetDropped {
  std::vector<BatchId> batches;
  std::vector<RunId> runs;
  bool dropped = true;
};
/// A wait that a restart must obey (reliability.md 4).
struct PutPause {
  std::string lane, reason, source;
  WallTime set_at = 0, until = 0;
  std::int64_t duration_ms = 0;
  std::string boot_id;
  std::int64_t until_boot_us = 0;
};
struct ClearPause {
  std::string lane;
};
/// A text by name: undo stack, settings of the experiment, history of evaluations, tags and notes of runs. It replaces
/// the one before as a whole; "" is as if there were none.
struct PutNote {
  std::string name, text;
};

using Change =
    std::variant<AddBatch, BeginAttempt, SendCall, RetryCall, EndCall, EndStep, EndAttempt, AppendLog, SetEvaluation,
                 RenameBatch, SetPinned, SetDropped, PutPause, ClearPause, PutNote, ClearAnswers, Publish>;

}  // namespace assay
