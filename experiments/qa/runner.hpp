#pragma once
// How one question runs: setup renders the prompt, step 1 makes the calls, evaluate reads the replies. Shared by all
// runs of its batch and all threads. Specs: qa.md 7, 8.

#include <memory>
#include <optional>

#include "experiments/qa/asking.hpp"
#include "experiments/qa/prompting.hpp"
#include "experiments/qa/scoring.hpp"
#include "runners/chat_runner.hpp"

namespace assay {

class QaRunner final : public Runner {
 public:
  /// `params`: resolved, of the batch; `scoring`: the same with what evaluate changes. `model` and `prompting` may be
  /// null in a runner that only evaluates.
  QaRunner(ChatClient& client, ModelHandle model, std::unique_ptr<const Prompting> prompting, const Json& params,
           const Json& scoring);

  void setup(Run& run, Step& step) override;
  Next step(Run& run, Step& step) override;
  /// Reads the assistant messages after the last question again; no call.
  Score evaluate(Run& run, Step& step) override;
  std::uint32_t max_steps() const override { return 1; }

 private:
  ChatClient& client_;
  const ModelHandle model_;
  const std::unique_ptr<const Prompting> prompting_;
  const Scorer scorer_;
  ChatParams chat_;
  std::int64_t samples_ = 1;
};

}  // namespace assay
