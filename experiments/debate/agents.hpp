#pragma once
// Who takes part in a debate: equal agents by number, or a YAML file of them. Specs: debate.md 5. Values: any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

struct DebateAgent {
  std::string name;
  std::string model;  ///< as named; "" : the batch's
  std::optional<double> temperature, top_p;
  std::optional<std::int64_t> max_tokens, seed_model;
  std::optional<std::string> stop_words;  ///< as the parameter of that name
  std::string system;                     ///< a text, or what names a prompt file (".yaml", ".yml")
  std::string persona;                    ///< for templates only
  double confidence_weight = 1;
  std::map<std::string, std::string> prompts;  ///< parameter -> what it names

  bool system_is_prompt() const { return system.ends_with(".yaml") || system.ends_with(".yml"); }
};

/// `agents: [{name, model, ..}]`. Under `adversarial` the one with `role: judge` comes last. Throws Error "agents" with
/// the line: syntax, an unknown key (with the nearest), a value of another type, a repeated name, two judges, none.
std::vector<DebateAgent> read_agents(const std::string& path, bool adversarial);
/// `count` equal ones: "agent 0", "agent 1", ..; under `adversarial` the last is "judge".
std::vector<DebateAgent> equal_agents(std::size_t count, bool adversarial);

/// As a batch keeps an agent, and back.
Json to_json(const DebateAgent& agent);
DebateAgent agent_from_json(const Json& pin);

}  // namespace assay
