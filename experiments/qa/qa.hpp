#pragma once
// `qa`: questions with a known answer, one model. MMLU-Pro, CommonsenseQA, GSM8K and any table. Specs: qa.md.

#include <functional>
#include <memory>

#include "core/model/kind.hpp"
#include "experiments/qa/hub.hpp"
#include "runners/llm/client.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

struct QaDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  const Hub* hub = nullptr;                          ///< reads hf:OWNER/NAME; none: such a source is refused
  std::function<PromptLimits()> prompt_limits = {};  ///< as set now; none: the defaults

  PromptLimits limits() const { return prompt_limits ? prompt_limits() : PromptLimits{}; }
};

/// The dependencies outlive the kind and its runners.
std::unique_ptr<Kind> make_qa_kind(QaDependencies dependencies);

}  // namespace assay
