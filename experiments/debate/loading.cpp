#include "experiments/debate/loading.hpp"

#include <algorithm>
#include <set>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/debate/parameters.hpp"
#include "experiments/debate/topology.hpp"
#include "experiments/qa/asking.hpp"
#include "experiments/qa/parameters.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

/// What a file of agents may still contradict, which could not be seen before it was read.
void check_agents(const std::vector<DebateAgent>& agents, const Json& params) {
  const std::string count = "there are " + counted(agents.size(), "agent", "agents");
  if (params["protocol"] == "adversarial" && agents.size() < 2) {
    throw Error("usage", count + ", expected a debater and a judge at least", "agents");
  }
  readers_of(params["topology"].get<std::string>(), agents.size());
  const auto bounded = [&](const char* name, const std::string& prefix, std::size_t most) {
    const std::string text = params.value(name, std::string());
    if (text.starts_with(prefix) && std::stoull(text.substr(prefix.size())) > most) {
      throw Error("usage", std::string(name) + "=" + text + ": " + count, name);
    }
  };
  bounded("on_agent_fail", "drop:", agents.size());
  bounded("aggregate", "agent:", agents.size() - 1);
}

void fill(Json& params, const char* name, const Json& value) {
  if (!params.contains(name)) params[name] = value;
}

void take_defaults(Json& params, const PromptFile& first) {
  if (first.extract) fill(params, "extract", *first.extract);
  if (first.system) fill(params, "system", *first.system);
  if (first.stop_words && !first.stop_words->empty()) fill(params, "stop_words", dump_json(Json(*first.stop_words)));
}

/// Variables of a prompt that its parameter has none of.
std::vector<std::string> never_given(const PromptFile& file, const std::string& parameter) {
  std::set<std::string> given{"question",  "stem",  "options", "labels", "category", "id",
                              "n_options", "round", "rounds",  "agents", "agent"};
  if (parameter == "collaborative_prompt") {
    given.insert({"peers", "other_agent_responses", "own", "groups", "summary"});
  } else if (parameter == "critic_prompt") {
    given.insert("initial_solution_messages");
  } else if (parameter == "synthesizer_prompt") {
    given.insert({"initial_solution_messages", "critique_message"});
  } else if (parameter == "summary_prompt") {
    given.insert("peers");
  } else if (parameter != "initial_prompt" && parameter != "system") {
    given.insert({"debate_chain", "turns", "opponent", "own"});
  }
  std::vector<std::string> never;
  for (const std::string& name : file.variables()) {
    if (!given.contains(name)) never.push_back(name);
  }
  return never;
}

DebateModels::One one_of(const Json& params, const Json& agent, ModelHandle model) {
  Json merged = params;
  merged.erase("seed_model");
  for (const auto& [key, value] : agent.items()) merged[key] = value;
  DebateModels::One one{std::move(model), chat_params(merged)};
  if (!one.params.max_tokens && one.model) one.params.max_tokens = one.model->params.max_tokens.value_or(kQaMaxTokens);
  return one;
}

/// Resolved parameters as they would be typed; without what only says how the source was read.
ParameterTexts as_typed(const Json& params) {
  ParameterTexts texts;
  const Json kept = debate_run_parameters(params);
  for (const auto& [name, value] : kept.items()) {
    if (name == "epochs") continue;  // of the shell
    texts[name] = value.is_string() ? value.get<std::string>() : dump_json(value);
  }
  return texts;
}

}  // namespace

std::vector<DebateAgent> agents_of(Json& params) {
  const bool adversarial = params["protocol"] == "adversarial";
  std::vector<DebateAgent> agents;
  if (params["agents"].is_string()) {
    params["agents_file"] = params["agents"];
    agents = read_agents(params["agents"].get<std::string>(), adversarial);
    check_agents(agents, params);
    params["agents"] = agents.size();
  } else {
    agents = equal_agents(params["agents"].get<std::size_t>(), adversarial);
  }
  const std::string system = params.value("system", std::string());
  for (DebateAgent& agent : agents) {
    if (agent.system.empty()) agent.system = system;
  }
  return agents;
}

Json pin_debate(Json& params, const std::vector<DebateAgent>& agents, const PromptLimits& limits,
                std::vector<std::string>& warnings) {
  const auto shipped = debate_prompts();
  const PromptOverrides overrides = prompt_overrides(params, limits);
  const auto choose = [&](const std::string& name, const std::string& parameter) {
    PromptChoice choice = choose_prompt(name, shipped, "debate", parameter, overrides);
    warnings.insert(warnings.end(), choice.file.warnings.begin(), choice.file.warnings.end());
    const std::string never = joined(never_given(choice.file, parameter), ", ");
    if (!never.empty() && params.value("undefined", std::string("strict")) == "strict") {
      warnings.push_back(parameter + "=" + name + " takes " + never +
                         ", which it is never given (`prompt show debate_initial`, README of experiments/debate)");
    }
    return choice;
  };
  Json pinned{{"prompts", Json::object()}, {"agents", Json::array()}};
  for (const PromptParameter& row : prompt_parameters()) {
    if (!params.contains(row.name)) continue;
    const PromptChoice choice = choose(params[row.name].get<std::string>(), row.name);
    pinned["prompts"][row.name] = choice.pin;
    if (row.name == "initial_prompt" || row.name == "initial_debater_prompt") take_defaults(params, choice.file);
  }
  const std::string system = params.value("system", std::string());
  for (DebateAgent agent : agents) {
    if (agent.system.empty()) agent.system = system;  // as the first prompt says
    Json pin = to_json(agent);
    for (const auto& [parameter, name] : agent.prompts) pin["prompts"][parameter] = choose(name, parameter).pin;
    if (agent.system_is_prompt()) pin["prompts"]["system"] = choose(agent.system, "system").pin;
    pinned["agents"].push_back(std::move(pin));
  }
  return pinned;
}

void pin_models(Json& params, Json& pinned, const ModelRegistry& models) {
  const ModelHandle main = models.entry(params.value("model", std::string()));
  params["model"] = main->name;
  pinned["model"] = to_json(*main);
  const auto keep = [&](const std::string& name) -> std::pair<std::string, std::string> {
    if (name.empty()) return {"model", main->name};
    const ModelHandle entry = models.entry(name);
    if (entry->name == main->name) return {"model", main->name};
    pinned["model:" + entry->name] = to_json(*entry);
    return {"model:" + entry->name, entry->name};
  };
  Json agents = pinned["agents"];  // a new key moves what stands in `pinned`
  for (Json& agent : agents) {
    const auto [key, name] = keep(agent.value("model", std::string()));
    agent["model_key"] = key;
    agent["model"] = name;
  }
  pinned["agents"] = std::move(agents);
  if (const std::string name = params.value("summary_model", std::string()); !name.empty()) {
    pinned["summary_model_key"] = keep(name).first;
  }
}

DebateModels callable_models(const Json& params, const Json& pinned, const DebatePlan& plan,
                             const ModelRegistry& models) {
  const auto entry = [&](const std::string& key) { return models.callable_pinned(pinned.at(key)); };
  DebateModels called;
  for (std::size_t i = 0; i < plan.agents.size(); ++i) {
    const Json& agent = pinned.at("agents").at(i);
    called.agents.push_back(one_of(params, agent, entry(agent.value("model_key", std::string("model")))));
  }
  called.parts = one_of(params, Json::object(), entry("model"));
  called.summary = one_of(params, Json::object(), nullptr);
  if (pinned.contains("summary_model_key")) {
    called.summary = one_of(params, Json::object(), entry(pinned["summary_model_key"].get<std::string>()));
  }
  return called;
}

NewRun debate_run(Item&& item, const Json& run_params, const Json& pinned) {
  NewRun run;
  run.id = item.id;
  run.data = to_data(item, run_params);
  Json prompts = Json::object();
  for (const auto& [parameter, pin] : pinned.at("prompts").items()) {
    prompts[parameter] = {{"name", pin.at("name")}, {"path", pin.at("path")}};
  }
  run.data["prompts"] = std::move(prompts);
  if (!item.category.empty()) run.facets.emplace_back("category", item.category);
  return run;
}

Json forked_params(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) {
  std::set<std::string> fixed;
  for (const Parameter& row : item_parameters()) fixed.insert(row.name);
  if (step > 0) {
    fixed.insert({"agents", "protocol", "initial_prompt", "initial_debater_prompt", "initial_judge_prompt", "system",
                  "compat", "reuse_round"});
    if (step >= kCritiqueRound) fixed.insert("critic_prompt");
  }
  std::vector<std::string> problems;
  const auto mixed = changes.find("mixed");
  const bool may_mix = mixed != changes.end() && (mixed->second == "yes" || mixed->second == "true");
  for (const auto& [name, text] : changes) {
    if (fixed.contains(name) || name.starts_with("map.")) {
      problems.push_back(name + " would have changed the shared part");
    }
    const bool exchange = name == "collaborative_prompt" || name == "debater_1_prompt" || name == "debater_2_prompt";
    if (step > 1 && exchange && !may_mix && text != parent.params.value(name, std::string())) {
      problems.push_back("another " + name + " would continue rounds that were held with " +
                         parent.params.value(name, std::string("another")) + " (mixed=yes if that is meant)");
    }
  }
  if (!problems.empty()) {
    throw Error("usage", "fork at step " + std::to_string(step) + ": " + joined(problems, "; "), {},
                "fork with step=0, or load the debates anew, to change what is shared");
  }
  ParameterTexts texts = as_typed(parent.params);
  if (parent.params.contains("agents_file")) texts.erase("agents_file");
  for (const auto& [name, text] : changes) texts[name] = text;
  Json params = resolve_debate(texts);
  for (const Parameter& row : item_parameters()) {
    if (parent.params.contains(row.name)) params[row.name] = parent.params[row.name];
  }
  if (parent.params.contains("agents_file")) params["agents_file"] = parent.params["agents_file"];
  if (params["protocol"] != "critic_synth" && params["rounds"].get<std::int64_t>() <= step) {
    throw Error("usage",
                "rounds=" + dump_json(params["rounds"]) + " leaves nothing to do after step " + std::to_string(step),
                "rounds", "rounds counts all, the shared ones too");
  }
  return params;
}

}  // namespace assay
