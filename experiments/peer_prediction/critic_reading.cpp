#include <algorithm>
#include <cmath>

#include "core/text/utf8.hpp"
#include "experiments/peer_prediction/critics.hpp"

namespace assay {
namespace {

/// The words that other programs look for in place of the shipped labels.
std::string_view word_looked_for(const std::string& label) {
  if (label == "Significant Gain") return "Significant";
  if (label == "Little Gain") return "Little";
  return label;
}

Reading read_as_upstream(const PeerSettings& settings, std::string_view text) {
  Reading reading;
  reading.status = ReadStatus::lenient;
  for (const auto& [label, value] : settings.critic_labels) {
    if (text.find(word_looked_for(label)) == std::string_view::npos) continue;
    reading.verdict = label;
    reading.value = value;
    return reading;
  }
  const auto lowest = std::min_element(settings.critic_labels.begin(), settings.critic_labels.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
  reading.value = lowest == settings.critic_labels.end() ? 0 : lowest->second;
  return reading;
}

}  // namespace

ReadingRules critic_rules(const PeerSettings& settings) {
  ReadingRules rules;
  rules.mode = JudgeMode::choice;
  rules.labels.name = "choices";
  for (const auto& [label, value] : settings.critic_labels) {
    rules.labels.labels.push_back({{to_lower(std::string_view(label))}, label, value, 1});
  }
  return rules;
}

void weigh_critic(const PeerSettings& settings, const std::vector<std::pair<std::string, double>>& alternatives,
                  Reading& reading) {
  reading.weighted = true;
  reading.value = kUndefined;
  reading.mass = 0;
  reading.probabilities.clear();
  for (const auto& [label, value] : settings.critic_labels) reading.probabilities.emplace_back(label, 0.0);
  double sum = 0;
  for (const auto& [token, logprob] : alternatives) {
    const std::string begins = to_lower(bare(token));
    if (begins.empty()) continue;
    std::optional<std::size_t> meant;
    std::size_t fitting = 0;
    for (std::size_t k = 0; k < settings.critic_labels.size(); ++k) {
      if (!to_lower(std::string_view(settings.critic_labels[k].first)).starts_with(begins)) continue;
      meant = k;
      ++fitting;
    }
    if (fitting != 1) continue;
    reading.probabilities[*meant].second += std::exp(logprob);
    reading.mass += std::exp(logprob);
    sum += settings.critic_labels[*meant].second * std::exp(logprob);
  }
  if (reading.mass > 0) reading.value = sum / reading.mass;
}

Reading read_critic(const PeerSettings& settings, const ReplyToRead& reply) {
  if (settings.parse == "upstream") return read_as_upstream(settings, reply.text);
  const ReadingRules rules = critic_rules(settings);
  ReplyToRead plain = reply;
  plain.tokens = nullptr;
  Reading reading = read_verdict(rules, plain);
  if (reading.status == ReadStatus::lenient) {
    // Rule (5), a text that begins with a label, is not for critics: markup in front hides the beginning from it alone.
    const std::string guarded = "#\n" + without_thinking(reply.text);
    if (!is_read(read_verdict(rules, {guarded}).status)) {
      reading = {};
      reading.status = reply.cut ? ReadStatus::truncated : ReadStatus::failed;
    }
  }
  if (reply.tokens != nullptr && is_read(reading.status)) {
    const std::size_t at = verdict_token(rules, reply.text, *reply.tokens);
    weigh_critic(
        settings,
        at < reply.tokens->size() ? (*reply.tokens)[at].alternatives : std::vector<std::pair<std::string, double>>(),
        reading);
  }
  return reading;
}

}  // namespace assay
