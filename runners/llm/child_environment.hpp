#pragma once
// The environment of programs that assay starts: this process's, without keys of models. Specs: models.md 1, 2.13.
// Any thread.

#include <set>
#include <string>
#include <vector>

#include "runners/llm/environment.hpp"
#include "runners/llm/models_file.hpp"
#include "runners/llm/secret.hpp"

namespace assay {

using VariableNames = std::set<std::string, std::less<>>;

/// Variables that hold keys: those of the built-in providers, and those that models.yaml names as key_env or env_keys.
VariableNames key_variables(const ModelsConfig& config);

/// "NAME=value" of this process's variables but `keys`, whatever else ends in _API_KEY, and those in whose values a
/// loaded key stands. Then those of `allowed`, as `lookup` knows them (.env too).
std::vector<std::string> environment_without_keys(const VariableNames& keys, const SecretStore& secrets,
                                                  const EnvironmentLookup& lookup = {},
                                                  const std::vector<std::string>& allowed = {});

}  // namespace assay
