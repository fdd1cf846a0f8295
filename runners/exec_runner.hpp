#pragma once
// A run whose setup, step and evaluate are those of a program in any language (experiments/exec/README.md): one JSON
// line says what is wanted, the program asks for model calls and says how it came out. Its calls go through the ledger,
// the limits, the budget and the cache as any others; a step that runs again is asked again from its top and gets what
// is recorded.
//
// A program that crashes, hangs, says what it must not, or more than a line may hold, FAILs the run it is at work on:
// kinds exec/died, timeout, exec/protocol, exec/too_long, exec/absent, exec/closed; its process is ended. The message
// shows the last it wrote to standard error, the run's log all of it.
//
// Thread rule: shared by all runs of its batch; the functions on their workers.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/model/runner.hpp"
#include "runners/exec_protocol.hpp"
#include "runners/process/program_pool.hpp"

namespace assay {

struct ExecRunnerParts {
  std::unique_ptr<ProgramPool> programs;
  ChatClient& client;
  /// The model of a name, "" the batch's. Throws Error. Called once for each name.
  std::function<ModelHandle(const std::string&)> model;
  Json params;                                  // what the batch tells its program
  std::chrono::milliseconds longest_silence{};  // between what the program is told and what it says; 0: no limit
  std::uint32_t max_steps = 1000;
  std::function<std::string(std::string_view)> redact;  // keys taken out of what it says
};

class ExecRunner final : public Runner {
 public:
  explicit ExecRunner(ExecRunnerParts parts) : parts_(std::move(parts)) {}
  void setup(Run& run, Step& step) override;
  Next step(Run& run, Step& step) override;
  Score evaluate(Run& run, Step& step) override;
  std::uint32_t max_steps() const override { return parts_.max_steps; }

 private:
  class Conversation;
  /// nullopt: the program has no such operation.
  std::optional<ExecResult> perform(ExecOperation operation, Run& run, Step& step);
  tl::expected<ModelHandle, CallError> model(const std::string& name);

  ExecRunnerParts parts_;
  std::mutex mutex_;
  std::map<std::string, ModelHandle> models_;  // guarded by mutex_
};

}  // namespace assay
