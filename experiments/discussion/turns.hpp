#pragma once
// Who speaks next: the turn policies, drawn from the design's own stream. Specs: discussion.md 4.1. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/discussion/design.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

/// As typed, in any case, with - for _; nullopt: none of them. random_weighted stands for `respond`.
std::optional<std::string> turn_policy_name(std::string_view text);
std::vector<std::string> turn_policies();
/// P(t_i = t_{i-2}) of a policy with n users; NaN: it has none.
double expected_two_before(const std::string& policy, double p_respond, std::size_t n);

class TurnOrder {
 public:
  TurnOrder(const DiscussionSettings& settings, const DiscussionDesign& design);

  /// From the next turn on by these settings (forks): the streams go on where they are, with `reseed` anew from it.
  void go_on_with(const DiscussionSettings& settings, std::optional<std::uint64_t> reseed = {});

  /// The speakers that the design names no longer count: a policy takes their place.
  void forget_speakers() { key_.speakers.clear(); }

  /// Position among the design's users of who speaks in the next turn; nullopt: nobody is left. For the policy `llm`,
  /// what its selector falls back on is not known here: see needs_selector.
  std::optional<std::size_t> next();
  /// The policy asks a model: the turn's speaker comes through choose() instead of next().
  bool needs_selector() const;
  /// Whom the reply names: the longest name of a participant other than the last speaker, as written, else in any case.
  std::optional<std::size_t> named_in(std::string_view reply) const;
  /// Of the stream `selector`, among those who may speak.
  std::size_t fallback();
  /// The next turn is this user's.
  void choose(std::size_t user);
  /// Leaves the list for good.
  void ban(std::size_t user);
  bool everybody_banned() const;

 private:
  void take(const DiscussionSettings& settings);
  std::vector<std::size_t> present() const;
  std::vector<std::size_t> others() const;
  bool can_speak(std::size_t user) const { return !banned_[user]; }
  std::size_t in_rotation();
  std::size_t responding();
  std::size_t in_shuffled_cycle();
  std::size_t by_weight();
  std::size_t in_fixed_order();

  DiscussionDesign key_;  ///< without its users and openings: what the streams are named by
  std::string policy_;
  double p_respond_ = 0;
  bool biased_start_ = false;
  std::vector<std::string> names_;
  std::vector<double> weights_;
  std::vector<std::size_t> fixed_, cycle_;
  std::vector<bool> banned_;
  NamedStream turns_, selector_;
  std::vector<std::size_t> said_;  ///< speakers of the turns so far
  std::size_t in_cycle_ = 0, in_fixed_ = 0;
};

}  // namespace assay
