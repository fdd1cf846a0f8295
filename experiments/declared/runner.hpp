#pragma once
// How one row of a study runs: each step of the file is a step of the run, one call or, when its condition does not
// hold, none; evaluate reads the replies. Shared by all runs of its batch and all threads.

#include <optional>
#include <string>
#include <vector>

#include "experiments/declared/study.hpp"
#include "runners/chat_runner.hpp"

namespace assay {

/// What the templates of a run see: its columns, the parameters, what was said. `answer`: what was read, where it has
/// been.
Json study_variables(const Study& study, const Json& own, const Run& run);

/// A run's messages say whose step they belong to: {"step": NAME}. "" : none.
std::string step_of_message(const ContextMessage& message);
/// The row's id, which all its repeats share; `otherwise` where the data has none.
std::string item_id(const Json& data, const std::string& otherwise);

class DeclaredRunner final : public Runner {
 public:
  /// `own`: values of the study's parameters. `models`: one a step, empty in a runner that only evaluates.
  DeclaredRunner(ChatClient& client, std::vector<ModelHandle> models, std::vector<ChatParams> params, Study study,
                 Json own)
      : client_(client),
        models_(std::move(models)),
        params_(std::move(params)),
        study_(std::move(study)),
        own_(std::move(own)) {}

  void setup(Run& run, Step& step) override;
  Next step(Run& run, Step& step) override;
  /// Reads the replies again; no call.
  Score evaluate(Run& run, Step& step) override;
  std::optional<std::uint64_t> planned_calls(const Run& run) const override;
  std::uint32_t max_steps() const override { return static_cast<std::uint32_t>(study_.steps.size()) + 1; }

 private:
  void ask(const StudyStep& asked, std::size_t index, Run& run, Step& step, const Json& variables) const;

  ChatClient& client_;
  const std::vector<ModelHandle> models_;
  const std::vector<ChatParams> params_;
  const Study study_;
  const Json own_;
};

}  // namespace assay
