#pragma once
// What is asked: the prompt of a batch as it was pinned at load, few-shot examples, the messages of one item.
// Specs: qa.md 4, prompts.md 1. A Prompting is immutable: any thread.

#include <memory>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/qa/item.hpp"
#include "runners/prompt/limits.hpp"
#include "runners/prompt/random_source.hpp"

namespace assay {

/// The prompts that come with the kind.
std::vector<ShippedPrompt> qa_prompts();

/// A prompt as a batch keeps it, so that a later edit of the file changes nothing.
struct PinnedPrompt {
  Json pin;                     ///< {"name","path","hash","text"}; path "" for a shipped one
  Json defaults;                ///< what the file says of "system", "extract", "stop_words"; as parameter values
  bool takes_examples = false;  ///< whether it uses the variable `examples`
};

/// Reads the prompt that `params` name: a shipped name or a path. Throws Error: unknown name (with both places and the
/// nearest), what the file gets wrong.
PinnedPrompt pin_prompt(const Json& params, const PromptLimits& limits, std::vector<std::string>& warnings);

/// The examples of a load, for pinning: {"by","examples":{CATEGORY: [{question, stem, options, labels, answer, cot}]}},
/// null when `shots` is 0. Throws Error "usage", "data".
Json pin_examples(const Json& params, const std::vector<Item>& items, std::vector<std::string>& warnings);

class Prompting {
 public:
  /// Throws Error when the pinned text is no prompt.
  Prompting(const Json& params, const Json& pinned, const PromptLimits& limits = {});
  ~Prompting();
  Prompting(const Prompting&) = delete;
  Prompting& operator=(const Prompting&) = delete;

  struct Rendered {
    std::vector<ContextMessage> messages;
    std::size_t shots = 0;
  };
  /// `random` feeds the filter of that name. Throws RunFailure with the template's error kind ("undefined", "type",
  /// "limit"): that run FAILs.
  Rendered render(const Item& item, RandomSource& random) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace assay
