#pragma once
// The prompt that a parameter names: one that comes with the kind, by its bare name, or a file. Read once, kept by the
// batch as a pin {"name","path","hash","text"}, so that a later edit of the file changes nothing. Specs: prompts.md 1.
// Any thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "runners/prompt/prompt_file.hpp"

namespace assay {

struct PromptChoice {
  PromptFile file;
  Json pin;  ///< path: as typed; "" for one that comes with the kind
};

/// `kind`: whose the shipped ones are; `parameter`: both for messages. Throws Error "usage" for a name that is neither
/// (with both places and the nearest name), for a file beyond `overrides.limits`, and what load_prompt throws.
PromptChoice choose_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& kind,
                           const std::string& parameter, const PromptOverrides& overrides = {});
/// The prompt of a pin. Throws as load_prompt does.
PromptFile pinned_prompt(const Json& pin, const PromptOverrides& overrides = {});
/// What parameters named `autoescape` and `undefined` say over a prompt file, under these limits.
PromptOverrides prompt_overrides(const Json& params, const PromptLimits& limits);

}  // namespace assay
