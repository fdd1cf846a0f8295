#include <algorithm>
#include <cmath>

#include "core/statistics/game_table.hpp"
#include "core/statistics/linear_solve.hpp"
#include "core/statistics/ranking.hpp"

namespace assay {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr double kConverged = 1e-12;
/// Steps that don't shrink any more below this are rounding.
constexpr double kRounding = 1e-8;
constexpr int kMostSteps = 200, kMostHalvings = 40;

/// The log-likelihood of abilities (all but the anchors'), advantage and log nu, in this order; what a game has of the
/// last two is there only where the model has them.
class Likelihood {
 public:
  Likelihood(const GameTable& table, std::vector<std::uint32_t> slots, std::size_t abilities, bool advantage, bool ties)
      : table_(table),
        slots_(std::move(slots)),
        advantage_(advantage ? abilities : kNowhere),
        log_nu_(ties ? abilities + (advantage ? 1 : 0) : kNowhere),
        size_(abilities + (advantage ? 1 : 0) + (ties ? 1 : 0)) {}

  std::size_t size() const { return size_; }
  std::size_t advantage() const { return advantage_; }
  std::size_t log_nu() const { return log_nu_; }
  std::uint32_t slot(std::uint32_t contestant) const { return slots_[contestant]; }

  double value(const std::vector<double>& at) const {
    double sum = 0;
    each_cell(at, [&](const GameCell& cell, double eta, double log_nu) {
      // log of the denominator, from the larger side: e^|x| (1 + ..) does not overflow.
      if (log_nu_ == kNowhere) {
        const double away = std::fabs(eta);
        const double log_sum = std::log1p(std::exp(-away));
        sum -= cell.win_a * (log_sum + (eta < 0 ? away : 0)) + cell.win_b * (log_sum + (eta > 0 ? away : 0));
      } else {
        const double half = eta / 2, top = std::max({half, -half, log_nu});
        const double log_sum = top + std::log(std::exp(half - top) + std::exp(-half - top) + std::exp(log_nu - top));
        sum += cell.win_a * (half - log_sum) + cell.win_b * (-half - log_sum) + cell.ties * (log_nu - log_sum);
      }
    });
    return sum;
  }

  void derivatives(const std::vector<double>& at, std::vector<double>& gradient,
                   std::vector<double>& information) const {
    gradient.assign(size_, 0);
    information.assign(size_ * size_, 0);
    each_cell(at, [&](const GameCell& cell, double eta, double log_nu) {
      const double n = cell.games();
      double slope = 0, curve = 0;
      if (log_nu_ == kNowhere) {
        const double p = 1 / (1 + std::exp(-eta));
        slope = cell.win_a - n * p;
        curve = n * p * (1 - p);
      } else {
        const double half = eta / 2, top = std::max({half, -half, log_nu});
        const double a = std::exp(half - top), b = std::exp(-half - top), tie = std::exp(log_nu - top),
                     sum = a + b + tie;
        const double apart = (a - b) / sum, tied = tie / sum;
        slope = (cell.win_a - cell.win_b - n * apart) / 2;
        curve = n * (1 - tied - apart * apart) / 4;
        gradient[log_nu_] += cell.ties - n * tied;
        information[log_nu_ * size_ + log_nu_] += n * tied * (1 - tied);
        const double mixed = -n * tied * apart / 2;
        each_slot(cell, [&](std::size_t i, double sign) { add(information, log_nu_, i, sign * mixed); });
      }
      each_slot(cell, [&](std::size_t i, double sign) {
        gradient[i] += sign * slope;
        each_slot(cell, [&](std::size_t j, double other) {
          if (j <= i) information[i * size_ + j] += sign * other * curve;
        });
      });
    });
  }

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;

  template <class Visit>
  void each_slot(const GameCell& cell, const Visit& visit) const {
    if (slots_[cell.a] != kNone) visit(slots_[cell.a], 1.0);
    if (slots_[cell.b] != kNone) visit(slots_[cell.b], -1.0);
    if (advantage_ != kNowhere) visit(advantage_, 1.0);
  }

  void add(std::vector<double>& matrix, std::size_t i, std::size_t j, double amount) const {
    matrix[std::max(i, j) * size_ + std::min(i, j)] += amount;
  }

  template <class Visit>
  void each_cell(const std::vector<double>& at, const Visit& visit) const {
    for (const GameCell& cell : table_.cells()) {
      if (!(cell.games() > 0)) continue;
      if (slots_[cell.a] == kNone && slots_[cell.b] == kNone) continue;  // of a part that is not fitted
      double eta = 0;
      each_slot(cell, [&](std::size_t i, double sign) { eta += sign * at[i]; });
      visit(cell, eta, log_nu_ == kNowhere ? 0 : at[log_nu_]);
    }
  }

  const GameTable& table_;
  std::vector<std::uint32_t> slots_;  // kNone: an anchor, or not fitted
  std::size_t advantage_, log_nu_, size_;
};

/// From 0; the factor of the information at the end. False: there is no maximum.
bool newton(const Likelihood& likelihood, std::vector<double>& at, double& value, std::vector<double>& factor) {
  at.assign(likelihood.size(), 0);
  value = likelihood.value(at);
  std::vector<double> gradient, moved(at.size());
  double last = INFINITY;
  for (int i = 0; i < kMostSteps; ++i) {
    likelihood.derivatives(at, gradient, factor);
    if (!cholesky(factor, at.size())) return false;
    cholesky_solve(factor, at.size(), gradient);
    double share = 1, reached = -INFINITY;
    for (int halving = 0; halving < kMostHalvings; ++halving, share /= 2) {
      for (std::size_t k = 0; k < at.size(); ++k) moved[k] = at[k] + share * gradient[k];
      reached = likelihood.value(moved);
      if (reached >= value - kConverged * std::fabs(value)) break;
    }
    double change = 0, size = 1;
    for (std::size_t k = 0; k < at.size(); ++k) {
      change = std::max(change, std::fabs(moved[k] - at[k]));
      size = std::max(size, std::fabs(moved[k]));
    }
    if (!std::isfinite(reached) || !std::isfinite(change)) return false;
    at = moved;
    value = reached;
    if (change < kConverged * size || (change < kRounding * size && change >= last)) return true;
    last = change;
  }
  return false;
}

}  // namespace

BradleyTerry fit_bradley_terry(const GameTable& table, const BradleyTerrySettings& settings, bool with_errors) {
  const std::size_t n = table.contestants();
  BradleyTerry fit;
  fit.abilities.assign(n, kUndefined);
  fit.standard_errors.assign(n, kUndefined);
  fit.n = table.games();
  fit.missing = table.missing();
  fit.part = connected_parts(table, fit.parts);
  double decided = 0, ties = 0;
  for (const GameCell& cell : table.cells()) {
    decided += cell.win_a + cell.win_b;
    ties += cell.ties;
  }
  if (!(decided + ties > 0)) {
    fit.why = Why::empty;
    return fit;
  }
  const bool with_ties = settings.ties == Ties::davidson && ties > 0;
  if (with_ties && !(decided > 0)) {
    fit.why = Why::constant;
    return fit;
  }
  // A part is fitted when wins lead from each of its contestants to each other.
  auto groups = win_groups(table);
  std::vector<std::size_t> groups_of(fit.parts, 0), members(fit.parts, 0);
  for (const auto& group : groups) ++groups_of[fit.part[group.front()]];
  for (const std::uint32_t part : fit.part) ++members[part];
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const auto& a, const auto& b) { return fit.part[a.front()] < fit.part[b.front()]; });
  for (auto& group : groups) {
    if (groups_of[fit.part[group.front()]] > 1) fit.groups.push_back(std::move(group));
  }
  if (!fit.groups.empty()) fit.why = Why::separated;

  const auto fitted = [&](std::uint32_t part) { return groups_of[part] == 1 && members[part] > 1; };
  std::vector<std::uint32_t> anchors(fit.parts, kNone);
  if (settings.anchor) anchors[fit.part[*settings.anchor]] = *settings.anchor;
  std::vector<std::uint32_t> slots(n, kNone);
  std::uint32_t free = 0;
  bool any = false;
  for (std::uint32_t i = 0; i < n; ++i) {
    std::uint32_t& anchor = anchors[fit.part[i]];
    if (anchor == kNone) anchor = i;
    if (!fitted(fit.part[i])) continue;
    any = true;
    if (anchor != i) slots[i] = free++;
  }
  if (!any) {
    if (fit.groups.empty()) fit.why = Why::empty;
    return fit;
  }
  const Likelihood likelihood(table, std::move(slots), free, settings.advantage, with_ties);
  std::vector<double> at, factor;
  double value = 0;
  if (!newton(likelihood, at, value, factor)) {
    // An advantage that decides every game: nothing is left for abilities to say.
    fit.why = Why::separated;
    return fit;
  }
  fit.log_likelihood = value;
  std::vector<double> variances;
  if (with_errors) variances = inverse_diagonal(factor, likelihood.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!fitted(fit.part[i])) continue;
    const std::uint32_t slot = likelihood.slot(i);
    fit.abilities[i] = slot == kNone ? 0 : at[slot];
    if (with_errors) fit.standard_errors[i] = slot == kNone ? 0 : std::sqrt(variances[slot]);
  }
  if (settings.advantage) {
    fit.advantage = at[likelihood.advantage()];
    if (with_errors) fit.advantage_error = std::sqrt(variances[likelihood.advantage()]);
  }
  if (settings.ties == Ties::davidson) fit.nu = with_ties ? std::exp(at[likelihood.log_nu()]) : 0;
  return fit;
}

BradleyTerry bradley_terry(std::size_t contestants, std::span<const Game> games, const BradleyTerrySettings& settings) {
  GameTable table(contestants, games, settings);
  table.add_all();
  return fit_bradley_terry(table, settings, true);
}

}  // namespace assay
