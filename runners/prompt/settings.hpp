#pragma once
// The bounds of prompts as settings (specs/prompts.md section 7). Pure functions: any thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/settings.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

/// prompt.max_template, .max_nesting, .max_output, .max_iterations, .max_depth, .max_operations.
std::vector<SettingSpec> prompt_settings();

/// What they say now, for the prompts that are loaded from now on. `get` gives a setting's text by its name.
PromptLimits prompt_limits(const std::function<std::string(std::string_view)>& get);

}  // namespace assay
