#include "core/statistics/ranking.hpp"

#include <cmath>
#include <stdexcept>

#include "core/statistics/game_table.hpp"
#include "core/statistics/proportion.hpp"

namespace assay {
namespace {

constexpr double kMeanRating = 1000, kRatingScale = 400;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

}  // namespace

WinRate win_rate(std::span<const double> values, std::span<const std::uint32_t> clusters, double level) {
  const ClusterFigure mean = cluster_mean(values, clusters, Quantile::t, level);
  WinRate rate;
  rate.figure = mean.figure;
  rate.standard_error = mean.standard_error;
  rate.clusters = mean.clusters;
  double sum = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    require(value >= 0 && value <= 1, "win_rate: values in [0, 1]");
    sum += value > 0.5 ? 1 : value == 0.5 ? 0.5 : 0;
  }
  if (rate.figure.n > 0) rate.discrete = sum / static_cast<double>(rate.figure.n);
  return rate;
}

std::vector<double> ratings(const BradleyTerry& fit, std::optional<std::uint32_t> anchor, double anchor_rating) {
  require(!anchor || *anchor < fit.abilities.size(), "ratings: an anchor among the contestants");
  std::vector<double> zero(fit.parts, 0), base(fit.parts, kMeanRating), n(fit.parts, 0);
  for (std::size_t i = 0; i < fit.abilities.size(); ++i) {
    if (std::isnan(fit.abilities[i])) continue;
    zero[fit.part[i]] += fit.abilities[i];
    ++n[fit.part[i]];
  }
  for (std::size_t part = 0; part < fit.parts; ++part) zero[part] /= n[part];
  if (anchor) {
    zero[fit.part[*anchor]] = fit.abilities[*anchor];
    base[fit.part[*anchor]] = anchor_rating;
  }
  std::vector<double> made(fit.abilities.size(), kUndefined);
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (std::isnan(fit.abilities[i])) continue;
    made[i] = base[fit.part[i]] + kRatingScale * (fit.abilities[i] - zero[fit.part[i]]) / std::log(10.0);
  }
  return made;
}

RatingIntervals bootstrap_ratings(std::size_t contestants, std::span<const Game> games,
                                  std::span<const std::uint32_t> clusters, const BradleyTerrySettings& settings,
                                  NamedStream stream, std::size_t replicates, double level,
                                  std::optional<std::uint32_t> rating_anchor, double anchor_rating,
                                  const StopAsked& stop) {
  require(clusters.empty() || clusters.size() == games.size(), "bootstrap_ratings: a cluster for each game");
  GameTable table(contestants, games, settings);
  table.add_all();
  std::size_t parts = 0;
  connected_parts(table, parts);
  RatingIntervals result;
  std::vector<std::vector<double>> drawn(contestants);
  const Statistic refit = [&](std::span<const std::size_t> positions) {
    table.clear();
    for (const std::size_t game : positions) table.add(game);
    table.add_prior();
    const BradleyTerry fit = fit_bradley_terry(table, settings, false);
    const bool whole = fit.why == Why::ok && fit.parts == parts;
    if (!whole) ++result.separated;
    ++result.replicates;
    const auto rated =
        whole ? ratings(fit, rating_anchor, anchor_rating) : std::vector<double>(contestants, kUndefined);
    for (std::size_t i = 0; i < contestants; ++i) drawn[i].push_back(rated[i]);
    return 0.0;
  };
  const std::size_t made = clusters.empty() ? bootstrap(games.size(), refit, stream, replicates, stop).size()
                                            : bootstrap(clusters, refit, stream, replicates, stop).size();
  result.stopped = made < result.replicates;
  for (const auto& values : drawn)
    result.ratings.push_back(percentile_interval(result.stopped ? std::vector<double>{} : values, level));
  return result;
}

std::vector<double> elo(std::size_t contestants, std::span<const Game> games, const EloSettings& settings) {
  std::vector<double> rated(contestants, settings.start);
  for (const Game& game : games) {
    if (!std::isfinite(game.value)) continue;
    require(game.a < contestants && game.b < contestants, "elo: contestants of a game");
    const double expected = 1 / (1 + std::pow(settings.base, (rated[game.b] - rated[game.a]) / settings.scale));
    const double gained = settings.k * game.weight * (game.value - expected);
    rated[game.a] += gained;
    rated[game.b] -= gained;
  }
  return rated;
}

}  // namespace assay
