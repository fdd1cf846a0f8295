#pragma once
// What the tests of names share: a registry over the text of a models.yaml, and what an action throws.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/text/error.hpp"
#include "runners/llm/names.hpp"

namespace assay::test {

using Variables = std::map<std::string, std::string, std::less<>>;

inline EnvironmentLookup lookup(Variables variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

inline ModelsConfig config_of(const std::string& yaml) {
  ModelsConfig config = parse_models_text(yaml, "models.yaml");
  check_references(config);
  return config;
}

struct Desk {
  explicit Desk(const std::string& yaml, Variables variables = {}, std::string chosen = {})
      : registry(lookup(std::move(variables)), secrets, config_of(yaml), nullptr,
                 [chosen = std::move(chosen)] { return chosen; }) {}
  ModelHandle operator()(const std::string& name) const { return registry.entry(name); }
  SecretStore secrets;
  ModelRegistry registry;
};

/// The kind and whole text of the Error that `action` throws; {"",""} when it throws none.
template <class Action>
std::pair<std::string, std::string> error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), std::string(error.what()) + " | " + error.hint()};
  }
  return {};
}

}  // namespace assay::test
