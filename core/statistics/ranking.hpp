#pragma once
// Who wins: win rates, Bradley-Terry, Elo. Specs: statistics.md 8. Contestants are numbers from 0. Pure functions: any
// thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/statistics/named_stream.hpp"
#include "core/statistics/resampling.hpp"

namespace assay {

struct WinRate {
  Figure figure;  ///< mean and interval by cluster_mean with Student's t
  double standard_error = kUndefined;
  double discrete = kUndefined;  ///< mean of 1, 1/2, 0 for values above, at, below 1/2
  std::size_t clusters = 0;
};
/// `values` in [0, 1], one an item: win 1, tie 1/2, loss 0, or a probability; NaN: missing. `clusters`: one id a value,
/// or empty.
WinRate win_rate(std::span<const double> values, std::span<const std::uint32_t> clusters = {}, double level = 0.95);

/// `value`: what a got of it, in [0, 1]: 1 a won, 1/2 a tie; NaN: missing, left out and counted. a != b.
struct Game {
  std::uint32_t a = 0, b = 0;
  double value = 0;
  double weight = 1;
};

/// half: a tie is half a win for each. davidson: ties have a parameter of their own, P(tie) proportional to
/// nu sqrt(pi_a pi_b) (Davidson 1970, JASA 65); a value that is neither 0, 1/2 nor 1 is that share of a win.
enum class Ties { half, davidson };
struct BradleyTerrySettings {
  Ties ties = Ties::half;
  bool advantage = false;               ///< of a, the first (who plays at home, or is shown first)
  std::optional<std::uint32_t> anchor;  ///< whose ability is 0; none: the first
  double prior = 0;                     ///< virtual ties between every pair that met: > 0 always fits
};

struct BradleyTerry {
  std::vector<double> abilities;        ///< NaN: none
  std::vector<double> standard_errors;  ///< from the inverse information; 0 of the anchor
  /// Who can be compared with whom: contestants that games connect have one number, from 0; who has no game has one of
  /// his own. More than one part: abilities count within a part only, against the anchor or its first.
  std::vector<std::uint32_t> part;
  std::size_t parts = 0;
  /// When `why` is separated: the strongly connected groups, those who win first (of all parts, one after the other).
  std::vector<std::vector<std::uint32_t>> groups;
  double log_likelihood = kUndefined;  ///< half: of win shares; davidson: of the three outcomes
  double advantage = kUndefined, advantage_error = kUndefined;
  double nu = kUndefined;
  std::size_t n = 0, missing = 0;  ///< games
  /// empty: no game or one contestant. separated: in some part the likelihood has no maximum (Ford 1957, Amer. Math.
  /// Monthly 64), nobody of that part has an ability. constant: davidson with nothing but ties.
  Why why = Why::ok;
};
/// Newton on the log-likelihood from 0 with step halving, until the largest change is below 1e-12.
BradleyTerry bradley_terry(std::size_t contestants, std::span<const Game> games,
                           const BradleyTerrySettings& settings = {});

/// 1000 + 400 (ability - mean ability)/ln 10, means within a part; with `anchor`: that one at `anchor_rating`, the
/// others of its part around it.
std::vector<double> ratings(const BradleyTerry& fit, std::optional<std::uint32_t> anchor = {},
                            double anchor_rating = 1000);

struct RatingIntervals {
  std::vector<Interval> ratings;  ///< one a contestant
  std::size_t replicates = 0;
  std::size_t separated = 0;  ///< replicates without a fit, or whose games connect fewer contestants: left out
  bool stopped = false;
};
/// Percentile intervals; each replicate draws clusters (`clusters`: one id a game; empty: games) and is fitted anew.
/// Held 0.942 of 3,000 true ratings: 300 leagues of 10 players and 2,000 games, 500 replicates each.
RatingIntervals bootstrap_ratings(std::size_t contestants, std::span<const Game> games,
                                  std::span<const std::uint32_t> clusters, const BradleyTerrySettings& settings,
                                  NamedStream stream, std::size_t replicates = 1000, double level = 0.95,
                                  std::optional<std::uint32_t> rating_anchor = {}, double anchor_rating = 1000,
                                  const StopAsked& stop = {});

/// Ratings after games in this order (Elo 1978); for parity with others' tables: the order matters.
struct EloSettings {
  double k = 4, scale = 400, base = 10, start = 1000;
};
std::vector<double> elo(std::size_t contestants, std::span<const Game> games, const EloSettings& settings = {});

/// One game of a model against the baseline; lengths in any one unit. What is not finite makes it missing.
struct LengthGame {
  std::uint32_t model = 0;
  double value = 0;  ///< of the model, in [0, 1]
  double length = 0, baseline_length = 0;
};
struct LengthControl {
  struct Model {
    std::size_t n = 0, missing = 0;
    double raw = kUndefined, controlled = kUndefined;
    double low = kUndefined, high = kUndefined;  ///< of controlled; by bootstrap_length_control only
    std::string_view basis = "none";             ///< shared, one model, none: lengths don't vary, rate as it is
    Why why = Why::ok;                           ///< empty; constant: see none; separated: only wins or only losses
  };
  std::vector<Model> models;
  double slope = kUndefined;  ///< of all models of the call
};
/// value ~ logistic(theta_m + beta x) with x = tanh((length - baseline)/sd_m), sd over m's items, one beta for all
/// models; controlled = 1/(1 + exp(-theta_m)). After AlpacaEval's length control (Dubois et al. 2024, arXiv
/// 2404.04475), which fits a slope per model; why one: statistics.md 8.
LengthControl length_control(std::size_t models, std::span<const LengthGame> games);
/// The same with percentile intervals of `controlled`. `items`: one id a game; items are drawn, so that all models keep
/// their games of an item together.
LengthControl bootstrap_length_control(std::size_t models, std::span<const LengthGame> games,
                                       std::span<const std::uint32_t> items, NamedStream stream,
                                       std::size_t replicates = 1000, double level = 0.95, const StopAsked& stop = {});

}  // namespace assay
