#include "experiments/debate/tally.hpp"

#include <algorithm>
#include <set>

#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

using Agent = RoundMarks::Agent;

Json share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? Json() : Json(static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

RoundMarks marks_of(const DebateReader& reader, const Item& item, const RoundReading& reading) {
  RoundMarks marks;
  marks.round = reading.round;
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    const auto& value = reading.values[i];
    const bool dropped = std::find(reading.dropped.begin(), reading.dropped.end(), i) != reading.dropped.end();
    const bool right = reader.right(item, value);
    const bool absent = dropped || reading.silent == i;
    if (!absent && !value) ++marks.unextracted;
    const bool unmarked = absent || item.answer.is_null();  // without a right answer nobody is wrong
    marks.agents.push_back(unmarked ? Agent::absent : right ? Agent::right : Agent::wrong);
    marks.any_correct = marks.any_correct || right;
  }
  marks.dropped = static_cast<std::uint32_t>(reading.dropped.size());
  marks.no_answer = !reading.aggregate;
  marks.unanimous = is_unanimous(reading);
  marks.disagree = reading.votes.size() > 1;
  marks.tied = reading.tied;
  marks.correct = reader.right(item, reading.aggregate);
  const bool unasked = reading.silent && reader.aggregate() == "judge";
  const bool unscored = !reading.aggregate && reader.scorer().unextracted_is_null();
  marks.scored = !item.answer.is_null() && !unasked && !unscored;
  return marks;
}

DebateCost& DebateCost::operator+=(const DebateCost& other) {
  calls += other.calls;
  in += other.in;
  out += other.out;
  money += other.money;
  return *this;
}

const RoundMarks* DebateMarks::at(std::uint32_t round) const {
  for (const RoundMarks& marks : rounds) {
    if (marks.round == round) return &marks;
  }
  const bool ended = status == Status::complete && round > asked && !rounds.empty();
  return ended ? &rounds.back() : nullptr;
}

bool DebateMarks::missing(std::uint32_t round) const {
  if (at(round) != nullptr) return false;
  return status == Status::fail || (status == Status::complete && round <= asked);
}

std::vector<std::uint32_t> DebateTally::rounds() const {
  std::set<std::uint32_t> numbers;
  for (const DebateMarks& debate : debates_) {
    for (const RoundMarks& marks : debate.rounds) numbers.insert(marks.round);
  }
  return {numbers.begin(), numbers.end()};
}

Json DebateTally::round(std::uint32_t round) const {
  std::uint64_t n = 0, scored = 0, correct = 0, unextracted = 0, no_answer = 0, unanimous = 0, disagree = 0, tied = 0,
                any_correct = 0, missing = 0, carried = 0, dropped = 0;
  std::vector<double> values;
  std::vector<std::uint32_t> items;
  struct AgentCount {
    std::uint64_t n = 0, correct = 0;
  };
  std::vector<AgentCount> agents;
  for (const DebateMarks& debate : debates_) {
    if (debate.missing(round)) ++missing;
    const RoundMarks* marks = debate.at(round);
    if (marks == nullptr) continue;
    ++n;
    if (marks->round != round) {
      ++carried;
    } else {
      dropped += marks->dropped;
    }
    unextracted += marks->unextracted;
    no_answer += marks->no_answer ? 1 : 0;
    unanimous += marks->unanimous ? 1 : 0;
    disagree += marks->disagree ? 1 : 0;
    tied += marks->tied ? 1 : 0;
    any_correct += marks->any_correct ? 1 : 0;
    if (agents.size() < marks->agents.size()) agents.resize(marks->agents.size());
    for (std::size_t i = 0; i < marks->agents.size(); ++i) {
      if (marks->agents[i] == Agent::absent) continue;
      ++agents[i].n;
      if (marks->agents[i] == Agent::right) ++agents[i].correct;
    }
    if (!marks->scored) continue;
    ++scored;
    if (marks->correct) ++correct;
    values.push_back(marks->correct ? 1 : 0);
    items.push_back(debate.item);
  }
  Json per_agent = Json::array();
  for (const AgentCount& agent : agents) {
    per_agent.push_back({{"n", agent.n}, {"correct", agent.correct}, {"accuracy", share(agent.correct, agent.n)}});
  }
  return {{"round", round},
          {"n", n},
          {"scored", scored},
          {"correct", correct},
          {"accuracy", share(correct, scored)},
          {"ci95", low_high(proportion(values, items, Quantile::z))},
          {"per_agent", std::move(per_agent)},
          {"unextracted", unextracted},
          {"no_answer", no_answer},
          {"unanimous", unanimous},
          {"disagree", disagree},
          {"tied", tied},
          {"any_correct", any_correct},
          {"missing", missing},
          {"carried", carried},
          {"dropped", dropped}};
}

Json DebateTally::flips(std::uint32_t from, std::uint32_t to) const {
  std::uint64_t counts[2][2] = {};
  for (const DebateMarks& debate : debates_) {
    const RoundMarks *before = debate.at(from), *after = debate.at(to);
    // Phases of critic and synthesizer have no agents in common.
    if (before == nullptr || after == nullptr || before->agents.size() != after->agents.size()) continue;
    for (std::size_t i = 0; i < before->agents.size(); ++i) {
      const Agent a = before->agents[i], b = after->agents[i];
      if (a == Agent::absent || b == Agent::absent) continue;
      ++counts[a == Agent::right ? 1 : 0][b == Agent::right ? 1 : 0];
    }
  }
  return {{"from", from},
          {"to", to},
          {"right->right", counts[1][1]},
          {"right->wrong", counts[1][0]},
          {"wrong->right", counts[0][1]},
          {"wrong->wrong", counts[0][0]}};
}

/// Questions that are scored in two rounds.
struct DebateTally::Pairs {
  std::vector<double> differences;
  std::vector<std::uint32_t> items;
  std::uint64_t gained = 0, lost = 0;
};

DebateTally::Pairs DebateTally::pairs(std::uint32_t from, std::uint32_t to) const {
  Pairs pairs;
  for (const DebateMarks& debate : debates_) {
    const RoundMarks *before = debate.at(from), *after = debate.at(to);
    if (before == nullptr || after == nullptr || !before->scored || !after->scored) continue;
    pairs.differences.push_back((after->correct ? 1.0 : 0.0) - (before->correct ? 1.0 : 0.0));
    pairs.items.push_back(debate.item);
    if (!before->correct && after->correct) ++pairs.gained;
    if (before->correct && !after->correct) ++pairs.lost;
  }
  return pairs;
}

Json DebateTally::question_flips(std::uint32_t from, std::uint32_t to) const {
  const Pairs both = pairs(from, to);
  return {{"from", from},
          {"to", to},
          {"gained", both.gained},
          {"lost", both.lost},
          {"p_exact", mcnemar_exact(both.gained, both.lost)}};
}

Json DebateTally::effect(std::uint32_t from, std::uint32_t to) const {
  const Pairs both = pairs(from, to);
  Figure difference = paired_interval(both.differences, both.items);
  difference.low = std::max(difference.low, -1.0);
  difference.high = std::min(difference.high, 1.0);
  return {{"from", from},
          {"to", to},
          {"n", both.differences.size()},
          {"difference", both.differences.empty() ? Json() : Json(difference.value)},
          {"ci95", low_high(difference)},
          {"gained", both.gained},
          {"lost", both.lost},
          {"p_exact", mcnemar_exact(both.gained, both.lost)}};
}

void EarlyStops::stop(Change& change, std::uint32_t at, const DebateReader& reader, const Item& item,
                      const std::vector<RoundReading>& rounds, const std::vector<std::uint64_t>& calls) const {
  for (std::size_t k = at + 1; k < calls.size(); ++k) change.saved += calls[k];
  const auto there = std::find_if(rounds.begin(), rounds.end(), [&](const auto& round) { return round.round == at; });
  change.correct +=
      (reader.right(item, there->aggregate) ? 1 : 0) - (reader.right(item, rounds.back().aggregate) ? 1 : 0);
}

void EarlyStops::add(const DebateReader& reader, const Item& item, const std::vector<RoundReading>& rounds,
                     const std::vector<std::uint64_t>& calls, std::uint32_t min_rounds) {
  if (rounds.empty()) return;
  for (const std::uint64_t n : calls) calls_ += n;
  if (reader.right(item, rounds.back().aggregate)) ++correct_;
  const auto stops = [&](const std::string& rule, Change& change) {
    if (const auto at = reader.stops_after(rule, min_rounds, rounds)) stop(change, *at, reader, item, rounds, calls);
  };
  stops("unanimous", unanimous_);
  for (std::size_t k = 2; k <= rounds.front().values.size(); ++k) stops("votes:" + std::to_string(k), votes_[k]);
}

Json EarlyStops::figures() const {
  Json figures = Json::object();
  const auto put = [&](const std::string& rule, const Change& change) {
    figures[rule] = {
        {"calls", calls_ - change.saved}, {"calls_without", calls_}, {"correct", correct_ + change.correct}};
  };
  if (calls_ == 0) return figures;
  put("unanimous", unanimous_);
  for (const auto& [k, change] : votes_) put("votes:" + std::to_string(k), change);
  return figures;
}

}  // namespace assay
