#pragma once
// From the replies of a round to one answer: values by extraction, confidence, votes. Specs: debate.md 6, 7, 8.
// A DebateReader is immutable: any thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/score.hpp"
#include "experiments/debate/transcript.hpp"
#include "experiments/qa/item.hpp"
#include "experiments/qa/scoring.hpp"

namespace assay {

/// The phases of critic_synth as rounds.
inline constexpr std::uint32_t kCritiqueRound = 2, kSynthesisRound = 3;

/// What one round came to. `values`, `confidence`: one per agent; an agent without a reply in the round has no value
/// and is in `dropped`. In critic_synth: round 1 the solutions, round 3 one value, the synthesizer's.
struct RoundReading {
  std::uint32_t round = 0;
  std::vector<std::optional<std::string>> values;
  std::vector<double> confidence;                     // weight of the vote; empty when votes are not weighted
  std::vector<std::pair<std::string, double>> votes;  // in order of the first holder
  std::optional<std::string> aggregate;
  bool tied = false;
  std::vector<std::size_t> dropped;
  std::optional<std::size_t> silent;  // the judge, in a round in which it is not asked: neither counts nor is missed
};
Json to_json(const RoundReading& reading);
/// The inverse, without `silent`; nullopt for another shape.
std::optional<RoundReading> round_reading_from(const Json& value);
/// All agents that are asked have a value, and it is one.
bool is_unanimous(const RoundReading& reading);

class DebateReader {
 public:
  /// From the resolved parameters of a batch (with what `evaluate` changes): protocol, extract, match, tol,
  /// unextracted, aggregate, tie, confidence, confidence_scale; `weights`: confidence_weight of each agent, {} for 1.
  DebateReader(const Json& params, std::vector<double> weights);

  /// The value of a reply, in the form in which values vote and compare.
  Found value(const Item& item, std::string_view reply) const;
  bool right(const Item& item, const std::optional<std::string>& value) const;

  /// One round. `agents`: how many there are, also when some never spoke. `random` breaks ties under tie=random.
  RoundReading read(const Item& item, const Transcript& transcript, std::size_t agents, std::uint32_t round,
                    const std::function<std::uint64_t()>& random) const;
  /// Every round that has a reply, in order (adversarial: debaters and judge; critic_synth: 1 and 3).
  std::vector<RoundReading> read_all(const Item& item, const Transcript& transcript, std::size_t agents,
                                     const std::function<std::uint64_t()>& random) const;

  /// The first round after which the debate would have ended under a rule (`unanimous`, `votes:K`, `stable:R`), looked
  /// at from `min_rounds` on; nullopt: it would have gone on to its end.
  std::optional<std::uint32_t> stops_after(const std::string& rule, std::uint32_t min_rounds,
                                           const std::vector<RoundReading>& rounds) const;

  const Scorer& scorer() const { return scorer_; }
  const std::string& aggregate() const { return aggregate_; }
  /// Whether a tied vote is drawn.
  bool draws() const { return tie_ == "random"; }
  /// Whether the last agent is a judge.
  bool judged() const { return protocol_ == "adversarial"; }

 private:
  double confidence_of(const Item& item, const Transcript& transcript, std::size_t agent, std::uint32_t round) const;
  void vote(RoundReading& reading, const std::function<std::uint64_t()>& random) const;

  Scorer scorer_;
  std::string protocol_, aggregate_, tie_, confidence_;
  bool reconcile_ = false;
  std::vector<double> weights_;
  std::optional<std::size_t> chosen_;  // agent:I
  std::uint32_t least_ = 0;            // majority_min:K
};

/// What a reply says of its confidence, 0 to 1: the last "confidence: 80 %"; 0.5 when it says nothing.
double stated_confidence(std::string_view reply);
/// ReConcile's scale (Chen, Saha, Bansal 2023, arXiv 2309.13007): up to .6 -> .1, below .8 -> .3, below .9 -> .5,
/// below 1 -> .8, 1 -> 1.
double reconcile_scale(double confidence);

}  // namespace assay
