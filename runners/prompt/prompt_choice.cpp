#include "runners/prompt/prompt_choice.hpp"

#include "runners/prompt/find_prompt.hpp"

namespace assay {

PromptChoice choose_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& kind,
                           const std::string& parameter, const PromptOverrides& overrides) {
  PromptText found = find_prompt(name, shipped, kind, parameter, overrides.limits.max_template);
  PromptChoice choice{load_prompt(std::move(found.text), name, overrides), {}};
  choice.pin = {
      {"name", choice.file.name}, {"path", found.path}, {"hash", choice.file.hash}, {"text", choice.file.text}};
  return choice;
}

PromptFile pinned_prompt(const Json& pin, const PromptOverrides& overrides) {
  return load_prompt(pin.at("text").get<std::string>(), pin.at("name").get<std::string>(), overrides);
}

PromptOverrides prompt_overrides(const Json& params, const PromptLimits& limits) {
  PromptOverrides overrides;
  overrides.limits = limits;
  if (params.contains("autoescape")) overrides.autoescape = params["autoescape"].get<bool>();
  if (params.contains("undefined")) overrides.strict = params["undefined"] == "strict";
  return overrides;
}

}  // namespace assay
