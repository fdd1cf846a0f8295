#include "runners/llm/child_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "runners/llm/field_values.hpp"
#include "runners/llm/provider_rows.hpp"

namespace assay {

VariableNames key_variables(const ModelsConfig& config) {
  VariableNames names;
  for (const std::string& provider : provider_names()) {
    for (const char* variable : find_provider_row(provider)->keys) {
      if (variable != nullptr) names.insert(variable);
    }
  }
  for (const auto* entries : {&config.providers, &config.models}) {
    for (const auto& [name, fields] : *entries) {
      for (const char* field : {"key_env", "env_keys"}) {
        const auto found = fields.find(field);
        if (found == fields.end()) continue;
        for (std::string& variable : variable_names(found->second.value)) names.insert(std::move(variable));
      }
    }
  }
  return names;
}

std::vector<std::string> environment_without_keys(const VariableNames& keys, const SecretStore& secrets,
                                                  const EnvironmentLookup& lookup,
                                                  const std::vector<std::string>& allowed) {
  const auto is_allowed = [&](std::string_view name) {
    return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
  };
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool key = keys.contains(name) || name.ends_with("_API_KEY") || secrets.holds_secret(text);
    if (!key && !is_allowed(name)) out.emplace_back(text);
  }
  for (const std::string& name : allowed) {
    if (const auto value = lookup ? lookup(name) : std::nullopt) out.push_back(name + "=" + *value);
  }
  return out;
}

}  // namespace assay
