#pragma once
// How one debate runs: step k is round k (of critic_synth: phase k). Shared by all runs of its batch and all threads.
// Everything a later step needs stands in run.context, so a debate that came from a file goes on like one of ours.
// Specs: debate.md 2, 3, 7, 8.

#include <memory>
#include <string>
#include <vector>

#include "experiments/debate/composing.hpp"
#include "experiments/debate/outcome.hpp"
#include "runners/chat_runner.hpp"

namespace assay {

/// What a debate asks: the model and the parameters of each agent; of the critic, the synthesizer and the summaries.
struct DebateModels {
  struct One {
    ModelHandle model;
    ChatParams params;
  };
  std::vector<One> agents;
  One parts;    ///< critic and synthesizer
  One summary;  ///< model null: the agent's own, in a shared summary the first one's
};

class DebateRunner final : public Runner {
 public:
  /// `models` is empty in a runner that only evaluates. `round`: whose answer counts; none: the last. A rule of others
  /// that the batch was loaded with (compat=mad) is a metric of each run.
  DebateRunner(ChatClient& client, DebateModels models, Composer composer, BatchInfo batch,
               std::optional<std::uint32_t> round)
      : client_(client),
        models_(std::move(models)),
        composer_(std::move(composer)),
        batch_(std::move(batch)),
        round_(round) {}

  void setup(Run& run, Step& step) override;
  Next step(Run& run, Step& step) override;
  Score evaluate(Run& run, Step& step) override;
  std::optional<std::uint64_t> planned_calls(const Run& run) const override;
  std::uint32_t max_steps() const override { return composer_.plan().rounds; }

 private:
  struct Round;
  struct Question;
  Question question(std::size_t agent, const Transcript& said, Round& round) const;
  ChatReply ask_part(Round& round, std::string_view part, const std::string& key, const DebateModels::One& model,
                     std::vector<RenderedMessage> messages, std::optional<std::size_t> reader = {}) const;
  void ask_together(const std::vector<std::size_t>& agents, Round& round) const;
  void ask_in_turn(const std::vector<std::size_t>& agents, Round& round) const;
  void summarize(std::optional<std::size_t> reader, Round& round) const;
  void critic_synth(Round& round) const;
  std::string stopped_by(const Item& item, const Round& round) const;

  ChatClient& client_;
  const DebateModels models_;
  const Composer composer_;
  const BatchInfo batch_;
  const std::optional<std::uint32_t> round_;
};

}  // namespace assay
