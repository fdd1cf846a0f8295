#pragma once
// A run as a runner sees it: parameters in, answer and context out.

#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/text/json.hpp"

namespace assay {

/// One chat message of a run's context. `content` is text, or whatever JSON the runner keeps there. `more`: null, or an
/// object of what else the runner says of it ("agent", "round"); its keys stand after role and content wherever the
/// message is written.
struct ContextMessage {
  std::string role;
  Json content;
  Json more = nullptr;
};

/// Why an attempt ended in FAIL. `place`: "setup", "step 3", "evaluate", "load". Empty kind: no error.
struct RunError {
  std::string kind, message, place;
  bool empty() const { return kind.empty(); }
};

/// Owned by the one worker thread that executes it; a checkpoint is taken after each step.
struct Run {
  std::string batch, id;  // the address; not to be changed
  Json data;              // parameters; not to be changed
  Json answer;            // result; null until there is one
  std::vector<ContextMessage> context;
  Json state;  // whatever a runner of several steps must remember between them; null at first

  void say(std::string role, std::string content) { context.push_back({std::move(role), Json(std::move(content))}); }
  /// Appended to the run's log and to `logs` of its saved form; any JSON value.
  void log(Json entry) { new_logs.push_back(std::move(entry)); }

  std::vector<Json> new_logs;  // taken by the engine at each checkpoint
};

}  // namespace assay
