#include "experiments/debate/agents.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/debate/parameters.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20, kMostAgents = 100;

std::vector<std::string> known_keys() {
  std::vector<std::string> keys{"name",       "model",      "temperature", "top_p",   "max_tokens",
                                "stop_words", "seed_model", "system",      "persona", "confidence_weight",
                                "role"};
  for (const PromptParameter& prompt : prompt_parameters()) keys.push_back(prompt.name);
  return keys;
}

class AgentsFile {
 public:
  AgentsFile(std::string path, bool adversarial) : path_(std::move(path)), adversarial_(adversarial) {}

  std::vector<DebateAgent> read() {
    const YamlNode root = parse_yaml(read_file(path_, kMostBytes), path_);
    const YamlNode* list = root.kind == YamlNode::Kind::map ? root.find("agents") : nullptr;
    if (list == nullptr || list->kind != YamlNode::Kind::list || root.entries.size() != 1) {
      refuse(root, "expected the one key agents with a list of them");
    }
    if (list->items.empty() || list->items.size() > kMostAgents) {
      refuse(*list, std::to_string(list->items.size()) + " agents, expected 1 to " + std::to_string(kMostAgents));
    }
    for (const YamlNode& node : list->items) read_agent(node);
    if (judge_) std::rotate(agents_.begin() + *judge_, agents_.begin() + *judge_ + 1, agents_.end());
    return std::move(agents_);
  }

 private:
  [[noreturn]] void refuse(const YamlNode& node, const std::string& message, const std::string& hint = {}) const {
    throw Error("agents", message, path_ + ":" + std::to_string(node.line) + ":" + std::to_string(node.column), hint);
  }

  const std::string& text(const YamlNode& node, const std::string& key) const {
    if (node.kind != YamlNode::Kind::scalar) refuse(node, key + ": expected a text");
    return node.text;
  }
  double number(const YamlNode& node, const std::string& key) const {
    const Json value = node.kind == YamlNode::Kind::scalar ? yaml_to_json(node) : Json();
    if (!value.is_number()) refuse(node, key + ": expected a number");
    return value.get<double>();
  }
  std::int64_t whole(const YamlNode& node, const std::string& key, std::int64_t least) const {
    const Json value = node.kind == YamlNode::Kind::scalar ? yaml_to_json(node) : Json();
    if (!value.is_number_integer() || value.get<std::int64_t>() < least) {
      refuse(node, key + ": expected a whole number of at least " + std::to_string(least));
    }
    return value.get<std::int64_t>();
  }

  void read_agent(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::map) refuse(node, "an agent is a mapping: {name: .., model: ..}");
    DebateAgent agent;
    agent.name = "agent " + std::to_string(agents_.size());
    const YamlNode* named = &node;
    for (const auto& [key, value] : node.entries) {
      if (key.text == "name") named = &value;
      read_key(key, value, agent);
    }
    if (agent.name.empty()) refuse(*named, "an agent's name is empty");
    if (!names_.insert(agent.name).second) refuse(*named, "a second agent named " + agent.name);
    agents_.push_back(std::move(agent));
  }

  void read_key(const YamlNode& key, const YamlNode& value, DebateAgent& agent) {
    const std::string& name = key.text;
    if (name == "name") {
      agent.name = text(value, name);
    } else if (name == "model") {
      agent.model = text(value, name);
    } else if (name == "temperature") {
      agent.temperature = number(value, name);
    } else if (name == "top_p") {
      agent.top_p = number(value, name);
    } else if (name == "max_tokens") {
      agent.max_tokens = whole(value, name, 1);
    } else if (name == "seed_model") {
      agent.seed_model = whole(value, name, INT64_MIN);
    } else if (name == "stop_words") {
      agent.stop_words = value.kind == YamlNode::Kind::list ? dump_json(yaml_to_json(value)) : text(value, name);
    } else if (name == "system") {
      agent.system = text(value, name);
    } else if (name == "persona") {
      agent.persona = text(value, name);
    } else if (name == "confidence_weight") {
      agent.confidence_weight = number(value, name);
      if (agent.confidence_weight < 0) refuse(value, "confidence_weight is negative");
    } else if (name == "role") {
      if (text(value, name) != "judge") refuse(value, "role: expected judge");
      if (!adversarial_) refuse(value, "role: judge needs protocol=adversarial");
      if (judge_) refuse(value, "a second judge");
      judge_ = static_cast<std::ptrdiff_t>(agents_.size());
    } else if (is_prompt(name)) {
      agent.prompts[name] = text(value, name);
    } else {
      const auto near = nearest(name, known_keys());
      refuse(key, "unknown key " + name, near ? "did you mean " + *near + "?" : "keys: " + joined(known_keys(), ", "));
    }
  }

  static bool is_prompt(const std::string& name) {
    const auto& rows = prompt_parameters();
    return std::any_of(rows.begin(), rows.end(), [&](const PromptParameter& row) { return row.name == name; });
  }

  std::string path_;
  bool adversarial_;
  std::vector<DebateAgent> agents_;
  std::set<std::string> names_;
  std::optional<std::ptrdiff_t> judge_;
};

}  // namespace

std::vector<DebateAgent> read_agents(const std::string& path, bool adversarial) {
  return AgentsFile(path, adversarial).read();
}

std::vector<DebateAgent> equal_agents(std::size_t count, bool adversarial) {
  std::vector<DebateAgent> agents(count);
  for (std::size_t i = 0; i < count; ++i) agents[i].name = "agent " + std::to_string(i);
  if (adversarial && count > 0) agents.back().name = "judge";
  return agents;
}

Json to_json(const DebateAgent& agent) {
  Json pin{{"name", agent.name}, {"model", agent.model}};
  if (agent.temperature) pin["temperature"] = *agent.temperature;
  if (agent.top_p) pin["top_p"] = *agent.top_p;
  if (agent.max_tokens) pin["max_tokens"] = *agent.max_tokens;
  if (agent.seed_model) pin["seed_model"] = *agent.seed_model;
  if (agent.stop_words) pin["stop_words"] = *agent.stop_words;
  if (!agent.system.empty()) pin["system"] = agent.system;
  if (!agent.persona.empty()) pin["persona"] = agent.persona;
  if (agent.confidence_weight != 1) pin["confidence_weight"] = agent.confidence_weight;
  return pin;
}

DebateAgent agent_from_json(const Json& pin) {
  DebateAgent agent;
  const auto take = [&](const char* key, auto& to) {
    if (const auto found = pin.find(key); found != pin.end() && !found->is_null()) {
      to = found->get<typename std::decay_t<decltype(to)>::value_type>();
    }
  };
  agent.name = pin.value("name", std::string());
  agent.model = pin.value("model", std::string());
  take("temperature", agent.temperature);
  take("top_p", agent.top_p);
  take("max_tokens", agent.max_tokens);
  take("seed_model", agent.seed_model);
  take("stop_words", agent.stop_words);
  agent.system = pin.value("system", std::string());
  agent.persona = pin.value("persona", std::string());
  agent.confidence_weight = pin.value("confidence_weight", 1.0);
  return agent;
}

}  // namespace assay
