#include "experiments/debate/report_figures.hpp"

#include <algorithm>
#include <array>

#include "core/statistics/proportion.hpp"
#include "experiments/debate/imported.hpp"
#include "experiments/debate/outcome.hpp"
#include "experiments/debate/tally.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

constexpr std::array<const char*, 4> kChoiceRules{"letter", "mad_eval", "tiger_l2", "tiger_apix"};
constexpr std::array<const char*, 2> kNumberRules{"gsm8k", "du_gsm"};

/// Rounds beyond this are no rounds of a debate, whatever a file says.
constexpr std::uint32_t kMostRounds = 10'000;

/// The round that a message says it belongs to; 0: none.
std::uint32_t round_of(const ContextMessage& message) {
  const Json round = message.more.is_object() ? message.more.value("round", Json()) : Json();
  return round.is_number_integer() && round > 0 && round <= kMostRounds ? round.get<std::uint32_t>() : 0;
}

std::vector<double> weights_of(const BatchInfo& batch) {
  std::vector<double> weights;
  if (!batch.pinned.is_object() || !batch.pinned.contains("agents")) return weights;
  for (const Json& agent : batch.pinned["agents"]) weights.push_back(agent.value("confidence_weight", 1.0));
  return weights;
}

Json params_of(const BatchInfo& batch) { return batch.params.is_object() ? batch.params : Json::object(); }

Json share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? Json() : Json(static_cast<double>(part) / static_cast<double>(whole));
}

/// The same last rounds read by another rule.
struct OtherRule {
  std::string name;
  DebateReader reader;
  bool numbers = false;
  std::uint64_t n = 0, correct = 0, unextracted = 0, no_answer = 0;
};

class Collector {
 public:
  explicit Collector(const BatchView& batch)
      : batch_(batch), params_(params_of(batch.info())), reader_(params_, weights_of(batch.info())) {
    phased_ = params_.value("protocol", Json()) == "critic_synth";
    for (const char* name : kChoiceRules) add_rule(name, false);
    for (const char* name : kNumberRules) add_rule(name, true);
    batch.each(true, [&](const RunView& run) { add(run); });
  }

  Json figures() const;

 private:
  void add_rule(const char* name, bool numbers) {
    Json params = params_;
    params["extract"] = name;
    rules_.push_back({name, DebateReader(params, weights_of(batch_.info())), numbers});
  }
  void add(const RunView& run);
  std::vector<RoundReading> rounds_of(const RunView& run, const Item& item, const Transcript& said,
                                      std::size_t agents) const;
  void read_by_others(const RunView& run, const Item& item, const Transcript& said, std::size_t agents);
  std::vector<DebateCost> costs_of(const RunView& run);
  Json rounds() const;
  Json baselines(const Json& rounds, const Json& accuracy) const;
  Json cost_figures(const DebateCost& cost, std::uint64_t correct) const;
  Json rules() const;

  const BatchView& batch_;
  const Json params_;
  const DebateReader reader_;
  bool phased_ = false, recorded_ = false;  // recorded: some call is
  QaTally all_;
  Ordered<QaTally> categories_;
  Ordered<std::uint32_t> items_;
  DebateTally tally_;
  EarlyStops stops_;
  std::vector<OtherRule> rules_;
  std::uint64_t judged_ = 0, majority_correct_ = 0, dropped_ = 0;
  std::vector<DebateCost> costs_;  // by round; 0: outside of rounds
};

/// As last evaluated; what is not COMPLETE has not been.
std::vector<RoundReading> Collector::rounds_of(const RunView& run, const Item& item, const Transcript& said,
                                               std::size_t agents) const {
  std::vector<RoundReading> rounds;
  if (run.status == Status::ready) return rounds;
  if (run.status == Status::complete && run.answer.is_object() && run.answer.contains("rounds")) {
    for (const Json& one : run.answer["rounds"]) {
      auto reading = round_reading_from(one);
      if (!reading) break;
      const bool unasked = reader_.judged() && agents > 0 && !said.reply(agents - 1, reading->round);
      if (unasked) reading->silent = agents - 1;
      rounds.push_back(std::move(*reading));
    }
  }
  const Json draw = run.answer.is_object() ? run.answer.value("draw", Json()) : Json();
  const auto seed = draw.is_number() ? draw.get<std::uint64_t>() : draw_of(run.run_id);
  if (rounds.empty()) rounds = reader_.read_all(item, said, agents, tie_draws(seed));
  // A round in which nobody replied has failed: it is missing, not wrong.
  std::erase_if(rounds, [](const RoundReading& round) {
    return round.dropped.size() + (round.silent ? 1 : 0) >= round.values.size();
  });
  return rounds;
}

std::vector<DebateCost> Collector::costs_of(const RunView& run) {
  std::vector<DebateCost> rounds(1);
  const auto at = [&](std::uint32_t round) -> DebateCost& {
    if (round >= rounds.size()) rounds.resize(round + 1);
    return rounds[round];
  };
  const auto calls = batch_.calls(run.id);
  std::uint32_t newest = 0;
  for (const CallRecord& call : calls) newest = std::max(newest, call.attempt);
  for (const CallRecord& call : calls) {
    DebateCost& cost = at(call.step == kEvaluateStep ? 0 : call.step);
    cost.money += call.cost;
    if (call.attempt != newest) continue;
    const bool refused = call.state == CallState::failed && call.last_try.sent_at == 0;  // it never went out
    if (!refused) cost.calls += std::max<std::uint32_t>(1, call.last_try.number);
    cost.in += call.usage.in.value_or(0);
    cost.out += call.usage.out.value_or(0);
  }
  if (!calls.empty()) {
    recorded_ = true;
    return rounds;
  }
  for (const ContextMessage& message : run.context) {
    if (message.role == "assistant") ++at(round_of(message)).calls;
  }
  return rounds;
}

void Collector::read_by_others(const RunView& run, const Item& item, const Transcript& said, std::size_t agents) {
  if (item.n_options == 0 && !item.answer.is_number()) return;
  for (OtherRule& rule : rules_) {
    if (rule.numbers != (item.n_options == 0)) continue;
    const auto reading = rule.reader.read(item, said, agents, said.rounds(), tie_draws(draw_of(run.run_id)));
    const RoundMarks marks = marks_of(rule.reader, item, reading);
    ++rule.n;
    if (marks.correct) ++rule.correct;
    if (marks.no_answer) ++rule.no_answer;
    rule.unextracted += marks.unextracted;
  }
}

void Collector::add(const RunView& run) {
  const Item item = from_data(run.data);
  const bool gold = !item.answer.is_null();
  auto& number = items_[item.id.empty() ? run.run_id : item.id];
  if (number == 0) number = static_cast<std::uint32_t>(items_.entries().size());
  all_.add(run, gold, number);
  categories_[item.category].add(run, gold, number);
  const bool complete = run.status == Status::complete;
  const Transcript said(run.context);
  const std::size_t agents = agent_count(batch_.info(), run.data, said);
  const auto rounds = rounds_of(run, item, said, agents);
  DebateMarks marks;
  marks.status = run.status;
  marks.item = number;
  for (const ContextMessage& message : run.context) marks.asked = std::max(marks.asked, round_of(message));
  for (const RoundReading& round : rounds) {
    marks.rounds.push_back(marks_of(reader_, item, round));
    dropped_ += round.dropped.size();
  }
  const std::uint32_t asked = marks.asked;
  tally_.add(std::move(marks));

  const auto costs = costs_of(run);
  if (costs_.size() < costs.size()) costs_.resize(costs.size());
  for (std::size_t k = 0; k < costs.size(); ++k) costs_[k] += costs[k];
  if (!complete) return;
  if (!phased_) {
    std::vector<std::uint64_t> replies(asked + 1);
    for (const ContextMessage& message : run.context) {
      if (message.role == "assistant") ++replies[round_of(message)];
    }
    const auto least = params_.value("min_rounds", std::int64_t{1});
    stops_.add(reader_, item, rounds, replies, static_cast<std::uint32_t>(std::clamp<std::int64_t>(least, 1, 1000)));
  }
  if (gold) read_by_others(run, item, said, agents);
  if (gold && reader_.aggregate() == "judge" && run.answer.is_object()) {
    const Json vote = run.answer.value("majority", Json());
    ++judged_;
    if (vote.is_string() && reader_.right(item, vote.get<std::string>())) ++majority_correct_;
  }
}

Json Collector::rounds() const {
  const auto held = tally_.rounds();
  const std::size_t last = std::max(costs_.size(), held.empty() ? 0 : std::size_t{held.back()} + 1);
  Json list = Json::array();
  for (std::uint32_t round = 1; round < last; ++round) {
    const bool critique = phased_ && round == kCritiqueRound;
    Json figures = critique ? Json{{"round", round}, {"n", 0}, {"phase", "critique"}} : tally_.round(round);
    const DebateCost cost = round < costs_.size() ? costs_[round] : DebateCost();
    figures["calls"] = cost.calls;
    figures["tokens_in"] = recorded_ ? Json(cost.in) : Json();
    figures["tokens_out"] = recorded_ ? Json(cost.out) : Json();
    figures["cost_usd"] = recorded_ ? Json(to_usd(cost.money)) : Json();
    list.push_back(std::move(figures));
  }
  return list;
}

Json Collector::baselines(const Json& rounds, const Json& accuracy) const {
  Json single, vote;
  if (!rounds.empty() && rounds[0].contains("per_agent")) {
    double sum = 0;
    std::uint64_t n = 0;
    const Json& agents = rounds[0]["per_agent"];
    const bool judged =
        batch_.info().params.is_object() && batch_.info().params.value("protocol", std::string()) == "adversarial";
    for (std::size_t i = 0; i + (judged ? 1 : 0) < agents.size(); ++i) {  // a judge has read the others
      const Json& agent = agents[i];
      if (agent["accuracy"].is_null()) continue;
      sum += agent["accuracy"].get<double>();
      ++n;
    }
    if (n > 0) single = sum / static_cast<double>(n);
    vote = rounds[0]["accuracy"];
  }
  return {{"single", single}, {"self_consistency", vote}, {"debate", accuracy}};
}

Json Collector::cost_figures(const DebateCost& cost, std::uint64_t correct) const {
  const auto each = [&](double whole) { return correct == 0 ? Json() : Json(whole / static_cast<double>(correct)); };
  const auto known = [&](Json value) { return recorded_ ? value : Json(); };
  const std::int64_t tokens = cost.in + cost.out;
  return {{"calls", cost.calls},
          {"tokens_in", known(cost.in)},
          {"tokens_out", known(cost.out)},
          {"tokens", known(tokens)},
          {"cost_usd", known(to_usd(cost.money))},
          {"calls_per_correct", each(static_cast<double>(cost.calls))},
          {"tokens_per_correct", known(each(static_cast<double>(tokens)))},
          {"cost_per_correct", known(each(to_usd(cost.money)))}};
}

Json Collector::rules() const {
  Json figures = Json::object();
  for (const OtherRule& rule : rules_) {
    if (rule.n == 0) continue;
    figures[rule.name] = {{"n", rule.n},
                          {"correct", rule.correct},
                          {"accuracy", share(rule.correct, rule.n)},
                          {"unextracted", rule.unextracted},
                          {"no_answer", rule.no_answer}};
  }
  return figures;
}

Json Collector::figures() const {
  Json f = tally_figures(all_);
  f["dropped"] = dropped_;
  const Json rows = rounds();
  f["baselines"] = baselines(rows, f["accuracy"]);
  f["rounds"] = rows;
  f["flips"] = Json::array();
  f["question_flips"] = Json::array();
  const auto held = tally_.rounds();
  for (std::size_t i = 1; i < held.size(); ++i) {
    f["flips"].push_back(tally_.flips(held[i - 1], held[i]));
    f["question_flips"].push_back(tally_.question_flips(held[i - 1], held[i]));
  }
  f["effect"] = held.size() > 1 ? tally_.effect(held.front(), held.back()) : Json();
  f["early_stop"] = stops_.figures();
  f["rules"] = rules();
  DebateCost whole;
  for (const DebateCost& cost : costs_) whole += cost;
  f["cost"] = cost_figures(whole, all_.correct);
  const std::uint64_t first_right = rows.empty() ? 0 : rows[0].value("correct", std::uint64_t{0});
  f["cost"]["round_1"] = cost_figures(costs_.size() > 1 ? costs_[1] : DebateCost(), first_right);
  if (judged_ > 0) {
    f["majority"] = {{"n", judged_}, {"correct", majority_correct_}, {"accuracy", share(majority_correct_, judged_)}};
  }
  f["categories"] = category_figures(categories_);
  return f;
}

}  // namespace

Json debate_figures(const BatchView& batch) { return Collector(batch).figures(); }

}  // namespace assay
