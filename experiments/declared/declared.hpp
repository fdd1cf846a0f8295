#pragma once
// `declared`: an experiment that one YAML file declares: its data, what is asked in which steps, what is read from the
// replies, how it is scored. For people: README.md here.

#include <functional>
#include <memory>

#include "core/model/kind.hpp"
#include "experiments/qa/hub.hpp"
#include "runners/llm/client.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

struct DeclaredDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  const Hub* hub = nullptr;                          ///< reads hf:OWNER/NAME; none: such data is refused
  std::function<PromptLimits()> prompt_limits = {};  ///< as set now; none: the defaults

  PromptLimits limits() const { return prompt_limits ? prompt_limits() : PromptLimits{}; }
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_declared_kind(DeclaredDependencies dependencies);

}  // namespace assay
