#include "experiments/debate/plan.hpp"

#include "experiments/debate/topology.hpp"
#include "experiments/debate/verdict.hpp"

namespace assay {
namespace {

std::size_t number_behind(const std::string& text) {
  return static_cast<std::size_t>(std::stoull(text.substr(text.find(':') + 1)));
}

}  // namespace

std::vector<double> DebatePlan::weights() const {
  std::vector<double> weights;
  for (const DebateAgent& agent : agents) weights.push_back(agent.confidence_weight);
  return weights;
}

std::vector<std::pair<std::string, std::string>> DebatePlan::names_and_models() const {
  std::vector<std::pair<std::string, std::string>> list;
  for (const DebateAgent& agent : agents) list.emplace_back(agent.name, agent.model);
  return list;
}

DebatePlan plan_debate(const Json& params, const Json& pinned_agents) {
  const auto text = [&](const char* name, const char* otherwise) { return params.value(name, std::string(otherwise)); };
  DebatePlan plan;
  const std::string protocol = text("protocol", "collaborative");
  if (protocol == "critic_synth") plan.protocol = DebatePlan::Protocol::critic_synth;
  if (protocol == "adversarial") plan.protocol = DebatePlan::Protocol::adversarial;
  if (pinned_agents.is_array()) {
    for (const Json& pin : pinned_agents) plan.agents.push_back(agent_from_json(pin));
  } else {
    const Json count = params.value("agents", Json(3));
    plan.agents = equal_agents(count.is_number() ? count.get<std::size_t>() : std::stoull(count.get<std::string>()),
                               plan.adversarial());
    for (DebateAgent& agent : plan.agents) agent.model = text("model", "");
  }
  plan.rounds = plan.protocol == DebatePlan::Protocol::critic_synth ? kSynthesisRound : params.value("rounds", 2U);
  plan.reads = readers_of(text("topology", "full"), plan.agents.size());
  plan.sequential = text("schedule", "simultaneous") == "sequential";
  plan.random_order = text("order", "index") == "random";
  const std::string peers = text("peers", "full");
  if (peers == "answer") plan.peers = DebatePlan::Peers::answer;
  if (peers == "summary") plan.peers = DebatePlan::Peers::summary;
  if (peers.starts_with("truncate:")) {
    plan.peers = DebatePlan::Peers::truncate;
    plan.most_characters = number_behind(peers);
  }
  plan.include_self = params.value("include_self", false);
  plan.group_by_answer = params.value("group_by_answer", false);
  plan.summary_per_agent = text("summary", "shared") == "per_agent";
  const std::string history = text("history", "chat");
  if (history == "last") plan.history = DebatePlan::History::last;
  if (history == "one_shot") plan.history = DebatePlan::History::one_shot;
  if (const std::string stop = text("stop", "none"); stop != "none") plan.stop = stop;
  plan.min_rounds = params.value("min_rounds", 1U);
  plan.judge_at_end_only = text("judge", "each") == "final";
  if (plan.stop == "judge") plan.judge_stop.emplace(text("judge_stop", ""));
  if (const std::string on_fail = text("on_agent_fail", "fail"); on_fail != "fail") {
    plan.least_alive = number_behind(on_fail);
  }
  plan.mad = text("compat", "") == "mad";
  return plan;
}

}  // namespace assay
