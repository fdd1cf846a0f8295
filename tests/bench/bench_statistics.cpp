// What statistics cost where a prompt waits (statistics.md 11, points 7 and 9): milliseconds, best of three, as JSON.
//   bench_statistics

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>

#include "core/statistics/agreement.hpp"
#include "core/statistics/correlation.hpp"
#include "core/statistics/ranking.hpp"
#include "core/text/json.hpp"

using namespace assay;

namespace {

double best_ms(const std::function<void()>& work) {
  double best = 1e300;
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace

int main() {
  std::mt19937_64 random(1);
  std::vector<double> x(1'000'000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<double>(random() % 10'000);
    y[i] = x[i] + static_cast<double>(random() % 10'000);
  }
  std::vector<std::vector<double>> units(100'000, std::vector<double>(10));
  for (auto& unit : units) {
    for (double& rating : unit) rating = static_cast<double>(1 + random() % 5);
  }
  const Ratings ratings = one_group(units);
  // One who wins everything; the others all met: 1,000 players, half a million games.
  std::vector<Game> games, few;
  for (std::uint32_t a = 0; a < 1000; ++a) {
    for (std::uint32_t b = a + 1; b < 1000; ++b) {
      games.push_back({a, b, a == 0 || random() % 2 == 0 ? 1.0 : 0.0});
      if (a == 0 || random() % 50 == 0) few.push_back(games.back());
    }
  }
  std::vector<Game> league;
  for (int i = 0; i < 2000; ++i) {
    const auto a = static_cast<std::uint32_t>(random() % 10);
    league.push_back({a, static_cast<std::uint32_t>((a + 1 + random() % 9) % 10), random() % 2 == 0 ? 1.0 : 0.0});
  }
  const Json result = {
      {"spearman_million_pairs_ms", best_ms([&] { spearman(x, y); })},
      {"kendall_million_pairs_ms", best_ms([&] { kendall_b(x, y); })},
      {"alpha_100k_units_10_raters_ms", best_ms([&] { krippendorff_alpha(ratings, AlphaMetric::ordinal); })},
      {"separated_1000_players_ms", best_ms([&] { bradley_terry(1000, few); })},
      {"separated_1000_players_500k_games_ms", best_ms([&] { bradley_terry(1000, games); })},
      {"ratings_bootstrap_10_players_2000_games_ms",
       best_ms([&] { bootstrap_ratings(10, league, {}, {}, NamedStream("x")); })}};
  std::puts(dump_json(result, 2).c_str());
  return 0;
}
