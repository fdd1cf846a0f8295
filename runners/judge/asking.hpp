#pragma once
// The calls of a judged run: all at the same time, each read. Specs: judge.md 5. On the worker thread of the Step.

#include <string>
#include <vector>

#include "runners/judge/judgement.hpp"
#include "runners/llm/client.hpp"

namespace assay {

/// A judgement to be made. `made`: which it is; what an earlier asking of it has cost is added to (reask).
struct JudgeCall {
  std::string key;  ///< JUDGE_INDEX/ORDER/SAMPLE
  Judgement made;
  ModelHandle model;
  ChatRequest request;
};

struct JudgeAnswers {
  std::vector<Judgement> judgements;  ///< in the order of the calls; a call that failed: status error
  std::vector<CallError> errors;      ///< of those that failed, in their order
};

/// Waits for all of them. Errors are values: what to do about them is the caller's decision (fail_run of
/// chat_runner.hpp). An empty reply is a status, no error. Throws what Step throws.
JudgeAnswers ask_judges(ChatClient& client, Step& step, const std::vector<JudgeCall>& calls, const ReadingRules& rules);

}  // namespace assay
