#pragma once
// How one discussion runs: setup opens it, step k is turn k. Shared by all runs of its batch and all threads. All that
// a later turn needs stands in run.data and run.context (record.hpp), so that a discussion that came from a file goes
// on like one of ours. Specs: discussion.md 4, 5, 13.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/discussion/record.hpp"
#include "experiments/discussion/run_log.hpp"
#include "experiments/discussion/speakers.hpp"
#include "runners/chat_runner.hpp"

namespace assay {

/// Who is asked; null in a runner that only evaluates.
struct DiscussionModels {
  ModelHandle user, moderator, selector;
};

/// What is otherwise from turn `step` + 1 on: one of the forks that a batch came by, in their order.
struct DiscussionFork {
  std::uint32_t step = 0;
  Json settings = Json::object();       ///< fields of DiscussionSettings
  std::optional<std::uint64_t> reseed;  ///< new draws of who speaks
  std::string inserted_by;              ///< who says the fork's message; "" : the moderator
};
using DiscussionForks = std::vector<DiscussionFork>;
/// From a batch's parameters ("forks"), and into them.
DiscussionForks forks_of(const Json& params);
Json to_json(const DiscussionForks& forks);

class DiscussionRunner final : public Runner {
 public:
  /// `tell` (may be empty) gets a line for each thing that happens: the file log. Any thread.
  DiscussionRunner(ChatClient& client, DiscussionModels models, DiscussionForks forks, TellLog tell = {})
      : client_(client), models_(std::move(models)), forks_(std::move(forks)), tell_(std::move(tell)) {}

  void setup(Run& run, Step& step) override;
  Next step(Run& run, Step& step) override;
  Score evaluate(Run& run, Step& step) override;
  std::optional<std::uint64_t> planned_calls(const Run& run) const override;
  std::uint32_t max_steps() const override { return UINT32_MAX; }  // num_turns, of each run

 private:
  class Turn;

  ChatClient& client_;
  const DiscussionModels models_;
  const DiscussionForks forks_;
  const TellLog tell_;
};

/// The settings that hold in a turn: those of the run's data, and what the forks before it changed.
DiscussionSettings settings_at(const DiscussionParts& parts, const DiscussionForks& forks, std::uint32_t turn);

/// The figures of a run; nullopt: a result file, whose turn policy nobody knows.
Score discussion_score(const DiscussionRecord& record, const std::optional<DiscussionSettings>& settings = {});

/// The low 31 bits of XXH64 of "{seed}/{cell}/{index}/model/{turn}/{who}" ("/{epoch}" from the second on), a number
/// that was given, or nothing (model_seed=off).
std::optional<std::int64_t> model_seed(const std::string& setting, const DiscussionDesign& design, std::uint32_t turn,
                                       std::string_view who);

/// The parameters of a request.
ChatParams decoding_params(const DecodingSettings& decoding, std::optional<std::int64_t> seed);

/// The model with an empty reply taken as it comes: silence is an answer here.
ModelHandle taking_silence(const ModelHandle& model);

}  // namespace assay
