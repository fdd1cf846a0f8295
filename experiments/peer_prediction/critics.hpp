#pragma once
// Critics and judges that need no model, the reading of a critic that is one, attacks. Specs: peer_prediction.md 5, 8.
// Pure functions: any thread. Who is paired with whom: pairing.hpp.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "runners/judge/reading.hpp"

namespace assay {

/// The preset critic of synthetic agents: 1 when P(x, y) > P(x) P(y) + 1e-12 for agents (i, j), else 0; NaN for a text
/// that is none of the texts. The preset judge: 1 when x > y, else 0.
class PresetCritic {
 public:
  explicit PresetCritic(const PeerSynthetic& synthetic);
  double compare(std::size_t i, std::size_t j, std::string_view x, std::string_view y) const;
  double judge(std::string_view x, std::string_view y) const;
  /// Truth: total variation of the joint of (i, j) against the product; P(x_i > x_j).
  double tvd_mi(std::size_t i, std::size_t j) const;
  double wins(std::size_t i, std::size_t j) const;
  /// The value that a text stands for; nullopt: none.
  std::optional<std::size_t> value(std::string_view text) const;
  /// compare() of values; NaN for one that the agent doesn't take.
  double compare_values(std::size_t i, std::size_t j, std::size_t a, std::size_t b) const;

 private:
  const std::vector<double>& joint(std::size_t i, std::size_t j) const { return pairs_.at(i * levels_.size() + j); }
  double product(std::size_t i, std::size_t j, std::size_t a, std::size_t b) const;

  std::vector<std::size_t> levels_;
  std::vector<std::string> texts_;
  std::vector<std::vector<double>> marginals_;  // by agent
  std::vector<std::vector<double>> pairs_;      // i * n + j: joint of the two, row-major
};

/// The values that task `t` (its id) draws: stream "{seed}//{t}/synthetic", one unit(), cumulative in row-major order.
std::vector<std::size_t> synthetic_values(const PeerSynthetic& synthetic, std::uint64_t seed, const std::string& task);

/// Words of the keyword critic (5.3).
using WordSet = std::set<std::string>;
WordSet keyword_words(std::string_view text);
/// 1 when common / (x + y - common) > 0.1, else 0; no words at all: 0. Numbers of words.
double keyword_rule(std::size_t common, std::size_t x, std::size_t y);
double keyword_compare(const WordSet& x, const WordSet& y);
/// 1 when x is longer in code points, else 0.
double length_judge(std::string_view x, std::string_view y);

/// A critic's reply. parse=strict: judge.md 6.1, rules (1) to (4), with the labels of the settings; with logprobs=K the
/// value is weighted at the token where the label begins, an alternative counting for the one label that begins with it
/// (no tokens, or none that is the beginning of a label: no value). parse=upstream: the first of the labels, in their
/// order, that occurs anywhere, "Significant" and "Little" being enough of the shipped ones; else the lowest value.
Reading read_critic(const PeerSettings& settings, const ReplyToRead& reply);
/// The rules that read_critic and verdict_token read by.
ReadingRules critic_rules(const PeerSettings& settings);
/// The weighted value of a reading, from what stood at the token where its label begins.
void weigh_critic(const PeerSettings& settings, const std::vector<std::pair<std::string, double>>& alternatives,
                  Reading& reading);

/// The response as attack= changes it.
std::string attacked(const std::string& attack, const std::string& response, const std::string& context);

}  // namespace assay
