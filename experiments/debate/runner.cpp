#include "experiments/debate/runner.hpp"

#include <algorithm>
#include <numeric>

#include "experiments/debate/legacy_rules.hpp"
#include "experiments/debate/recorded.hpp"
#include "experiments/qa/asking.hpp"

namespace assay {
namespace {

Role role_of(std::string_view role) {
  if (role == "system") return Role::system;
  return role == "assistant" ? Role::assistant : Role::user;
}

std::string key_of_agent(std::size_t agent) { return "agent/" + std::to_string(agent); }

/// Numbers that stay what they are while the debate goes on; of a fork they begin anew.
Json& remembered(Run& run, const char* name) {
  if (!run.state.is_object()) run.state = Json::object();
  return run.state[name];
}

/// A run as a rule over batches sees it.
class OneRun final : public BatchView {
 public:
  OneRun(const BatchInfo& batch, const Run& run) : batch_(batch) {
    view_.run_id = run.id;
    view_.status = Status::complete;
    view_.data = run.data;
    view_.answer = run.answer;
    view_.context = run.context;
  }
  const BatchInfo& info() const override { return batch_; }
  std::uint32_t size() const override { return 1; }
  void each(bool, const std::function<void(const RunView&)>& visit) const override { visit(view_); }

 private:
  const BatchInfo& batch_;
  RunView view_;
};

}  // namespace

/// One step under way. Its messages go into the run's context only when all of it has come: a round that fails leaves
/// nothing behind.
struct DebateRunner::Round {
  Run& run;
  Step& step;
  Item item;
  std::uint32_t number;
  StepRandom random;
  std::vector<ContextMessage> context;
  std::string added;                // by a fork, to every agent's next message
  std::vector<std::size_t> failed;  // agents that this round goes on without
  std::vector<CallError> errors;
  std::uint64_t sent = 0;
  PeerMemo memo;

  Round(Run& of, Step& at)
      : run(of), step(at), item(from_data(of.data)), number(at.number()), random(at), context(of.context) {
    const auto fork = of.data.find("forked_from");
    if (fork == of.data.end() || !fork->is_object() || fork->value("step", 0U) + 1 != number) return;
    added = fork->value("message", std::string());
  }

  DebateMoment moment(const Transcript& said) { return {item, said, number, random, added, &memo}; }
  void keep(const ChatReply& reply, const std::string& who) {
    sent += std::max<std::uint32_t>(1, reply.sent);  // one that is served from the record is a call of this debate too
    for (const auto& flag : reply.flags.names()) step.log(who + ": reply " + flag);
  }
};

/// An agent's call that is to be made.
struct DebateRunner::Question {
  std::size_t agent;
  std::string key;
  std::vector<RenderedMessage> fresh;
  ChatRequest request;
};

void DebateRunner::setup(Run& run, Step& step) {
  if (models_.agents.empty()) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  const Item item = from_data(run.data);
  if (!item.question) throw RunFailure("no_question", "the item has no question: it can be evaluated, not run");
  StepRandom random(step);
  const Transcript nothing(run.context);
  const DebateMoment moment{item, nothing, 1, random};
  for (std::size_t i = 0; i < composer_.plan().agents.size(); ++i) {
    const std::string system = composer_.system(i, moment);
    if (!system.empty()) run.context.push_back(debate_message("system", system, i, 0));
  }
  remembered(run, "draw") = step.random();
}

DebateRunner::Question DebateRunner::question(std::size_t agent, const Transcript& said, Round& round) const {
  const DebatePlan& plan = composer_.plan();
  const DebateMoment moment = round.moment(said);
  Question question{agent, plan.adversarial() && agent == plan.judge() ? "judge" : key_of_agent(agent), {}, {}};
  question.fresh = composer_.turn(agent, moment);
  for (const auto& message : composer_.history(agent, moment)) {
    question.request.messages.emplace_back(role_of(message.role), std::string(message.content));
  }
  for (const auto& message : question.fresh) {
    question.request.messages.emplace_back(role_of(message.role), message.content);
  }
  question.request.params = models_.agents.at(agent).params;
  question.request.hint = hint_of(round.item);
  // Equal agents ask the same in their first round: what is drawn for each must differ all the same.
  question.request.epoch = repeat_of(round.run.id, round.item) * static_cast<std::int64_t>(plan.agents.size()) +
                           static_cast<std::int64_t>(agent);
  return question;
}

void DebateRunner::ask_together(const std::vector<std::size_t>& agents, Round& round) const {
  std::vector<Question> questions;
  std::vector<CallHandle> handles;
  {
    const Transcript said(round.context);
    for (const std::size_t agent : agents) questions.push_back(question(agent, said, round));
  }
  for (const Question& one : questions) {
    handles.push_back(client_.begin(round.step, one.key, models_.agents.at(one.agent).model, one.request));
  }
  // Each is waited for, so that every answer is recorded, whatever becomes of the others.
  std::vector<tl::expected<ChatReply, CallError>> outcomes;
  for (const CallHandle handle : handles) outcomes.push_back(client_.get(round.step, handle));
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& one = questions[i];
    if (!outcomes[i]) {
      round.failed.push_back(one.agent);
      round.errors.push_back(outcomes[i].error());
      continue;
    }
    round.keep(*outcomes[i], composer_.plan().agents[one.agent].name);
    for (const auto& message : one.fresh) {
      round.context.push_back(debate_message(message.role, message.content, one.agent, round.number));
    }
    round.context.push_back(debate_message("assistant", outcomes[i]->text, one.agent, round.number));
  }
}

void DebateRunner::ask_in_turn(const std::vector<std::size_t>& agents, Round& round) const {
  const DebatePlan& plan = composer_.plan();
  for (const std::size_t agent : agents) {
    if (round.number > 1 && plan.peers == DebatePlan::Peers::summary && plan.summary_per_agent) summarize(agent, round);
    ask_together({agent}, round);
    const bool held = !round.errors.empty() && !round.errors.back().held.empty();
    const bool too_few =
        !round.errors.empty() && agents.size() < round.errors.size() + plan.least_alive.value_or(SIZE_MAX);
    if (held || too_few) return;  // what would be asked now might be asked again
  }
}

ChatReply DebateRunner::ask_part(Round& round, std::string_view part, const std::string& key,
                                 const DebateModels::One& model, std::vector<RenderedMessage> messages,
                                 std::optional<std::size_t> reader) const {
  ChatRequest request;
  for (const auto& message : messages) request.messages.emplace_back(role_of(message.role), message.content);
  request.params = model.params;
  request.hint = hint_of(round.item);
  request.epoch = repeat_of(round.run.id, round.item);
  auto reply = client_.call(round.step, key, model.model, request);
  if (!reply) fail_run(reply.error(), "the " + std::string(part));
  round.keep(*reply, std::string(part));
  for (auto& message : messages) {
    round.context.push_back(debate_message(message.role, std::move(message.content), part, round.number, reader));
  }
  round.context.push_back(debate_message("assistant", reply->text, part, round.number, reader));
  return std::move(*reply);
}

void DebateRunner::summarize(std::optional<std::size_t> reader, Round& round) const {
  const Transcript said(round.context);
  DebateModels::One model = models_.summary;
  if (!model.model) model = models_.agents.at(reader.value_or(0));
  const std::string key = std::string(kSummary) + (reader ? "/" + std::to_string(*reader) : "");
  ask_part(round, kSummary, key, model, composer_.summary(reader, round.moment(said)), reader);
}

void DebateRunner::critic_synth(Round& round) const {
  const auto all = [&] {
    std::vector<std::size_t> agents(composer_.plan().agents.size());
    std::iota(agents.begin(), agents.end(), 0U);
    return agents;
  };
  const Transcript said(round.context);
  if (round.number == 1) {
    ask_together(all(), round);
  } else if (round.number == kCritiqueRound) {
    ask_part(round, kCritic, std::string(kCritic), models_.parts, composer_.critic(round.moment(said)));
  } else {
    ask_part(round, kSynthesizer, std::string(kSynthesizer), models_.parts, composer_.synthesizer(round.moment(said)));
  }
}

std::string DebateRunner::stopped_by(const Item& item, const Round& round) const {
  const DebatePlan& plan = composer_.plan();
  if (plan.stop.empty() || round.number < plan.min_rounds) return {};
  const Transcript said(round.context);
  if (plan.judge_stop) {
    const auto verdict = said.reply(plan.judge(), round.number);
    return verdict && plan.judge_stop->matches(*verdict) ? plan.stop : "";
  }
  const Json draw = round.run.state.is_object() ? round.run.state.value("draw", Json()) : Json();
  const auto rounds = composer_.reader().read_all(item, said, plan.agents.size(),
                                                  tie_draws(draw.is_number() ? draw.get<std::uint64_t>() : 0));
  const auto end = composer_.reader().stops_after(plan.stop, plan.min_rounds, rounds);
  return end && *end <= round.number ? plan.stop : "";
}

Next DebateRunner::step(Run& run, Step& step) {
  const DebatePlan& plan = composer_.plan();
  Round round(run, step);
  if (remembered(run, "draw").is_null()) remembered(run, "draw") = step.random();

  std::vector<std::size_t> agents(plan.agents.size() - (plan.adversarial() ? 1 : 0));
  std::iota(agents.begin(), agents.end(), 0U);
  const bool in_turn = plan.adversarial() || (plan.sequential && round.number > 1);
  if (plan.sequential && plan.random_order) {
    for (std::size_t i = agents.size(); i > 1; --i) std::swap(agents[i - 1], agents[step.random() % i]);
  }
  if (plan.protocol == DebatePlan::Protocol::critic_synth) {
    critic_synth(round);
  } else {
    if (round.number > 1 && plan.peers == DebatePlan::Peers::summary) {
      if (!plan.summary_per_agent) summarize(std::nullopt, round);
      if (plan.summary_per_agent && !in_turn) {
        for (const std::size_t agent : agents) summarize(agent, round);
      }
    }
    in_turn ? ask_in_turn(agents, round) : ask_together(agents, round);
  }

  // What is no fault of the run, a refused key, holds it whatever else went wrong.
  for (const CallError& error : round.errors) {
    if (!error.held.empty()) fail_run(error);
  }
  for (std::size_t i = 0; i < round.errors.size(); ++i) {
    const std::size_t alive = agents.size() - round.errors.size();
    const bool goes_on = plan.least_alive && alive >= *plan.least_alive;
    const std::string& name = plan.agents[round.failed[i]].name;
    if (!goes_on) fail_run(round.errors[i], name);
    step.log(LogLevel::warn, name + " is left out of round " + std::to_string(round.number) + ": " +
                                 round.errors[i].name() + ": " + round.errors[i].message);
  }

  bool last = round.number >= plan.rounds;
  // A judge that speaks in each round is heard before the end is thought of.
  const bool judge_first = plan.adversarial() && !plan.judge_at_end_only;
  std::string stopped = last || judge_first ? "" : stopped_by(round.item, round);
  if (plan.adversarial() && (judge_first || last || !stopped.empty())) {
    ask_together({plan.judge()}, round);
    if (!round.failed.empty() && round.failed.back() == plan.judge()) fail_run(round.errors.back(), "the judge");
    if (!last && judge_first) stopped = stopped_by(round.item, round);
  }
  last = last || !stopped.empty();

  run.context = std::move(round.context);
  Json& calls = remembered(run, "calls");
  calls = (calls.is_number() ? calls.get<std::uint64_t>() : 0) + round.sent;
  if (!last) return Next::again;
  run.answer = Json{{"stopped", stopped.empty() ? "rounds" : stopped}, {"calls", calls}};
  if (composer_.reader().draws()) run.answer["draw"] = remembered(run, "draw");
  return Next::done;
}

Score DebateRunner::evaluate(Run& run, Step&) {
  auto outcome =
      evaluate_debate(from_data(run.data), run.context, composer_.reader(),
                      agents_in(composer_.plan().names_and_models(), run.data), run.answer, draw_of(run.id), round_);
  run.answer = std::move(outcome.answer);
  const std::string rule = batch_.params.is_object() ? batch_.params.value("rule", "majority") : "majority";
  if (rule != "majority") {
    const RuleOutcome legacy = apply_debate_rule(OneRun(batch_, run), rule, round_, false);
    for (const auto& [id, score] : legacy.scores) {
      for (const auto& [name, value] : score.metrics) outcome.score.metric(name, value);
    }
  }
  return outcome.score;
}

std::optional<std::uint64_t> DebateRunner::planned_calls(const Run& run) const {
  const DebatePlan& plan = composer_.plan();
  const std::uint64_t n = plan.agents.size(), shared = Transcript(run.context).rounds();  // by a fork
  if (plan.protocol == DebatePlan::Protocol::critic_synth) return shared == 0 ? n + 2 : shared < 3 ? 3 - shared : 0;
  const std::uint64_t rounds = plan.rounds > shared ? plan.rounds - shared : 0;
  if (plan.adversarial()) return plan.judge_at_end_only ? (n - 1) * rounds + 1 : n * rounds;
  const bool summary = plan.peers == DebatePlan::Peers::summary;
  const std::uint64_t summed = shared == 0 && rounds > 0 ? rounds - 1 : rounds;
  return n * rounds + (summary ? (plan.summary_per_agent ? n : 1) * summed : 0);
}

}  // namespace assay
