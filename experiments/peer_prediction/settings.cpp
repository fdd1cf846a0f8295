#include "experiments/peer_prediction/settings.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "experiments/discussion/json_fields.hpp"

namespace assay {
namespace {

template <typename Agent, typename Visit>
void agent_fields(Agent& agent, Visit visit) {
  visit("name", agent.name);
  visit("reading", agent.reading);
  visit("strategy", agent.strategy);
  visit("model", agent.model);
  visit("group", agent.group);
  visit("reference", agent.reference);
  visit("null_agent", agent.null_agent);
}

template <typename Synthetic, typename Visit>
void synthetic_fields(Synthetic& synthetic, Visit visit) {
  visit("levels", synthetic.levels);
  visit("joint", synthetic.joint);
  visit("texts", synthetic.texts);
}

template <typename Settings, typename Visit>
void plain_fields(Settings& s, Visit visit) {
  visit("exp_type", s.exp_type);
  visit("task_description", s.task_description);
  visit("model", s.model);
  visit("max_tokens", s.max_tokens);
  visit("temperature", s.temperature);
  visit("critic", s.critic);
  visit("critic_models", s.critic_models);
  visit("logprobs", s.logprobs);
  visit("judge", s.judge);
  visit("judge_model", s.judge_model);
  visit("judge_with", s.judge_with);
  visit("judge_without", s.judge_without);
  visit("parse", s.parse);
  visit("tvd_mi", s.tvd_mi);
  visit("mi", s.mi);
  visit("gppm", s.gppm);
  visit("pairing", s.pairing);
  visit("reading", s.reading);
  visit("null_response", s.null_response);
  visit("attack", s.attack);
  visit("lost", s.lost);
  visit("autosave", s.autosave);
  visit("seed", s.seed);
  visit("bootstrap_seed", s.bootstrap_seed);
  visit("good_faith", s.good_faith);
  visit("problematic", s.problematic);
  visit("recorded", s.recorded);
  visit("recorded_critic", s.recorded_critic);
  visit("recorded_judge", s.recorded_judge);
}

using Type = Parameter::Type;

/// A row whose value is one of some words.
Parameter choice(const char* name, const char* shown, std::vector<std::string> words, const char* help) {
  return {name, Type::choice, shown, help, std::move(words)};
}

}  // namespace

Json to_json(const PeerSettings& settings) {
  Json out = Json::object();
  plain_fields(settings, FieldWriter{out});
  Json& agents = out["agents"] = Json::array();
  for (const PeerAgent& agent : settings.agents) {
    agents.push_back(Json::object());
    agent_fields(agent, FieldWriter{agents.back()});
  }
  Json& labels = out["critic_labels"] = Json::array();
  for (const auto& [label, value] : settings.critic_labels) labels.push_back(Json::array({label, value}));
  Json& synthetic = out["synthetic"] = Json::object();
  synthetic_fields(settings.synthetic, FieldWriter{synthetic});
  out["exp_config"] = settings.exp_config;
  return out;
}

PeerSettings peer_settings(const Json& params) {
  if (!params.is_object()) throw Error("file", "the settings of a batch of peer prediction are an object");
  PeerSettings settings;
  plain_fields(settings, FieldReader{params});
  try {
    if (const auto agents = params.find("agents"); agents != params.end()) {
      for (const Json& agent : *agents) {
        settings.agents.emplace_back();
        agent_fields(settings.agents.back(), FieldReader{agent});
      }
    }
    if (const auto labels = params.find("critic_labels"); labels != params.end()) {
      settings.critic_labels.clear();
      for (const Json& label : *labels) {
        settings.critic_labels.emplace_back(label.at(0).get<std::string>(), label.at(1).get<double>());
      }
    }
  } catch (const Json::exception&) {
    throw Error("file", "agents or critic_labels are not what a batch of peer prediction keeps");
  }
  if (const auto synthetic = params.find("synthetic"); synthetic != params.end()) {
    synthetic_fields(settings.synthetic, FieldReader{*synthetic});
  }
  if (const auto config = params.find("exp_config"); config != params.end()) settings.exp_config = *config;
  return settings;
}

std::vector<std::string> unknown_members(const PeerSettings& settings) {
  std::vector<std::string> unknown;
  for (const auto* group : {&settings.good_faith, &settings.problematic}) {
    for (const std::string& name : *group) {
      const auto same = [&](const PeerAgent& agent) { return agent.name == name; };
      if (std::none_of(settings.agents.begin(), settings.agents.end(), same)) unknown.push_back(name);
    }
  }
  return unknown;
}

std::string peer_critic_name(const PeerSettings& settings) {
  if (settings.recorded) return settings.recorded_critic.empty() ? "recorded" : settings.recorded_critic;
  if (settings.critic == "keyword" || settings.critic == "keyword_seed") return settings.critic + " (no model)";
  return settings.critic;
}

std::string peer_judge_name(const PeerSettings& settings) {
  if (settings.recorded) return settings.recorded_judge.empty() ? "recorded" : settings.recorded_judge;
  return settings.judge == "length" ? "length (no model)" : settings.judge;
}

std::vector<Parameter> peer_parameters() {
  return {
      {"format", Type::text, "", "cs329, items, comparisons: recorded comparisons of that form; told by content", {}},
      // The keys of an exp_config, over those of the file.
      choice("exp_type", "", {"llm", "synthetic"}, "as the key of the configuration"),
      {"num_agents", Type::integer, "", "as the key", {}},
      {"agents", Type::text, "", "short for num_agents; a JSON list: agent_perspectives", {}},
      {"agent_perspectives", Type::text, "", "JSON list of {condition, reading, strategy, model_name, group}", {}},
      {"task_description", Type::text, "", "as the key", {}},
      {"model", Type::text, "", "short for model_config.model_name", {}},
      {"model_config.*", Type::text, "", "model_name, max_tokens (4000), temperature (1.0)", {}},
      {"n_tasks", Type::integer, "", "short for data_config.n_tasks (10)", {}},
      {"data_config.*", Type::text, "", "data_path, n_tasks, preload, preload_path, preload_type", {}},
      {"add_references", Type::boolean, "", "an agent Reference with the items' references stands first", {}},
      {"synthetic.*", Type::text, "", "p_joint, texts: how synthetic agents answer", {}},
      // What is made of it.
      {"critic",
       Type::text,
       "",
       "llm, preset, keyword, keyword_seed, none (default: llm; synthetic: preset); a+b: models of a panel",
       {}},
      {"critic_model", Type::text, "", "default: the agents' model; m1+m2 is a panel", {}},
      {"critic_labels",
       Type::text,
       "Significant Gain:1,Little Gain:0.25,No Gain:0",
       "verdicts and their values, in quotes (commas)",
       {}},
      {"logprobs", Type::integer, "", "weigh the critic's verdicts with so many alternatives per token", {}},
      choice("judge", "", {"llm", "preset", "length", "none"}, "default: llm; synthetic: preset"),
      {"judge_model", Type::text, "", "default: the agents' model", {}},
      choice("judge_context", "", {"with", "without", "both"}, "default: both; a judge that is no model: without"),
      choice("parse", "strict", {"strict", "upstream"}, "how replies are read"),
      {"mechanisms", Type::text, "tvd_mi+judge", "of tvd_mi, judge, mi, gppm, joined by +", {}},
      choice("pairing", "other", {"other", "derangement", "all_other", "product", "permutation", "all"},
             "where the pairs of different tasks come from"),
      choice("reading", "two", {"two", "sandwich", "ignore"}, "how readings are asked for"),
      {"null_response", Type::text, "No response.", "what a null agent answers", {}},
      {"prompt.*", Type::text, "", "prompt files: critic, judge_with, judge_without", {}},
      {"groups", Type::text, "", "JSON file {good_faith: [agents], problematic: [agents]}: effects between them", {}},
      choice("attack", "none", {"none", "case_flip", "format", "padding", "pattern", "repetition"},
             "done to every response before it is compared"),
      choice("lost", "missing", {"missing", "zero"}, "recorded items: what a mechanism without any call counts as"),
      {"autosave", Type::text, "", "folder for the seed's two files (default: saves/ for an exp_config), or off", {}},
      {"seed", Type::integer, "1", "of pairing and synthetic tasks", {}},
      {"bootstrap_seed", Type::integer, "1", "of intervals", {}},
  };
}

}  // namespace assay
