#pragma once
// How one addition runs. Shared by all runs of its batch and all threads.

#include "runners/chat_runner.hpp"

namespace assay {

class ArithmeticRunner final : public ChatRunner {
 public:
  using ChatRunner::ChatRunner;
  void setup(Run& run, Step& step) override;
  /// Finds run.answer in the reply.
  Score evaluate(Run& run, Step& step) override;
  std::uint32_t max_steps() const override { return 1; }

 protected:
  std::optional<Hint> hint(const Run& run) const override;
};

}  // namespace assay
