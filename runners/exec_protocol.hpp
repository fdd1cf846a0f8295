#pragma once
// The lines between assay and the program of a run (experiments/exec/README.md): JSON objects, one a line. What a
// program says is checked here; what it must not say throws RunFailure "exec/protocol" that shows the line and what was
// expected. Pure: any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/runner.hpp"
#include "runners/llm/client.hpp"

namespace assay {

enum class ExecOperation { setup, step, evaluate };

/// What the program is asked. `seed`: 53 random bits, the same whenever the step runs again.
std::string operation_line(ExecOperation operation, const Run& run, const Step& step, const Json& params,
                           std::uint64_t seed);

/// A model call that the program wants; why it can't be made, which the program is told.
struct ExecCall {
  std::string key;    // "" : it gets a number
  std::string model;  // "" : the batch's
  tl::expected<ChatRequest, CallError> request;
};

/// What ends an operation.
struct ExecResult {
  Next next = Next::done;  // of a step
  Score score;             // of an evaluation
  std::optional<Json> answer, state;
  std::optional<std::vector<ContextMessage>> context;
};

/// One line of the program; one of its parts is set.
struct ExecLine {
  std::vector<ExecCall> calls;
  bool several = false;  // calls came as a list: so do the replies
  std::optional<Json> log;
  std::optional<ExecResult> done;
  std::optional<RunFailure> fail;
  bool unsupported = false;
};
ExecLine read_program_line(ExecOperation operation, const std::string& line);

/// {"reply":{..}} or {"error":{..}}.
Json reply_to_call(const std::string& key, const tl::expected<ChatReply, CallError>& outcome);

}  // namespace assay
