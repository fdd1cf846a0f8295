#pragma once
// `judge`: a model, or a panel of models, judges answers that are recorded elsewhere. Specs: judge.md. The folder's
// README tells the session.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "core/model/settings.hpp"
#include "runners/llm/client.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

struct JudgeDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  std::function<PromptLimits()> prompt_limits = {};  ///< as set now; none: the defaults
  std::function<std::string()> judge_setting = {};   ///< the text of the setting `judge`, "" none

  PromptLimits limits() const { return prompt_limits ? prompt_limits() : PromptLimits{}; }
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_judge_kind(JudgeDependencies dependencies);

/// The setting `judge`: who judges when a command names none.
std::vector<SettingSpec> judge_kind_settings();

}  // namespace assay
