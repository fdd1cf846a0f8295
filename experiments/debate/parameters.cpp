#include "experiments/debate/parameters.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/words.hpp"
#include "experiments/debate/legacy_rules.hpp"
#include "experiments/debate/topology.hpp"
#include "experiments/debate/verdict.hpp"
#include "experiments/qa/parameters.hpp"

namespace assay {
namespace {

using Type = Parameter::Type;

constexpr std::int64_t kMostAgents = 100, kMostRounds = 100;

/// Parameters that mean something under one protocol only.
const std::vector<std::string> kCollaborativeOnly{"topology",     "schedule",        "order",         "peers",
                                                  "include_self", "group_by_answer", "summary_model", "summary_prompt",
                                                  "summary",      "reuse_round",     "mixed"};
const std::vector<std::string> kAdversarialOnly{"judge", "judge_stop"};
const std::vector<std::string> kInRoundsOnly{"rounds", "history", "stop", "min_rounds"};  // not of critic_synth

ParameterTexts with_compat(ParameterTexts given) {
  const auto compat = given.find("compat");
  if (compat == given.end() || compat->second != "mad") return given;
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"autoescape", "yes"}, {"undefined", "lenient"}, {"sample", "mad:200"}, {"temperature", "0.7"}}) {
    given.try_emplace(name, text);
  }
  const auto protocol = given.find("protocol");
  // The result there is the vote over all agents, the judge included.
  if (protocol != given.end() && protocol->second == "adversarial") given.try_emplace("aggregate", "majority");
  return given;
}

bool is_count(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

/// Collects what is wrong, so that it is said at once.
class Checks {
 public:
  template <typename Check>
  void run(Check check) {
    try {
      check();
    } catch (const Error& error) {
      problems_.emplace_back(error.what());
      if (hint_.empty()) hint_ = error.hint();
    }
  }
  void require(bool good, const std::string& problem) {
    if (!good) problems_.push_back(problem);
  }
  void finish() const {
    if (!problems_.empty()) throw Error("usage", joined(problems_, "; "), {}, problems_.size() == 1 ? hint_ : "");
  }

 private:
  std::vector<std::string> problems_;
  std::string hint_;
};

bool has_form(const std::string& text, std::string_view prefix) {
  return text.starts_with(prefix) && is_count(text.substr(prefix.size()));
}

void check_protocol(const std::string& protocol, const ParameterTexts& given, Checks& checks) {
  const auto only = [&](const std::vector<std::string>& names, bool here, const std::string& where) {
    for (const std::string& name : names) {
      checks.require(here || !given.contains(name),
                     name + " means nothing under protocol=" + protocol + " (" + where + ")");
    }
  };
  only(kCollaborativeOnly, protocol == "collaborative", "only under collaborative");
  only(kAdversarialOnly, protocol == "adversarial", "only under adversarial");
  only(kInRoundsOnly, protocol != "critic_synth", "it has three phases");
  for (const PromptParameter& prompt : prompt_parameters()) {
    if (prompt.name == "summary_prompt" || prompt.name == "initial_prompt") continue;
    checks.require(prompt.protocol == protocol || !given.contains(prompt.name),
                   prompt.name + " belongs to protocol=" + prompt.protocol + ", not " + protocol);
  }
  checks.require(
      protocol != "adversarial" || !given.contains("initial_prompt"),
      "initial_prompt is not used under protocol=adversarial (initial_debater_prompt, initial_judge_prompt)");
}

void check_reading_of(const Json& params, std::optional<std::int64_t> agents, Checks& checks) {
  const std::string protocol = params.value("protocol", std::string("collaborative"));
  if (params.contains("aggregate")) {
    const std::string aggregate = params["aggregate"];
    checks.require(aggregate != "judge" || protocol == "adversarial", "aggregate=judge needs protocol=adversarial");
    checks.require(aggregate != "synthesizer" || protocol == "critic_synth",
                   "aggregate=synthesizer needs protocol=critic_synth");
    if (has_form(aggregate, "agent:") && agents) {
      checks.require(std::stoll(aggregate.substr(6)) < *agents,
                     "aggregate=" + aggregate + ": the last agent is " + std::to_string(*agents - 1));
    }
  }
  const std::string rule = params.value("rule", std::string("majority"));
  const auto& rules = legacy_rules();
  checks.require(rule == "majority" || std::find(rules.begin(), rules.end(), rule) != rules.end(),
                 "rule=" + rule + ", expected majority, " + joined(rules, ", "));
  checks.run([&] { const DebateReader reader(params, {}); });
}

void check_values(const Json& params, std::optional<std::int64_t> agents, Checks& checks) {
  const std::string protocol = params["protocol"];
  const auto rounds = params["rounds"].get<std::int64_t>();
  checks.require(rounds >= 1 && rounds <= kMostRounds,
                 "rounds=" + std::to_string(rounds) + ", expected 1 to " + std::to_string(kMostRounds));
  const auto min_rounds = params["min_rounds"].get<std::int64_t>();
  checks.require(min_rounds >= 1, "min_rounds=" + std::to_string(min_rounds) + ", expected at least 1");
  if (params.contains("max_tokens")) {
    checks.require(params["max_tokens"].get<std::int64_t>() >= 1, "max_tokens is below 1");
  }
  const std::string peers = params["peers"];
  checks.require(peers == "full" || peers == "answer" || peers == "summary" || has_form(peers, "truncate:"),
                 "peers=" + peers + ", expected full, truncate:N, answer or summary");
  const std::string stop = params["stop"];
  checks.require(stop == "none" || stop == "unanimous" || has_form(stop, "votes:") || has_form(stop, "stable:") ||
                     (stop == "judge" && protocol == "adversarial"),
                 "stop=" + stop + ", expected none, unanimous, votes:K, stable:R" +
                     (protocol == "adversarial" ? " or judge" : ""));
  const std::string on_fail = params["on_agent_fail"];
  checks.require(on_fail == "fail" || has_form(on_fail, "drop:"),
                 "on_agent_fail=" + on_fail + ", expected fail or drop:MIN");
  if (has_form(on_fail, "drop:") && agents) {
    checks.require(std::stoll(on_fail.substr(5)) >= 1 && std::stoll(on_fail.substr(5)) <= *agents,
                   "on_agent_fail=" + on_fail + ": there are " + std::to_string(*agents) + " agents");
  }
  if (has_form(stop, "stable:")) checks.require(std::stoll(stop.substr(7)) >= 1, "stop=" + stop + ": at least 1 round");
  if (has_form(stop, "votes:") && agents) {
    const auto votes = std::stoll(stop.substr(6));
    checks.require(votes >= 1 && votes <= *agents,
                   "stop=" + stop + ": there are " + std::to_string(*agents) + " agents");
  }
  checks.require(!has_form(stop, "stable:") || params["judge"] != "final",
                 "stop=" + stop + " with judge=final: there is no verdict before the end");
  for (const char* name : {"temperature", "top_p"}) {
    checks.require(!params.contains(name) || params[name].get<double>() >= 0, std::string(name) + " is negative");
  }
  checks.require(!params.contains("reuse_round") || params["reuse_round"].get<std::int64_t>() >= 1,
                 "reuse_round is below 1");
  check_reading_of(params, agents, checks);
  if (params.contains("judge_stop")) {
    checks.run([&] { const Pattern pattern(params["judge_stop"].get<std::string>()); });
  }
  if (!agents) return;  // a file: checked when it has been read
  checks.require(*agents >= 1 && *agents <= kMostAgents,
                 "agents=" + std::to_string(*agents) + ", expected 1 to " + std::to_string(kMostAgents));
  checks.require(protocol != "adversarial" || *agents >= 2,
                 "agents=" + std::to_string(*agents) + " under protocol=adversarial: a debater and a judge at least");
  if (*agents >= 1 && *agents <= kMostAgents) {
    checks.run([&] { readers_of(params["topology"].get<std::string>(), static_cast<std::size_t>(*agents)); });
  }
}

}  // namespace

const std::vector<PromptParameter>& prompt_parameters() {
  static const std::vector<PromptParameter> rows{
      {"initial_prompt", "collaborative", "debate_initial"},
      {"collaborative_prompt", "collaborative", "debate_exchange"},
      {"summary_prompt", "collaborative", "debate_summary"},
      {"critic_prompt", "critic_synth", "debate_critic"},
      {"synthesizer_prompt", "critic_synth", "debate_synthesizer"},
      {"initial_judge_prompt", "adversarial", "debate_judge"},
      {"initial_debater_prompt", "adversarial", "debate_debater"},
      {"debater_1_prompt", "adversarial", "debate_attack"},
      {"debater_2_prompt", "adversarial", "debate_defend"},
  };
  return rows;
}

std::vector<Parameter> debate_scoring_parameters() {
  std::vector<Parameter> rows = qa_scoring_parameters();
  std::erase_if(rows, [](const Parameter& row) { return row.name == "aggregate" || row.name == "tie"; });
  const std::vector<Parameter> own{
      {"aggregate",
       Type::text,
       "",
       "one answer from many: majority, weighted, majority_min:K, judge, synthesizer, agent:I",
       {}},
      {"tie",
       Type::choice,
       "first",
       "who wins a tied vote: the first holder, nobody, or a draw",
       {"first", "none", "random"}},
      {"confidence",
       Type::choice,
       "none",
       "weight of a vote: as the reply states, or as the agent's rounds agree",
       {"none", "stated", "self"}},
      {"confidence_scale", Type::choice, "linear", "as it is, or in ReConcile's steps", {"linear", "reconcile"}},
      {"rule",
       Type::text,
       "majority",
       "majority, or a published rule beside it: mad_mmlu, mad_csqa, du_mmlu, du_gsm, du_arith",
       {}},
      {"round", Type::integer, "", "whose answers count; none: the last", {}},
      {"as_score", Type::boolean, "no", "a published rule's verdict becomes the score", {}},
  };
  rows.insert(rows.end(), own.begin(), own.end());
  return rows;
}

std::vector<Parameter> debate_parameters() {
  std::vector<Parameter> rows = item_parameters();
  for (Parameter& row : rows) {
    if (row.name == "format") row.choices.insert(row.choices.end(), {"mad", "du"});
  }
  const std::vector<Parameter> own{
      {"protocol",
       Type::choice,
       "collaborative",
       "how the agents debate",
       {"collaborative", "critic_synth", "adversarial"}},
      {"agents", Type::text, "3", "how many (adversarial: with the judge), or a YAML file of them", {}},
      {"rounds", Type::integer, "2", "the first, independent one counts", {}},
      {"model", Type::text, "", "model alias or PROVIDER/MODEL of every agent; none: the default model", {}},
      {"temperature", Type::number, "0.7", "", {}},
      {"max_tokens", Type::integer, std::to_string(kQaMaxTokens), "of a reply; an alias's own goes before 3000", {}},
      {"top_p", Type::number, "", "none: the model's", {}},
      {"stop_words", Type::text, "", "a text that ends a reply, or a JSON list of them", {}},
      {"system", Type::text, "", "system message of every agent", {}},
      {"initial_prompt",
       Type::text,
       "",
       "a prompt file or a shipped prompt: the first round; `prompt list debate`",
       {}},
      {"collaborative_prompt", Type::text, "", "collaborative: the later rounds", {}},
      {"critic_prompt", Type::text, "", "critic_synth: the critique", {}},
      {"synthesizer_prompt", Type::text, "", "critic_synth: the answer from solutions and critique", {}},
      {"initial_judge_prompt", Type::text, "", "adversarial: the judge, every time", {}},
      {"initial_debater_prompt", Type::text, "", "adversarial: a debater's first turn", {}},
      {"debater_1_prompt", Type::text, "", "adversarial: later turns of debaters 0, 2, ..", {}},
      {"debater_2_prompt", Type::text, "", "adversarial: later turns of debaters 1, 3, ..", {}},
      {"topology",
       Type::text,
       "full",
       "who reads whom: full, none, ring, neighbours:K, star, chain, tree, adj:0<1+2/1<0",
       {}},
      {"schedule",
       Type::choice,
       "simultaneous",
       "everyone reads the round before, or what was said in this one too",
       {"simultaneous", "sequential"}},
      {"order", Type::choice, "index", "who speaks first in a sequential round", {"index", "random"}},
      {"peers", Type::text, "full", "what is read of a peer: full, truncate:N, answer, summary", {}},
      {"include_self", Type::boolean, "no", "the agent's own last reply among those it reads", {}},
      {"group_by_answer", Type::boolean, "no", "fills `groups`: who holds which answer", {}},
      {"history",
       Type::choice,
       "chat",
       "what goes along: the agent's whole chat, first and last only, or nothing",
       {"chat", "last", "one_shot"}},
      {"summary_model", Type::text, "", "peers=summary: who writes it; none: the agent's model", {}},
      {"summary_prompt", Type::text, "", "peers=summary: how it is asked for", {}},
      {"summary", Type::choice, "shared", "peers=summary: one a round, or one per reader", {"shared", "per_agent"}},
      {"stop", Type::text, "none", "end early: unanimous, votes:K, stable:R, judge (adversarial)", {}},
      {"min_rounds", Type::integer, "1", "rounds before `stop` is looked at", {}},
      {"judge",
       Type::choice,
       "each",
       "adversarial: the judge speaks in each round, or once at the end",
       {"each", "final"}},
      {"judge_stop", Type::text, R"((?im)^\W*verdict\W+final\b)", "stop=judge: what its reply must match (RE2)", {}},
      {"reuse_round", Type::integer, "", "format=mad: go on after round K of the recorded debates", {}},
      {"mixed", Type::boolean, "no", "another collaborative prompt after the second round is meant", {}},
      {"on_agent_fail",
       Type::text,
       "fail",
       "a call that fails for good: the run FAILs, or drop:MIN goes on with at least MIN agents",
       {}},
      {"autoescape", Type::boolean, "", "HTML-escape values in prompts; none: as the prompt file says", {}},
      {"undefined", Type::choice, "", "undefined variables; none: as the prompt file says", {"strict", "lenient"}},
      {"compat", Type::choice, "", "byte for byte what chiiyeh/MAD sends and scores", {"mad"}},
      {"mad_model", Type::text, "", "model part of MAD file names; none: the model's name without its provider", {}},
  };
  for (const auto& more : {own, debate_scoring_parameters()}) rows.insert(rows.end(), more.begin(), more.end());
  std::erase_if(rows, [](const Parameter& row) { return row.name == "round" || row.name == "as_score"; });
  return rows;
}

Json resolve_debate(const ParameterTexts& given) {
  const ParameterTexts filled = with_compat(given);
  Json params;
  Checks checks;
  checks.run([&] { params = resolve_parameters(debate_parameters(), filled, "debate"); });
  checks.finish();
  const std::string protocol = params["protocol"];
  check_protocol(protocol, given, checks);
  std::optional<std::int64_t> agents;
  if (const std::string text = params["agents"]; is_count(text)) agents = std::stoll(text);
  check_values(params, agents, checks);
  checks.finish();
  if (agents) params["agents"] = *agents;
  if (!given.contains("max_tokens")) params.erase("max_tokens");
  for (const PromptParameter& prompt : prompt_parameters()) {
    const bool needed = prompt.name == "summary_prompt"   ? params["peers"] == "summary"
                        : prompt.name == "initial_prompt" ? protocol != "adversarial"
                                                          : prompt.protocol == protocol;
    if (needed && !params.contains(prompt.name)) params[prompt.name] = prompt.shipped;
  }
  return params;
}

void check_reading(const Json& params, std::size_t agents) {
  Checks checks;
  check_reading_of(params, static_cast<std::int64_t>(agents), checks);
  checks.finish();
}

Json debate_run_parameters(const Json& resolved) {
  const Json defaults = resolve_parameters(debate_parameters(), {}, "debate");
  const std::vector<Parameter> reading = item_parameters();
  Json kept = Json::object();
  for (const auto& [name, value] : resolved.items()) {
    const bool of_reading =
        name.starts_with("map.") ||
        std::any_of(reading.begin(), reading.end(), [&](const Parameter& row) { return row.name == name; });
    const bool typed = name == "max_tokens";  // else it isn't among them
    if (of_reading || (!typed && defaults.contains(name) && defaults[name] == value)) continue;
    kept[name] = value;
  }
  return kept;
}

}  // namespace assay
