// A call's money: reserved before it asks the limiter, so that nobody waits for money while holding a place in flight;
// kept over retries, settled when its try has been judged. Specs: models.md 6.2, 6.3.

#include "core/text/duration.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {
namespace {

std::string name_of(const BudgetShortage& why) {
  switch (why.scope.of) {
    case BudgetScope::Of::experiment:
      return "the budget of the experiment";
    case BudgetScope::Of::batch:
      return "the budget of its batch";
    case BudgetScope::Of::model:
      return "the budget of model:" + why.scope.model;
    case BudgetScope::Of::run:
      return "the budget of one run";
    case BudgetScope::Of::day:
      return "the budget of the day";
  }
  return "the budget";
}

std::string line_of(const BudgetShortage& why, const std::string& model) {
  return name_of(why) + " has no room for the next call: of " + format_usd(why.cap) + ", " + format_usd(why.settled) +
         " are spent" + (why.possible > 0 ? ", " + format_usd(why.possible) + " possibly" : "") + "; a call to " +
         model + " may cost " + format_usd(why.wanted) + ", " + format_usd(why.missing) + " are missing [`budget " +
         format_usd(why.cap + why.missing) + "` or more]";
}

CallError stopping(ErrorKind kind, std::string line) {
  CallError error = make_error(kind, "", line);
  error.held = std::move(line);
  return error;
}

}  // namespace

SpendPlace ChatEffect::place_of_spending() const {
  return {port_->origin().run, entry_->name, utc_day(shared_->options.clock.wall())};
}

/// What to do instead of going on, when the money is not there.
std::optional<EffectAction> ChatEffect::ask_budget(SteadyTime now) {
  Budget* const budget = shared_->options.budget;
  if (budget == nullptr || money_.granted()) return std::nullopt;
  if (money_.poll() == Budget::Hold::State::none) {
    const SpendPlace place = place_of_spending();
    if ((!entry_->price || unbounded_) && budget->covers(place)) {
      if (!entry_->price) return give_up(stopping(ErrorKind::unpriced, unpriced_line({entry_->name})), "", now);
      return give_up(
          stopping(ErrorKind::budget, entry_->name + ": nothing bounds what an answer can cost, and there is a budget "
                                                     "[max_output: N in models.yaml, or max_tokens]"),
          "", now);
    }
    money_ = budget->reserve(place, reserved_, port_);
  }
  if (money_.granted()) return std::nullopt;
  if (money_.poll() == Budget::Hold::State::refused)
    return give_up(stopping(ErrorKind::budget, line_of(money_.shortage(), entry_->name)), "", now);
  look_at_.reset();  // a BudgetTurn will come
  return wait(now);
}

/// Money for one more request of this call, without waiting for it.
bool ChatEffect::reserve_at_once() {
  Budget* const budget = shared_->options.budget;
  if (budget == nullptr) return true;
  money_ = budget->reserve(place_of_spending(), reserved_, port_);
  return money_.granted();
}

/// After a reply that could be read; what it may have cost beyond what is known.
Pico ChatEffect::settle_answer(const ChatReply& reply) {
  Pico cost = 0, possible = 0;
  if (reply.usage && reply.usage->told_cost) {
    cost = *reply.usage->told_cost;
  } else if (reply.usage && entry_->price) {
    cost = cost_of(*reply.usage, *entry_->price);
  } else {
    possible = reserved_;
  }
  money_.settle(cost, possible);
  return possible;
}

/// It was answered, and nobody can read what that cost.
bool ChatEffect::billed_unread(const CallError& error) {
  return error.kind == ErrorKind::bad_response && error.http_status / 100 == 2;
}

/// After a try that failed: what it may have cost. The reservation of one that cost nothing for certain is kept.
Pico ChatEffect::settle_failure(const CallError& error) {
  if (!error.ambiguous && !billed_unread(error)) return 0;
  money_.settle(0, reserved_);
  return reserved_;
}

std::string unpriced_line(const std::vector<std::string>& models) {
  std::string names, lines;
  for (const std::string& model : models) {
    names += (names.empty() ? "" : ", ") + model;
    lines += (lines.empty() ? "" : ", ") + std::string("\"") + model + "\": {in: .., out: ..}";
  }
  return "there is a budget, and nobody knows what " + names + " costs [write USD per million tokens into " +
         "models.yaml: prices: {" + lines + "}]";
}

}  // namespace assay
