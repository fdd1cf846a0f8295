#include "experiments/debate/composing.hpp"

#include <algorithm>
#include <map>

#include "core/model/step.hpp"
#include "core/text/embedded.hpp"
#include "core/text/utf8.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

Json optional_value(const std::optional<std::string>& value) { return value ? Json(*value) : Json(); }

Json as_message(std::string_view content) { return {{"role", "assistant"}, {"content", content}}; }

/// The variables of MAD's scripts, which know no others: a name less is an empty text there (undefined=lenient).
Json only(const Json& context, const std::vector<std::string>& names) {
  Json kept = Json::object();
  for (const std::string& name : names) {
    if (context.contains(name)) kept[name] = context[name];
  }
  return kept;
}

}  // namespace

std::vector<ShippedPrompt> debate_prompts() {
  return {{"debate_initial", ASSAY_EMBEDDED(experiments_debate_prompts_debate_initial_yaml)},
          {"debate_exchange", ASSAY_EMBEDDED(experiments_debate_prompts_debate_exchange_yaml)},
          {"debate_critique", ASSAY_EMBEDDED(experiments_debate_prompts_debate_critique_yaml)},
          {"debate_confidence", ASSAY_EMBEDDED(experiments_debate_prompts_debate_confidence_yaml)},
          {"debate_critic", ASSAY_EMBEDDED(experiments_debate_prompts_debate_critic_yaml)},
          {"debate_synthesizer", ASSAY_EMBEDDED(experiments_debate_prompts_debate_synthesizer_yaml)},
          {"debate_debater", ASSAY_EMBEDDED(experiments_debate_prompts_debate_debater_yaml)},
          {"debate_attack", ASSAY_EMBEDDED(experiments_debate_prompts_debate_attack_yaml)},
          {"debate_defend", ASSAY_EMBEDDED(experiments_debate_prompts_debate_defend_yaml)},
          {"debate_judge", ASSAY_EMBEDDED(experiments_debate_prompts_debate_judge_yaml)},
          {"debate_summary", ASSAY_EMBEDDED(experiments_debate_prompts_debate_summary_yaml)}};
}

struct Composer::Prompts {
  std::map<std::string, PromptFile> shared;
  std::vector<std::map<std::string, PromptFile>> own;  // of each agent
};

Composer::Composer(DebatePlan plan, const Json& params, const Json& pinned, const PromptLimits& limits)
    : plan_(std::move(plan)), reader_(params, plan_.weights()) {
  const PromptOverrides overrides = prompt_overrides(params, limits);
  const auto parse = [&](const Json& pins) {
    std::map<std::string, PromptFile> files;
    if (!pins.is_object()) return files;
    for (const auto& [parameter, pin] : pins.items()) files.emplace(parameter, pinned_prompt(pin, overrides));
    return files;
  };
  auto prompts = std::make_shared<Prompts>();
  if (pinned.is_object()) {
    prompts->shared = parse(pinned.value("prompts", Json()));
    for (const Json& agent : pinned.value("agents", Json::array())) {
      prompts->own.push_back(parse(agent.value("prompts", Json())));
    }
  }
  prompts->own.resize(plan_.agents.size());
  prompts_ = std::move(prompts);
}

const PromptFile& Composer::prompt(const std::string& parameter, std::optional<std::size_t> agent) const {
  if (agent && *agent < prompts_->own.size()) {
    if (const auto own = prompts_->own[*agent].find(parameter); own != prompts_->own[*agent].end()) return own->second;
  }
  const auto shared = prompts_->shared.find(parameter);
  if (shared == prompts_->shared.end()) {
    throw RunFailure("no_prompt", "the batch has no " + parameter + ": load the debates with " + parameter + "=FILE");
  }
  return shared->second;
}

std::vector<RenderedMessage> Composer::render(const std::string& parameter, std::optional<std::size_t> agent,
                                              const Json& context, const DebateMoment& moment) const {
  try {
    auto messages = prompt(parameter, agent).render(prompt::from_json(context), moment.random);
    if (!moment.added.empty()) messages.back().content += "\n\n" + moment.added;
    return messages;
  } catch (const TemplateError& error) {
    throw RunFailure(error.kind(), error.what());
  }
}

Json Composer::peer(const Transcript::Turn& turn, const DebateMoment& moment) const {
  if (moment.memo != nullptr) {
    const auto known = moment.memo->find({turn.agent, turn.round});
    if (known != moment.memo->end()) return known->second;
  }
  Json peer{{"index", turn.agent},
            {"name", plan_.agents.at(turn.agent).name},
            {"model", plan_.agents[turn.agent].model},
            {"content", turn.content},
            {"answer", optional_value(reader_.value(moment.item, turn.content).value)},
            {"confidence", stated_confidence(turn.content)},
            {"round", turn.round}};
  if (moment.memo != nullptr) moment.memo->emplace(std::pair(turn.agent, turn.round), peer);
  return peer;
}

Json Composer::variables(std::optional<std::size_t> agent, const DebateMoment& moment) const {
  const Item& item = moment.item;
  Json context{{"question", question_block(item)},
               {"stem", item.question.value_or("")},
               {"options", item.options},
               {"labels", labels_of(item.options.size())},
               {"category", item.category},
               {"id", item.id},
               {"n_options", item.n_options},
               {"round", moment.round},
               {"rounds", plan_.rounds},
               {"agents", plan_.agents.size()},
               {"agent", nullptr}};
  if (agent) {
    const DebateAgent& one = plan_.agents.at(*agent);
    context["agent"] = {{"index", *agent}, {"name", one.name}, {"persona", one.persona}, {"model", one.model}};
  }
  return context;
}

std::string Composer::system(std::size_t agent, const DebateMoment& moment) const {
  const DebateAgent& one = plan_.agents.at(agent);
  if (!one.system_is_prompt()) return one.system;
  std::string text;
  for (const RenderedMessage& message : render("system", agent, variables(agent, moment), moment)) {
    text += (text.empty() ? "" : "\n\n") + message.content;
  }
  return text;
}

/// The replies that an agent reads: of the round before, or, when speaking in turn, of this one where a peer has spoken
/// already. A peer without a reply there is not seen.
std::vector<Transcript::Turn> Composer::read_by(std::size_t agent, const DebateMoment& moment) const {
  std::vector<Transcript::Turn> turns;
  std::vector<std::size_t> read = plan_.reads.at(agent);
  if (plan_.include_self) read.insert(std::upper_bound(read.begin(), read.end(), agent), agent);
  for (const std::size_t peer : read) {
    const std::uint32_t until = plan_.sequential && peer != agent ? moment.round : moment.round - 1;
    const auto latest = moment.said.latest(peer, until);
    if (latest && latest->round + 1 >= moment.round) turns.push_back(*latest);
  }
  return turns;
}

std::string Composer::shown(const Transcript::Turn& turn, const Item& item) const {
  if (plan_.peers == DebatePlan::Peers::answer) return reader_.value(item, turn.content).value.value_or("no answer");
  if (plan_.peers != DebatePlan::Peers::truncate) return std::string(turn.content);
  std::size_t end = 0;
  for (std::size_t n = 0; n < plan_.most_characters && end < turn.content.size(); ++n) {
    end += code_point_at(turn.content, end).length;
  }
  return std::string(turn.content.substr(0, end)) + (end < turn.content.size() ? " .." : "");
}

void Composer::add_peers(std::size_t agent, const DebateMoment& moment, Json& context) const {
  Json peers = Json::array(), texts = Json::array();
  struct Group {
    Json answer, members = Json::array(), contents = Json::array();
  };
  std::vector<Group> groups;
  const auto turns = read_by(agent, moment);
  for (const Transcript::Turn& turn : turns) {
    const std::string text = shown(turn, moment.item);
    Json one = peer(turn, moment);
    one["content"] = text;
    if (plan_.group_by_answer) {
      auto group =
          std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.answer == one["answer"]; });
      if (group == groups.end()) group = groups.insert(groups.end(), Group{one["answer"]});
      group->members.push_back(turn.agent);
      group->contents.push_back(text);
    }
    peers.push_back(std::move(one));
    texts.push_back(text);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.members.size() > b.members.size(); });
  context["groups"] = Json::array();
  for (Group& group : groups) {
    context["groups"].push_back({{"answer", std::move(group.answer)},
                                 {"count", group.members.size()},
                                 {"members", std::move(group.members)},
                                 {"contents", std::move(group.contents)}});
  }
  context["summary"] = "";
  if (plan_.peers == DebatePlan::Peers::summary) {
    peers = texts = Json::array();
    for (const Transcript::Message& message : moment.said.part(kSummary)) {
      const bool mine = !plan_.summary_per_agent || message.reader == agent;
      if (message.role == "assistant" && message.round == moment.round && mine) context["summary"] = message.content;
    }
    if (context["summary"] != "") texts.push_back(context["summary"]);
  }
  context["peers"] = std::move(peers);
  context["other_agent_responses"] = std::move(texts);
  const auto own = moment.said.latest(agent, moment.round - 1);
  context["own"] = own ? peer(*own, moment) : Json();
}

void Composer::add_chain(std::size_t agent, const DebateMoment& moment, Json& context) const {
  Json chain = Json::array(), turns = Json::array(), opponent;
  for (const Transcript::Turn& turn : moment.said.turns()) {
    if (turn.agent == plan_.judge()) continue;
    chain.push_back(turn.content);
    turns.push_back({{"speaker", plan_.agents.at(turn.agent).name},
                     {"index", turn.agent},
                     {"round", turn.round},
                     {"content", turn.content}});
    if (turn.agent != agent) opponent = turns.back();
  }
  context["debate_chain"] = std::move(chain);
  context["turns"] = std::move(turns);
  context["opponent"] = std::move(opponent);
  const auto own = moment.said.latest(agent, moment.round - 1);
  context["own"] = own ? peer(*own, moment) : Json();
}

std::vector<RenderedMessage> Composer::turn(std::size_t agent, const DebateMoment& moment) const {
  Json context = variables(agent, moment);
  if (!plan_.adversarial()) {
    if (moment.round == 1) {
      if (plan_.mad) context = only(context, {"category", "question"});
      return render("initial_prompt", agent, context, moment);
    }
    add_peers(agent, moment, context);
    if (plan_.mad) context = only(context, {"other_agent_responses", "question"});
    return render("collaborative_prompt", agent, context, moment);
  }
  add_chain(agent, moment, context);
  if (agent == plan_.judge()) {
    if (!plan_.mad) return render("initial_judge_prompt", agent, context, moment);
    std::vector<RenderedMessage> messages;
    if (moment.said.chat(agent).empty()) {
      messages = render("initial_judge_prompt", agent, only(context, {"category", "question"}), moment);
    }
    for (auto& message : render("initial_judge_prompt", agent, only(context, {"debate_chain"}), moment)) {
      messages.push_back(std::move(message));
    }
    return messages;
  }
  if (moment.round == 1) {
    if (plan_.mad) context = only(context, {"category", "question"});
    return render("initial_debater_prompt", agent, context, moment);
  }
  if (plan_.mad) context = only(context, {"debate_chain"});
  return render(agent % 2 == 0 ? "debater_1_prompt" : "debater_2_prompt", agent, context, moment);
}

Json Composer::solutions(const DebateMoment& moment) const {
  Json list = Json::array();
  for (std::size_t i = 0; i < plan_.agents.size(); ++i) {
    if (const auto reply = moment.said.reply(i, 1)) list.push_back(as_message(*reply));
  }
  return list;
}

std::vector<RenderedMessage> Composer::critic(const DebateMoment& moment) const {
  Json context = variables(std::nullopt, moment);
  context["initial_solution_messages"] = solutions(moment);
  if (plan_.mad) context = only(context, {"question", "initial_solution_messages"});
  return render("critic_prompt", std::nullopt, context, moment);
}

std::vector<RenderedMessage> Composer::synthesizer(const DebateMoment& moment) const {
  Json context = variables(std::nullopt, moment);
  context["initial_solution_messages"] = solutions(moment);
  const auto critique = moment.said.part(kCritic);
  context["critique_message"] = as_message(critique.empty() ? std::string_view() : critique.back().content);
  if (plan_.mad) context = only(context, {"question", "initial_solution_messages", "critique_message"});
  return render("synthesizer_prompt", std::nullopt, context, moment);
}

std::vector<RenderedMessage> Composer::summary(std::optional<std::size_t> reader, const DebateMoment& moment) const {
  Json context = variables(reader, moment);
  context["peers"] = Json::array();
  const auto add = [&](const Transcript::Turn& turn) { context["peers"].push_back(peer(turn, moment)); };
  if (reader) {
    for (const Transcript::Turn& turn : read_by(*reader, moment)) add(turn);
  } else {
    for (std::size_t i = 0; i < plan_.agents.size(); ++i) {
      const auto latest = moment.said.latest(i, moment.round - 1);
      if (latest && latest->round + 1 == moment.round) add(*latest);
    }
  }
  return render("summary_prompt", reader, context, moment);
}

std::vector<Transcript::Message> Composer::history(std::size_t agent, const DebateMoment& moment) const {
  std::vector<Transcript::Message> chat = moment.said.chat(agent);
  if (plan_.history == DebatePlan::History::chat) return chat;
  std::vector<Transcript::Message> kept;
  for (const auto& message : chat) {
    if (message.role == "system") kept.push_back(message);
  }
  if (plan_.history == DebatePlan::History::one_shot) return kept;
  const auto first = std::find_if(chat.begin(), chat.end(), [](const auto& message) { return message.role == "user"; });
  const auto own = moment.said.latest(agent, moment.round);
  if (first != chat.end()) kept.push_back(*first);
  if (own) kept.push_back({"assistant", own->content, own->round});
  return kept;
}

}  // namespace assay
