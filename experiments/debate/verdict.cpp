#include "experiments/debate/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text/error.hpp"
#include "core/text/pattern.hpp"

namespace assay {
namespace {

/// Sums of weights that differ by less are a tie.
constexpr double kSameWeight = 1e-9;

std::uint32_t number_after(const std::string& text, std::string_view prefix, const char* parameter) {
  const std::string digits = text.substr(prefix.size());
  if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) {
    throw Error("usage", std::string(parameter) + "=" + text + ": expected a whole number after the colon");
  }
  return static_cast<std::uint32_t>(std::stoul(digits));
}

std::string default_aggregate(const std::string& protocol) {
  if (protocol == "critic_synth") return "synthesizer";
  return protocol == "adversarial" ? "judge" : "majority";
}

}  // namespace

bool is_unanimous(const RoundReading& round) {
  const std::optional<std::string>* first = nullptr;
  for (std::size_t i = 0; i < round.values.size(); ++i) {
    if (round.silent == i) continue;
    if (!round.values[i]) return false;
    if (first == nullptr) first = &round.values[i];
    if (*first != round.values[i]) return false;
  }
  return first != nullptr;
}

double stated_confidence(std::string_view reply) {
  static const Pattern stated(R"((?i)confidence\s*(?:is|:)?[\s*]*(\d{1,3})(?:\.\d+)?\s*%)");
  constexpr double kUnsaid = 0.5;
  const auto all = stated.find_all(reply);
  if (all.empty()) return kUnsaid;
  return std::min(1.0, std::stod(std::string(all.back().groups.at(1).value_or("0"))) / 100);
}

double reconcile_scale(double confidence) {
  if (confidence <= 0.6) return 0.1;
  if (confidence < 0.8) return 0.3;
  if (confidence < 0.9) return 0.5;
  return confidence < 1 ? 0.8 : 1;
}

Json to_json(const RoundReading& reading) {
  Json values = Json::array(), votes = Json::object();
  for (const auto& value : reading.values) values.push_back(value ? Json(*value) : Json());
  for (const auto& [value, weight] : reading.votes) {
    const bool whole = weight == std::floor(weight);
    votes[value] = whole ? Json(static_cast<std::int64_t>(weight)) : Json(weight);
  }
  return {{"round", reading.round},           {"values", std::move(values)},
          {"confidence", reading.confidence}, {"aggregate", reading.aggregate ? Json(*reading.aggregate) : Json()},
          {"votes", std::move(votes)},        {"tied", reading.tied},
          {"dropped", reading.dropped}};
}

std::optional<RoundReading> round_reading_from(const Json& value) {
  const auto text = [](const Json& one) {
    return one.is_string() ? std::optional(one.get<std::string>()) : std::nullopt;
  };
  RoundReading reading;
  try {
    reading.round = value.at("round").get<std::uint32_t>();
    for (const Json& one : value.at("values")) reading.values.push_back(text(one));
    reading.confidence = value.at("confidence").get<std::vector<double>>();
    reading.aggregate = text(value.at("aggregate"));
    for (const auto& [name, weight] : value.at("votes").items()) reading.votes.emplace_back(name, weight.get<double>());
    reading.tied = value.at("tied").get<bool>();
    reading.dropped = value.at("dropped").get<std::vector<std::size_t>>();
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  return reading;
}

DebateReader::DebateReader(const Json& params, std::vector<double> weights)
    : scorer_(params),
      protocol_(params.value("protocol", std::string("collaborative"))),
      aggregate_(params.value("aggregate", default_aggregate(protocol_))),
      tie_(params.value("tie", std::string("first"))),
      confidence_(params.value("confidence", std::string("none"))),
      reconcile_(params.value("confidence_scale", std::string("linear")) == "reconcile"),
      weights_(std::move(weights)) {
  if (aggregate_.starts_with("agent:")) chosen_ = number_after(aggregate_, "agent:", "aggregate");
  if (aggregate_.starts_with("majority_min:")) least_ = number_after(aggregate_, "majority_min:", "aggregate");
  const bool known = chosen_ || least_ > 0 || aggregate_ == "majority" || aggregate_ == "weighted" ||
                     aggregate_ == "judge" || aggregate_ == "synthesizer";
  if (!known) {
    throw Error("usage", "aggregate=" + aggregate_ + " is not known", {},
                "majority, weighted, majority_min:K, judge, synthesizer, agent:I");
  }
}

Found DebateReader::value(const Item& item, std::string_view reply) const { return scorer_.find(item, reply); }

bool DebateReader::right(const Item& item, const std::optional<std::string>& value) const {
  return value && !item.answer.is_null() && scorer_.matches(item, *value);
}

/// How sure an agent is: as it says, or the share of its most frequent value over its rounds up to this one.
double DebateReader::confidence_of(const Item& item, const Transcript& transcript, std::size_t agent,
                                   std::uint32_t round) const {
  double confidence = 1;
  if (confidence_ == "stated") {
    confidence = stated_confidence(transcript.reply(agent, round).value_or(""));
  } else if (confidence_ == "self") {
    std::map<std::string, int> counts;
    int rounds = 0, most = 0;
    for (const Transcript::Turn& turn : transcript.turns()) {
      if (turn.agent != agent || turn.round > round) continue;
      ++rounds;
      if (const auto found = value(item, turn.content).value) most = std::max(most, ++counts[*found]);
    }
    confidence = rounds == 0 ? 0 : static_cast<double>(most) / rounds;
  }
  return reconcile_ ? reconcile_scale(confidence) : confidence;
}

void DebateReader::vote(RoundReading& reading, const std::function<std::uint64_t()>& random) const {
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    if (!reading.values[i]) continue;
    double weight = 1;
    if (aggregate_ == "weighted") {
      weight = (i < weights_.size() ? weights_[i] : 1) * (i < reading.confidence.size() ? reading.confidence[i] : 1);
    }
    const auto held = std::find_if(reading.votes.begin(), reading.votes.end(),
                                   [&](const auto& one) { return one.first == *reading.values[i]; });
    if (held == reading.votes.end()) {
      reading.votes.emplace_back(*reading.values[i], weight);
    } else {
      held->second += weight;
    }
  }
  double most = 0;
  for (const auto& one : reading.votes) most = std::max(most, one.second);
  std::vector<const std::string*> best;
  for (const auto& [value, weight] : reading.votes) {
    if (weight > most - kSameWeight) best.push_back(&value);
  }
  reading.tied = best.size() > 1;
  if (best.empty() || most + kSameWeight < static_cast<double>(least_)) return;
  if (!reading.tied || tie_ == "first") {
    reading.aggregate = *best.front();
  } else if (tie_ == "random") {
    reading.aggregate = *best[random() % best.size()];
  }
}

RoundReading DebateReader::read(const Item& item, const Transcript& transcript, std::size_t agents, std::uint32_t round,
                                const std::function<std::uint64_t()>& random) const {
  RoundReading reading;
  reading.round = round;
  const bool last_phase = protocol_ == "critic_synth" && round == kSynthesisRound;
  if (last_phase) {
    const auto messages = transcript.part(kSynthesizer);
    const bool replied = !messages.empty() && messages.back().role == "assistant";
    reading.values.push_back(replied ? value(item, messages.back().content).value : std::nullopt);
    if (!replied) reading.dropped.push_back(0);
  } else {
    for (std::size_t i = 0; i < agents; ++i) {
      const auto reply = transcript.reply(i, round);
      reading.values.push_back(reply ? value(item, *reply).value : std::nullopt);
      const bool judge = protocol_ == "adversarial" && i + 1 == agents;
      if (!reply && judge) reading.silent = i;
      if (!reply && !judge) reading.dropped.push_back(i);
    }
    if (confidence_ != "none") {
      for (std::size_t i = 0; i < agents; ++i) {
        reading.confidence.push_back(confidence_of(item, transcript, i, round));
      }
    }
  }
  vote(reading, random);
  if (last_phase) return reading;
  const auto of_agent = [&](std::size_t i) { return i < reading.values.size() ? reading.values[i] : std::nullopt; };
  if (chosen_) reading.aggregate = of_agent(*chosen_);
  if (aggregate_ == "judge") {
    reading.aggregate = std::nullopt;
    // A judge that is asked only at the end has the last word there.
    if (agents > 0) reading.aggregate = of_agent(agents - 1);
  }
  return reading;
}

std::vector<RoundReading> DebateReader::read_all(const Item& item, const Transcript& transcript, std::size_t agents,
                                                 const std::function<std::uint64_t()>& random) const {
  std::vector<RoundReading> rounds;
  for (std::uint32_t round = 1; round <= transcript.rounds(); ++round) {
    if (protocol_ == "critic_synth" && round == kCritiqueRound) continue;
    rounds.push_back(read(item, transcript, agents, round, random));
  }
  return rounds;
}

std::optional<std::uint32_t> DebateReader::stops_after(const std::string& rule, std::uint32_t min_rounds,
                                                       const std::vector<RoundReading>& rounds) const {
  const auto votes = rule.starts_with("votes:") ? number_after(rule, "votes:", "stop") : 0;
  const auto stable = rule.starts_with("stable:") ? number_after(rule, "stable:", "stop") : 0;
  std::uint32_t same = 0;
  std::optional<std::string> before;
  for (const RoundReading& round : rounds) {
    same = round.aggregate && round.aggregate == before ? same + 1 : round.aggregate ? 1 : 0;
    before = round.aggregate;
    if (round.round < min_rounds) continue;
    std::size_t most = 0;
    for (const auto& value : round.values) {
      if (value)
        most = std::max(most, static_cast<std::size_t>(std::count(round.values.begin(), round.values.end(), value)));
    }
    if (rule == "unanimous" && is_unanimous(round)) return round.round;
    if (votes > 0 && most >= votes) return round.round;
    if (stable > 0 && same >= stable) return round.round;
  }
  return std::nullopt;
}

}  // namespace assay
