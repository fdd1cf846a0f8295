#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "core/statistics/accumulator.hpp"
#include "core/statistics/ranking.hpp"

namespace assay {
namespace {

constexpr double kConverged = 1e-12, kRounding = 1e-8;
constexpr int kMostSteps = 100, kMostHalvings = 40;

bool there(const LengthGame& game) {
  return std::isfinite(game.value) && std::isfinite(game.length) && std::isfinite(game.baseline_length);
}

/// Games whose lengths vary, by what the logistic regression needs of them.
struct Observation {
  std::uint32_t model;
  double x, value;
};

/// One intercept a model and one slope: every model's row of the information meets only the slope's, so that a step
/// costs as much as a pass over the games.
class Regression {
 public:
  Regression(std::vector<Observation> observations, std::size_t models)
      : observations_(std::move(observations)), theta_(models, 0) {}

  bool fit() {
    double value = likelihood(theta_, slope_), last = INFINITY;
    for (int i = 0; i < kMostSteps; ++i) {
      std::vector<double> step(theta_.size(), 0);
      double slope_step = 0;
      if (!newton_step(step, slope_step)) return false;
      double share = 1, reached = 0, moved_slope = 0;
      std::vector<double> moved(theta_.size());
      for (int halving = 0; halving < kMostHalvings; ++halving, share /= 2) {
        for (std::size_t m = 0; m < moved.size(); ++m) moved[m] = theta_[m] + share * step[m];
        moved_slope = slope_ + share * slope_step;
        reached = likelihood(moved, moved_slope);
        if (reached >= value - kConverged * std::fabs(value)) break;
      }
      double change = std::fabs(moved_slope - slope_), size = std::max(1.0, std::fabs(moved_slope));
      for (std::size_t m = 0; m < moved.size(); ++m) {
        change = std::max(change, std::fabs(moved[m] - theta_[m]));
        size = std::max(size, std::fabs(moved[m]));
      }
      if (!std::isfinite(reached) || !std::isfinite(change)) return false;
      theta_ = std::move(moved);
      slope_ = moved_slope;
      value = reached;
      if (change < kConverged * size || (change < kRounding * size && change >= last)) return true;
      last = change;
    }
    return false;
  }

  double controlled(std::size_t model) const { return 1 / (1 + std::exp(-theta_[model])); }
  double slope() const { return slope_; }

 private:
  double likelihood(const std::vector<double>& theta, double slope) const {
    double sum = 0;
    for (const Observation& each : observations_) {
      const double eta = theta[each.model] + slope * each.x;
      sum += each.value * eta - (eta > 0 ? eta + std::log1p(std::exp(-eta)) : std::log1p(std::exp(eta)));
    }
    return sum;
  }

  bool newton_step(std::vector<double>& step, double& slope_step) const {
    std::vector<double> gradient(theta_.size(), 0), curve(theta_.size(), 0), mixed(theta_.size(), 0);
    double slope_gradient = 0, slope_curve = 0, whole = 0;
    for (const Observation& each : observations_) {
      const double p = 1 / (1 + std::exp(-(theta_[each.model] + slope_ * each.x)));
      const double rest = each.value - p, weight = p * (1 - p);
      gradient[each.model] += rest;
      curve[each.model] += weight;
      mixed[each.model] += weight * each.x;
      slope_gradient += rest * each.x;
      slope_curve += weight * each.x * each.x;
    }
    whole = slope_curve;
    for (std::size_t m = 0; m < theta_.size(); ++m) {
      if (curve[m] == 0) continue;  // no games of its own
      slope_curve -= mixed[m] * mixed[m] / curve[m];
      slope_gradient -= mixed[m] * gradient[m] / curve[m];
    }
    if (!(slope_curve > 1e-12 * whole)) return false;
    slope_step = slope_gradient / slope_curve;
    for (std::size_t m = 0; m < theta_.size(); ++m) {
      if (curve[m] > 0) step[m] = (gradient[m] - mixed[m] * slope_step) / curve[m];
    }
    return true;
  }

  std::vector<Observation> observations_;
  std::vector<double> theta_;
  double slope_ = 0;
};

LengthControl control(std::size_t models, std::span<const LengthGame> games, std::span<const std::size_t> positions) {
  LengthControl result;
  result.models.resize(models);
  std::vector<Accumulator> apart(models), values(models);
  for (const std::size_t i : positions) {
    const LengthGame& game = games[i];
    if (game.model >= models) throw std::logic_error("length_control: a model of the call");
    LengthControl::Model& model = result.models[game.model];
    if (!there(game)) {
      ++model.missing;
      continue;
    }
    if (game.value < 0 || game.value > 1) throw std::logic_error("length_control: values in [0, 1]");
    ++model.n;
    apart[game.model].add(game.length - game.baseline_length);
    values[game.model].add(game.value);
  }
  std::vector<bool> fitted(models, false);
  for (std::size_t m = 0; m < models; ++m) {
    LengthControl::Model& model = result.models[m];
    model.raw = values[m].mean();
    if (model.n == 0) {
      model.why = Why::empty;
    } else if (model.n == 1 || !(apart[m].variance() > 0)) {
      model.controlled = model.raw;
      model.why = Why::constant;
    } else if (model.raw == 0 || model.raw == 1) {
      model.why = Why::separated;
    } else {
      fitted[m] = true;
    }
  }
  const auto count = std::count(fitted.begin(), fitted.end(), true);
  if (count == 0) return result;
  std::vector<Observation> observations;
  for (const std::size_t i : positions) {
    const LengthGame& game = games[i];
    if (!fitted[game.model] || !there(game)) continue;
    const double sd = std::sqrt(apart[game.model].variance());
    observations.push_back({game.model, std::tanh((game.length - game.baseline_length) / sd), game.value});
  }
  Regression regression(std::move(observations), models);
  const bool found = regression.fit();
  if (found) result.slope = regression.slope();
  for (std::size_t m = 0; m < models; ++m) {
    if (!fitted[m]) continue;
    LengthControl::Model& model = result.models[m];
    model.basis = count == 1 ? "one model" : "shared";
    if (found) {
      model.controlled = regression.controlled(m);
    } else {
      model.why = Why::separated;
    }
  }
  return result;
}

}  // namespace

LengthControl length_control(std::size_t models, std::span<const LengthGame> games) {
  std::vector<std::size_t> all(games.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return control(models, games, all);
}

LengthControl bootstrap_length_control(std::size_t models, std::span<const LengthGame> games,
                                       std::span<const std::uint32_t> items, NamedStream stream, std::size_t replicates,
                                       double level, const StopAsked& stop) {
  if (items.size() != games.size()) throw std::logic_error("bootstrap_length_control: an item for each game");
  LengthControl result = length_control(models, games);
  std::vector<std::vector<double>> drawn(models);
  const Statistic refit = [&](std::span<const std::size_t> positions) {
    const LengthControl made = control(models, games, positions);
    for (std::size_t m = 0; m < models; ++m) drawn[m].push_back(made.models[m].controlled);
    return 0.0;
  };
  if (bootstrap(items, refit, stream, replicates, stop).empty()) return result;
  for (std::size_t m = 0; m < models; ++m) {
    const Interval interval = percentile_interval(drawn[m], level);
    result.models[m].low = interval.low;
    result.models[m].high = interval.high;
  }
  return result;
}

}  // namespace assay
