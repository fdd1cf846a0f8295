#include "experiments/discussion/turns.hpp"

#include <algorithm>
#include <limits>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {

std::vector<std::string> turn_policies() {
  return {"round_robin",
          "round_robin_random_start",
          "respond",
          "random",
          "random_weighted",
          "random_weighted_legacy",
          "shuffle_cycle",
          "random_with_replacement",
          "weighted",
          "fixed",
          "llm"};
}

std::optional<std::string> turn_policy_name(std::string_view text) {
  std::string name = ascii_lower(text);
  std::replace(name.begin(), name.end(), '-', '_');
  const auto known = turn_policies();
  if (std::find(known.begin(), known.end(), name) == known.end()) return std::nullopt;
  return name;
}

double expected_two_before(const std::string& policy, double p_respond, std::size_t n) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (n < 2) return kNone;
  const double others = static_cast<double>(n) - 1;
  if (policy == "respond" || policy == "random_weighted") return p_respond + (1 - p_respond) / others;
  if (policy == "random" || policy == "random_weighted_legacy") return 1 / others;
  if (policy == "random_with_replacement") return 1 / static_cast<double>(n);
  if (policy.starts_with("round_robin")) return n > 2 ? 0 : 1;
  return kNone;
}

TurnOrder::TurnOrder(const DiscussionSettings& settings, const DiscussionDesign& design)
    : banned_(design.users.size(), false),
      turns_(design_stream(design, "turns")),
      selector_(design_stream(design, "selector")) {
  for (const Participant& user : design.users) names_.push_back(user.name);
  key_.seed = design.seed;
  key_.cell = design.cell;
  key_.index = design.index;
  key_.speakers = design.speakers;
  take(settings);
}

void TurnOrder::take(const DiscussionSettings& settings) {
  const bool designed = !key_.speakers.empty();
  policy_ = designed ? "fixed" : settings.turn_policy;
  p_respond_ = settings.p_respond;
  biased_start_ = settings.biased_start;
  fixed_.clear();
  for (const std::string& name : designed ? key_.speakers : settings.speakers) {
    const auto user = std::find(names_.begin(), names_.end(), name);
    if (user == names_.end()) throw Error("usage", name + " is none of the participants", "speakers");
    fixed_.push_back(static_cast<std::size_t>(user - names_.begin()));
  }
  if (policy_ == "fixed" && fixed_.empty()) throw Error("usage", "turn_policy=fixed needs speakers", "speakers");
  weights_.assign(names_.size(), 1);
  if (!settings.weights.is_object()) return;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (const auto weight = settings.weights.find(names_[i]); weight != settings.weights.end())
      weights_[i] = weight->get<double>();
  }
}

void TurnOrder::go_on_with(const DiscussionSettings& settings, std::optional<std::uint64_t> reseed) {
  const std::string before = policy_;
  take(settings);
  // A policy of cycles that takes over begins one of its own.
  if (policy_ != before) cycle_.clear();
  if (!reseed) return;
  DiscussionDesign anew = key_;
  anew.seed = *reseed;
  turns_ = design_stream(anew, "turns");
  selector_ = design_stream(anew, "selector");
  cycle_.clear();
}

std::vector<std::size_t> TurnOrder::present() const {
  std::vector<std::size_t> users;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (can_speak(i)) users.push_back(i);
  }
  return users;
}

/// Those who may speak but the last speaker; he alone when there is nobody else.
std::vector<std::size_t> TurnOrder::others() const {
  std::vector<std::size_t> users = present();
  if (users.size() > 1 && !said_.empty()) std::erase(users, said_.back());
  return users;
}

std::size_t TurnOrder::in_rotation() {
  const std::size_t n = names_.size();
  std::size_t at = 0;
  if (!said_.empty()) {
    at = (said_.back() + 1) % n;
  } else if (policy_ == "round_robin_random_start") {
    at = biased_start_ ? turns_.below(n + 1) % n : turns_.below(n);
  }
  while (!can_speak(at)) at = (at + 1) % n;
  return at;
}

std::size_t TurnOrder::responding() {
  const std::vector<std::size_t> choice = others();
  const bool coin = policy_ == "respond" || policy_ == "random_weighted";
  if (coin && said_.size() >= 2 && turns_.unit() < p_respond_) {
    const std::size_t two_before = said_[said_.size() - 2];
    if (can_speak(two_before)) return two_before;
  }
  return choice[turns_.below(choice.size())];
}

std::size_t TurnOrder::in_shuffled_cycle() {
  for (;;) {
    if (in_cycle_ >= cycle_.size()) {
      const std::vector<std::size_t> users = present();
      cycle_.clear();
      for (const std::size_t at : sample(turns_, users.size(), users.size())) cycle_.push_back(users[at]);
      in_cycle_ = 0;
    }
    const std::size_t user = cycle_[in_cycle_++];
    if (can_speak(user)) return user;
  }
}

std::size_t TurnOrder::by_weight() {
  const std::vector<std::size_t> choice = others();
  double sum = 0;
  for (const std::size_t user : choice) sum += weights_[user];
  const double r = turns_.unit() * sum;
  double running = 0;
  for (const std::size_t user : choice) {
    running += weights_[user];
    if (running > r) return user;
  }
  return choice.back();
}

std::size_t TurnOrder::in_fixed_order() {
  for (std::size_t tried = 0; tried < fixed_.size(); ++tried) {
    const std::size_t user = fixed_[in_fixed_++ % fixed_.size()];
    if (can_speak(user)) return user;
  }
  return present().front();  // all who were to speak have been banned
}

std::optional<std::size_t> TurnOrder::next() {
  const std::vector<std::size_t> users = present();
  if (users.empty()) return std::nullopt;
  std::size_t user = users.front();
  if (policy_ == "fixed") {
    user = in_fixed_order();
  } else if (names_.size() > 1) {
    if (policy_.starts_with("round_robin")) {
      user = in_rotation();
    } else if (policy_ == "shuffle_cycle") {
      user = in_shuffled_cycle();
    } else if (policy_ == "random_with_replacement") {
      user = users[turns_.below(users.size())];
    } else if (policy_ == "weighted") {
      user = by_weight();
    } else if (policy_ != "llm") {
      user = responding();
    }
  }
  said_.push_back(user);
  return user;
}

bool TurnOrder::needs_selector() const { return policy_ == "llm" && present().size() > 1; }

std::optional<std::size_t> TurnOrder::named_in(std::string_view reply) const {
  const auto longest = [&](const std::string& text, bool folded) {
    std::optional<std::size_t> found;
    for (const std::size_t user : others()) {
      const std::string name = folded ? to_lower(names_[user]) : names_[user];
      if (!name.empty() && text.find(name) != std::string::npos &&
          (!found || names_[user].size() > names_[*found].size()))
        found = user;
    }
    return found;
  };
  const auto exact = longest(std::string(reply), false);
  return exact ? exact : longest(to_lower(reply), true);
}

std::size_t TurnOrder::fallback() {
  const std::vector<std::size_t> choice = others();
  return choice[selector_.below(choice.size())];
}

void TurnOrder::choose(std::size_t user) { said_.push_back(user); }

void TurnOrder::ban(std::size_t user) { banned_[user] = true; }

bool TurnOrder::everybody_banned() const { return present().empty(); }

}  // namespace assay
