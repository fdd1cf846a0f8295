#include "core/statistics/ranking.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/statistics/correlation.hpp"

using namespace assay;

namespace {

bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}

/// Games of a table of wins, of rows `first,second,wins of first,wins of second`, each game its own.
struct Season {
  std::map<std::string, std::uint32_t> names;
  std::vector<Game> games;
  std::uint32_t at(const std::string& name) const { return names.at(name); }
};

bool read_season(const std::string& file, Season& season) {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/judge/" + file;
  if (!std::filesystem::exists(path)) {
    std::cout << "skipped: no " << path << '\n';
    return false;
  }
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::stringstream row(line);
    std::string first, second, wins, losses;
    std::getline(row, first, ',');
    std::getline(row, second, ',');
    std::getline(row, wins, ',');
    std::getline(row, losses, ',');
    const auto a = season.names.try_emplace(first, static_cast<std::uint32_t>(season.names.size())).first->second;
    const auto b = season.names.try_emplace(second, static_cast<std::uint32_t>(season.names.size())).first->second;
    season.games.insert(season.games.end(), static_cast<std::size_t>(std::stoi(wins)), {a, b, 1});
    season.games.insert(season.games.end(), static_cast<std::size_t>(std::stoi(losses)), {a, b, 0});
  }
  return true;
}

std::vector<Game> repeated(const std::vector<std::pair<Game, int>>& table) {
  std::vector<Game> games;
  for (const auto& [game, times] : table) games.insert(games.end(), static_cast<std::size_t>(times), game);
  return games;
}

}  // namespace

TEST_CASE("Bradley-Terry: baseball of 1987, without and with the advantage of playing at home") {
  Season season;
  if (!read_season("bt_baseball1987.csv", season)) return;
  CHECK(season.games.size() == 273);
  BradleyTerrySettings settings;
  settings.anchor = season.at("Baltimore");
  const BradleyTerry plain = bradley_terry(season.names.size(), season.games, settings);
  settings.advantage = true;
  const BradleyTerry home = bradley_terry(season.names.size(), season.games, settings);
  struct Team {
    const char* name;
    double ability, error, at_home;
  };
  for (const Team& team : {Team{"Baltimore", 0, 0, 0}, Team{"Boston", 1.1076977054, 0.33387821, 1.1438026533},
                           Team{"Cleveland", 0.6838527692, 0.33187667, 0.7046944569},
                           Team{"Detroit", 1.4364084318, 0.33956851, 1.4753572136},
                           Team{"Milwaukee", 1.5813558767, 0.34325598, 1.6195549936},
                           Team{"New York", 1.2476178451, 0.33586092, 1.2813404033},
                           Team{"Toronto", 1.2944851239, 0.33666940, 1.3271103981}}) {
    CAPTURE(team.name);
    const std::uint32_t at = season.at(team.name);
    CHECK(near(plain.abilities[at], team.ability));
    CHECK(near(plain.standard_errors[at], team.error, 1e-8));
    CHECK(near(home.abilities[at], team.at_home));
  }
  CHECK(plain.n == 273);
  CHECK(near(home.advantage, 0.3022606555));
  CHECK(near(home.advantage_error, 0.13094371, 1e-8));
  CHECK(home.log_likelihood > plain.log_likelihood);
  const auto rated = ratings(plain);
  CHECK(near(rated[season.at("Baltimore")], 817.561133, 1e-8));
  CHECK(near(rated[season.at("Milwaukee")], 1092.270786, 1e-8));
  CHECK(near(std::accumulate(rated.begin(), rated.end(), 0.0), 7000));
  CHECK(ratings(plain, season.at("Boston"), 1500)[season.at("Boston")] == 1500);

  settings.advantage = false;
  const RatingIntervals intervals =
      bootstrap_ratings(season.names.size(), season.games, {}, settings, NamedStream("1//0/bootstrap/x"));
  CHECK(intervals.replicates == 1000);
  CHECK(intervals.separated == 0);
  const auto is = [&](const char* name, double low, double high) {
    CAPTURE(name);
    const Interval& interval = intervals.ratings[season.at(name)];
    CHECK(std::fabs(interval.low - low) < 1e-4);
    CHECK(std::fabs(interval.high - high) < 1e-4);
  };
  is("Baltimore", 727.883734, 886.304059);
  is("Milwaukee", 1020.786399, 1174.776433);
  is("Toronto", 981.177415, 1112.792253);
  std::vector<std::uint32_t> alone(season.games.size());
  std::iota(alone.begin(), alone.end(), 0U);
  CHECK(bootstrap_ratings(season.names.size(), season.games, alone, settings, NamedStream("1//0/bootstrap/x"))
            .ratings[0]
            .low == intervals.ratings[0].low);
  int asked = 0;
  const RatingIntervals stopped = bootstrap_ratings(season.names.size(), season.games, {}, settings, NamedStream("x"),
                                                    1000, 0.95, {}, 1000, [&] { return ++asked > 5; });
  CHECK(stopped.stopped);
  CHECK(std::isnan(stopped.ratings[0].low));
}

TEST_CASE("Bradley-Terry: citations between four journals") {
  Season season;
  if (!read_season("bt_citations.csv", season)) return;
  BradleyTerrySettings settings;
  settings.anchor = season.at("Biometrika");
  const BradleyTerry fit = bradley_terry(season.names.size(), season.games, settings);
  CHECK(near(fit.abilities[season.at("Comm Statist")], -2.9490724968));
  CHECK(near(fit.abilities[season.at("JASA")], -0.4795697698));
  CHECK(near(fit.abilities[season.at("JRSS-B")], 0.2689540558));
  // The same games, added up beforehand.
  std::map<std::pair<std::uint32_t, double>, Game> sums;
  for (const Game& game : season.games) {
    Game& sum = sums.try_emplace({game.a * 8 + game.b, game.value}, Game{game.a, game.b, game.value, 0}).first->second;
    sum.weight += 1;
  }
  std::vector<Game> weighted;
  for (const auto& [key, game] : sums) weighted.push_back(game);
  CHECK(near(bradley_terry(season.names.size(), weighted, settings).abilities[season.at("JASA")], -0.4795697698));
}

TEST_CASE("Bradley-Terry: ties as halves, and with Davidson's parameter") {
  const std::vector<Game> games = repeated({{{0, 1, 1}, 6},
                                            {{0, 1, 0}, 3},
                                            {{0, 1, .5}, 1},
                                            {{1, 2, 1}, 5},
                                            {{1, 2, 0}, 4},
                                            {{1, 2, .5}, 1},
                                            {{0, 2, 1}, 7},
                                            {{0, 2, 0}, 2},
                                            {{0, 2, .5}, 1}});
  const BradleyTerry half = bradley_terry(3, games);
  CHECK(near(half.abilities[1], -0.7097022287));
  CHECK(near(half.abilities[2], -0.9929217695));
  BradleyTerrySettings settings;
  settings.ties = Ties::davidson;
  const BradleyTerry davidson = bradley_terry(3, games, settings);
  CHECK(near(davidson.abilities[1], -0.797738, 1e-6));
  CHECK(near(davidson.abilities[2], -1.115988, 1e-6));
  CHECK(near(davidson.nu, 0.240303, 1e-6));
  // From the other side, in another order: the same.
  std::vector<Game> turned = games;
  for (Game& game : turned) game = {game.b, game.a, 1 - game.value, game.weight};
  std::reverse(turned.begin(), turned.end());
  CHECK(near(bradley_terry(3, turned).abilities[2], half.abilities[2], 1e-12));
  CHECK(near(bradley_terry(3, turned, settings).abilities[2], davidson.abilities[2], 1e-12));
  // Without ties Davidson's model is the plain one.
  const std::vector<Game> decided = {{0, 1, 1}, {1, 0, 1}, {0, 1, 1}};
  CHECK(near(bradley_terry(2, decided, settings).abilities[1], bradley_terry(2, decided).abilities[1], 1e-12));
  CHECK(bradley_terry(2, decided, settings).nu == 0);
  CHECK(bradley_terry(2, std::vector<Game>{{0, 1, .5}}, settings).why == Why::constant);
  CHECK(bradley_terry(2, std::vector<Game>{{0, 1, .5}}).abilities[1] == 0);
}

TEST_CASE("Bradley-Terry: who can't be rated is not, and the groups are named from best to worst") {
  const BradleyTerry two = bradley_terry(2, std::vector<Game>{{0, 1, 1}, {0, 1, 1}});
  CHECK(two.why == Why::separated);
  CHECK(two.groups == std::vector<std::vector<std::uint32_t>>{{0}, {1}});
  CHECK(std::isnan(two.abilities[0]));
  CHECK(std::isnan(ratings(two)[1]));
  // 1 and 2 beat each other, 3 beats both, both beat 0.
  const BradleyTerry chain =
      bradley_terry(4, std::vector<Game>{{1, 2, 1}, {2, 1, 1}, {3, 1, 1}, {2, 3, 0}, {1, 0, 1}, {0, 2, 0}});
  CHECK(chain.groups == std::vector<std::vector<std::uint32_t>>{{3}, {1, 2}, {0}});
  BradleyTerrySettings prior;
  prior.prior = 1;
  const BradleyTerry fitted = bradley_terry(2, std::vector<Game>{{0, 1, 1}, {0, 1, 1}}, prior);
  CHECK(fitted.why == Why::ok);
  CHECK(near(fitted.abilities[1], -std::log(2.5 / 0.5)));
  prior.advantage = true;
  CHECK(bradley_terry(2, std::vector<Game>{{0, 1, 1}, {1, 0, 1}}, prior).why == Why::ok);
  prior.prior = 0;  // who is first wins always
  const BradleyTerry first = bradley_terry(2, std::vector<Game>{{0, 1, 1}, {1, 0, 1}}, prior);
  CHECK(first.why == Why::separated);
  CHECK(std::isnan(first.abilities[0]));
  CHECK(bradley_terry(1, {}).why == Why::empty);
  CHECK(bradley_terry(0, {}).why == Why::empty);
  CHECK(bradley_terry(3, {}).why == Why::empty);
  const BradleyTerry missing = bradley_terry(2, std::vector<Game>{{0, 1, kUndefined}});
  CHECK(missing.why == Why::empty);
  CHECK(missing.missing == 1);
  CHECK_THROWS_AS(bradley_terry(2, std::vector<Game>{{0, 0, 1}}), std::logic_error);
  CHECK_THROWS_AS(bradley_terry(2, std::vector<Game>{{0, 1, 2}}), std::logic_error);
}

TEST_CASE("Bradley-Terry: comparisons that don't connect give a rating per part") {
  // 0 and 1; 2, 3 and 4; 5 has no game.
  const std::vector<Game> games = {{0, 1, 1}, {0, 1, 1}, {0, 1, 0}, {2, 3, 1}, {3, 4, 1}, {4, 2, 1}};
  const BradleyTerry fit = bradley_terry(6, games);
  CHECK(fit.why == Why::ok);
  CHECK(fit.parts == 3);
  CHECK(fit.part == std::vector<std::uint32_t>{0, 0, 1, 1, 1, 2});
  CHECK(near(fit.abilities[1], -std::log(2.0)));
  CHECK(near(fit.abilities[4], 0));
  CHECK(std::isnan(fit.abilities[5]));
  const auto rated = ratings(fit);
  CHECK(near(rated[0] + rated[1], 2000));
  CHECK(near(rated[3], 1000));
  CHECK(std::isnan(rated[5]));
  // A part that is separated takes no rating from the other.
  std::vector<Game> more(games);
  more.push_back({5, 2, 1});
  const BradleyTerry some = bradley_terry(6, more);
  CHECK(some.why == Why::separated);
  CHECK(near(some.abilities[1], -std::log(2.0)));
  CHECK(std::isnan(some.abilities[3]));
  CHECK(some.groups == std::vector<std::vector<std::uint32_t>>{{5}, {2, 3, 4}});
}

TEST_CASE("Bradley-Terry recovers abilities, and says at once when someone wins everything") {
  std::mt19937_64 random(23);
  std::normal_distribution<double> normal;
  std::vector<double> truth(10);
  for (double& each : truth) each = normal(random);
  std::vector<Game> games;
  for (int i = 0; i < 2000; ++i) {
    const auto a = static_cast<std::uint32_t>(random() % 10),
               b = static_cast<std::uint32_t>((a + 1 + random() % 9) % 10);
    std::bernoulli_distribution wins(1 / (1 + std::exp(truth[b] - truth[a])));
    games.push_back({a, b, wins(random) ? 1.0 : 0.0});
  }
  const BradleyTerry fit = bradley_terry(10, games);
  REQUIRE(fit.why == Why::ok);
  CHECK(spearman(fit.abilities, truth).value > 0.95);

  std::vector<Game> many;
  for (std::uint32_t i = 1; i < 1000; ++i) {
    many.push_back({0, i, 1});
    for (int k = 0; k < 20; ++k) {
      const auto b = static_cast<std::uint32_t>(1 + random() % 999);
      if (b != i) many.push_back({i, b, random() % 2 ? 1.0 : 0.0});
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  const BradleyTerry separated = bradley_terry(1000, many);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(separated.why == Why::separated);
  REQUIRE(separated.groups.size() >= 2);
  CHECK(separated.groups.front() == std::vector<std::uint32_t>{0});
  CHECK(std::isnan(separated.abilities[1]));
  CHECK(took.count() < 0.5);  // 10 ms where nothing else runs: tests/bench
}

TEST_CASE("Elo, in the order of the games") {
  const std::vector<Game> games = {{0, 1, 1}, {1, 2, 1}, {0, 2, .5}, {2, 0, 1}};
  const auto slow = elo(3, games);
  CHECK(near(slow[0], 999.9540836154, 1e-12));
  CHECK(near(slow[1], 1000.0115127983, 1e-12));
  CHECK(near(slow[2], 1000.0344035863, 1e-12));
  EloSettings settings;
  settings.k = 32;
  const auto quick = elo(3, games, settings);
  CHECK(near(quick[0], 997.1310943816, 1e-12));
  CHECK(near(quick[1], 1000.7363067935, 1e-12));
  CHECK(near(quick[2], 1002.1325988249, 1e-12));
}

TEST_CASE("win rates: mean with interval, and what a coin at one half would say") {
  const WinRate rate = win_rate(std::vector<double>{1, 0, .5, .7, kUndefined});
  CHECK(near(rate.figure.value, 0.55));
  CHECK(near(rate.discrete, 0.625));
  CHECK(rate.figure.n == 4);
  CHECK(rate.figure.missing == 1);
  CHECK(near(rate.figure.high - rate.figure.value, 3.182446305284263 * rate.standard_error));
  CHECK(win_rate({}).figure.why == Why::empty);
  CHECK(std::isnan(win_rate({}).discrete));
  CHECK_THROWS_AS(win_rate(std::vector<double>{2}), std::logic_error);
}

TEST_CASE("length control: one slope for all models; models whose lengths or wins don't vary stand aside") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<LengthGame> games;
  std::vector<std::uint32_t> items;
  const double theta[3] = {-0.5, 0, 1.2};
  for (std::uint32_t item = 0; item < 3000; ++item) {
    for (std::uint32_t model = 0; model < 3; ++model) {
      const double apart = 200 * normal(random);
      std::bernoulli_distribution wins(1 / (1 + std::exp(-theta[model] - 0.8 * std::tanh(apart / 200))));
      games.push_back({model, wins(random) ? 1.0 : 0.0, 1000 + apart, 1000});
      items.push_back(item);
    }
    games.push_back({3, item % 3 == 0 ? 1.0 : 0.0, 700, 600});  // always 100 more
    games.push_back({4, 1, 600 + static_cast<double>(item), 600});
    items.insert(items.end(), 2, item);
  }
  const LengthControl fit = length_control(6, games);
  CHECK(fit.slope == doctest::Approx(0.8).epsilon(0.15));
  for (std::size_t model = 0; model < 3; ++model) {
    CHECK(fit.models[model].controlled == doctest::Approx(1 / (1 + std::exp(-theta[model]))).epsilon(0.06));
    CHECK(fit.models[model].basis == "shared");
  }
  CHECK(fit.models[3].basis == "none");
  CHECK(fit.models[3].controlled == fit.models[3].raw);
  CHECK(fit.models[3].why == Why::constant);
  CHECK(fit.models[4].why == Why::separated);
  CHECK(std::isnan(fit.models[4].controlled));
  CHECK(fit.models[5].why == Why::empty);
  const LengthControl again = bootstrap_length_control(6, games, items, NamedStream("1//0/bootstrap/x"), 40);
  CHECK(again.models[0].controlled == fit.models[0].controlled);
  CHECK(again.models[0].low < fit.models[0].controlled);
  CHECK(again.models[0].high > fit.models[0].controlled);
  CHECK(again.models[2].high - again.models[2].low < 0.1);
  // Alone: its own slope.
  std::vector<LengthGame> own;
  std::copy_if(games.begin(), games.end(), std::back_inserter(own), [](const auto& game) { return game.model == 0; });
  CHECK(length_control(1, own).models[0].basis == "one model");
  CHECK(std::isnan(length_control(1, {}).slope));
  own.front().length = kUndefined;
  CHECK(length_control(1, own).models[0].missing == 1);
}
