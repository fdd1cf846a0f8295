#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "core/statistics/proportion.hpp"
#include "core/statistics/ranking.hpp"
#include "experiments/judge/report_tables.hpp"

namespace assay {
namespace {

constexpr std::size_t kReplicates = 1000;
/// Games that the resamples of one fit may come to: above it fewer replicates are drawn, below the least none, so that
/// a report takes seconds.
constexpr std::size_t kMostRated = 20'000'000, kMostControlled = 5'000'000;
constexpr std::size_t kLeastReplicates = 100;

std::size_t replicates_for(std::size_t games, std::size_t most) {
  return std::min(most / std::max<std::size_t>(games, 1), kReplicates);
}

NamedStream stream_of(const JudgedBatch& batch, const std::string& table, std::uint32_t judge) {
  return NamedStream(bootstrap_key(batch.settings.bootstrap_seed, table + "/" + batch.voter(judge)));
}

struct WinCell {
  std::vector<double> values;
  std::vector<std::uint32_t> clusters;
  std::uint64_t wins = 0, losses = 0, ties = 0, inconsistent = 0, missing = 0;

  void add(const Opinion& opinion, double value, std::uint32_t cluster) {
    if (opinion.dropped) ++inconsistent;
    if (!opinion.given) {
      if (!opinion.dropped) ++missing;
      return;
    }
    values.push_back(value);
    clusters.push_back(cluster);
    if (opinion.label == kLabelInconsistent) {
      ++inconsistent;
    } else if (value > 0.5) {
      ++wins;
    } else if (value < 0.5) {
      ++losses;
    } else {
      ++ties;
    }
  }
};

Json win_row(const JudgedBatch& batch, std::uint32_t judge, std::uint32_t model, const std::string& opponent,
             const WinCell& cell) {
  const WinRate rate = win_rate(cell.values, cell.clusters);
  const double sum = std::accumulate(cell.values.begin(), cell.values.end(), 0.0);
  const Bounds both = bounds(sum, cell.values.size(), cell.missing);
  const Figure& figure = rate.figure;
  Json row = {{"judge", batch.voter(judge)},
              {"model", batch.models[model]},
              {"opponent", opponent},
              {"n", cell.values.size()},
              {"wins", cell.wins},
              {"losses", cell.losses},
              {"ties", cell.ties},
              {"inconsistent", cell.inconsistent},
              {"missing", cell.missing},
              {"rate", number(figure.value)},
              {"se", number(rate.standard_error)},
              {"low", std::isnan(figure.low) ? Json() : Json(std::fmax(figure.low, 0))},
              {"high", std::isnan(figure.high) ? Json() : Json(std::fmin(figure.high, 1))},
              {"discrete", number(rate.discrete)},
              {"worst", number(both.worst)},
              {"best", number(both.best)}};
  if (std::isnan(figure.value) || std::isnan(figure.low)) row["why"] = std::string(to_text(figure.why));
  return row;
}

/// "MODEL:1000" as the contestant and its rating.
struct Anchor {
  std::optional<std::uint32_t> model;
  double rating = 1000;
};
Anchor anchor_of(const std::string& text, const std::vector<std::uint32_t>& contestants, const Names& models) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return {};
  Anchor anchor;
  for (std::uint32_t i = 0; i < contestants.size(); ++i) {
    if (models[contestants[i]] == text.substr(0, colon)) anchor.model = i;
  }
  anchor.rating = std::strtod(text.c_str() + colon + 1, nullptr);
  return anchor;
}

struct Games {
  std::vector<std::uint32_t> contestants;  // models
  std::vector<Game> games;
  std::vector<std::uint32_t> clusters;
};
Games games_of(const JudgedBatch& batch, std::uint32_t judge) {
  Games all;
  std::vector<std::optional<std::uint32_t>> numbers(batch.models.size());
  const auto contestant = [&](std::uint32_t model) {
    if (!numbers[model]) {
      numbers[model] = static_cast<std::uint32_t>(all.contestants.size());
      all.contestants.push_back(model);
    }
    return *numbers[model];
  };
  for (const auto& [item, opinion] : batch.votes(judge)) {
    if (!opinion->given || item->model_a == item->model_b || std::isnan(opinion->value)) continue;
    const std::uint32_t a = contestant(item->model_a), b = contestant(item->model_b);
    all.games.push_back({a, b, opinion->value, static_cast<double>(opinion->games)});
    all.clusters.push_back(item->cluster);
  }
  return all;
}

/// Of each contestant: its group, the best first; all 0 where everyone has a rating.
std::vector<std::uint32_t> groups_of(const BradleyTerry& fit, std::size_t contestants) {
  std::vector<std::uint32_t> groups(contestants, 0);
  for (std::uint32_t g = 0; g < fit.groups.size(); ++g) {
    for (const std::uint32_t one : fit.groups[g]) groups[one] = g + 1;
  }
  return groups;
}

void add_ranking(const JudgedBatch& batch, std::uint32_t judge, Json& table) {
  const Games all = games_of(batch, judge);
  const std::size_t count = all.contestants.size();
  if (all.games.empty()) return;
  const Anchor anchor = anchor_of(batch.settings.anchor, all.contestants, batch.models);
  std::vector<double> rating, abilities(count, kUndefined);
  std::vector<Interval> intervals(count);
  std::vector<std::uint32_t> groups(count, 0);
  Why why = Why::ok;
  std::size_t parts = 1;
  if (batch.settings.rating == "elo") {
    rating = elo(count, all.games);
    if (anchor.model) {
      const double shift = anchor.rating - rating[*anchor.model];
      for (double& one : rating) one += shift;
    }
  } else {
    BradleyTerrySettings settings;
    settings.ties = batch.settings.rating == "davidson" ? Ties::davidson : Ties::half;
    settings.anchor = anchor.model;
    const BradleyTerry fit = bradley_terry(count, all.games, settings);
    abilities = fit.abilities;
    rating = ratings(fit, anchor.model, anchor.rating);
    groups = groups_of(fit, count);
    why = fit.why;
    parts = fit.parts;
    if (std::any_of(rating.begin(), rating.end(), [](double one) { return !std::isnan(one); })) {
      intervals = bootstrap_ratings(count, all.games, all.clusters, settings, stream_of(batch, "ranking", judge),
                                    std::max(kLeastReplicates, replicates_for(all.games.size(), kMostRated)), 0.95,
                                    anchor.model, anchor.rating)
                      .ratings;
    }
  }
  std::vector<std::uint64_t> played(count, 0);
  for (const Game& game : all.games) {
    ++played[game.a];
    ++played[game.b];
  }
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  const auto better = [&](std::uint32_t a, std::uint32_t b) {
    if (std::isnan(rating[a]) != std::isnan(rating[b])) return std::isnan(rating[b]);
    if (!std::isnan(rating[a])) return rating[a] > rating[b];
    return groups[a] < groups[b];
  };
  std::stable_sort(order.begin(), order.end(), better);
  constexpr double kEqual = 1e-9;  // ratings closer than this share a rank
  std::size_t rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t c = order[i];
    if (i == 0 || !(std::fabs(rating[c] - rating[order[i - 1]]) < kEqual)) rank = i + 1;
    const bool rated = !std::isnan(rating[c]);
    Json row = {{"judge", batch.voter(judge)},
                {"model", batch.models[all.contestants[c]]},
                {"ability", number(abilities[c])},
                {"rating", number(rating[c])},
                {"low", rated ? number(intervals[c].low) : Json()},
                {"high", rated ? number(intervals[c].high) : Json()},
                {"rank", rated ? Json(rank) : Json()},
                {"n", played[c]}};
    if (!rated) {
      row["why"] = std::string(to_text(why));
      if (groups[c] > 0) row["group"] = groups[c];
    } else if (parts > 1) {
      row["why"] = "some models share no opponent: ratings count within their part only";
    }
    table.push_back(std::move(row));
  }
}

/// Games of unequal length, from the side of the longer answer.
struct Longer {
  std::vector<double> values;
  std::vector<std::uint32_t> clusters;
  void add(double value, double length, double other, std::uint32_t cluster) {
    if (std::isnan(value) || std::isnan(length) || std::isnan(other) || length == other) return;
    values.push_back(length > other ? value : 1 - value);
    clusters.push_back(cluster);
  }
};

void add_longer(Json& row, const Longer& longer) {
  const Figure figure = win_rate(longer.values, longer.clusters).figure;
  row["longer_n"] = longer.values.size();
  row["longer_rate"] = number(figure.value);
  row["longer_low"] = std::isnan(figure.low) ? Json() : Json(std::fmax(figure.low, 0));
  row["longer_high"] = std::isnan(figure.high) ? Json() : Json(std::fmin(figure.high, 1));
}

void add_lengths(const JudgedBatch& batch, std::uint32_t judge, Json& pooled, Json& table) {
  // From the side of each model that is no baseline; without a baseline both sides of a game are.
  std::vector<std::optional<std::uint32_t>> numbers(batch.models.size());
  std::vector<std::uint32_t> models;
  std::vector<LengthGame> games;
  std::vector<std::uint32_t> clusters;
  std::vector<Longer> longer;
  Longer all;
  std::uint64_t n = 0;
  const auto add = [&](std::uint32_t model, double value, double length, double other, std::uint32_t cluster) {
    if (batch.is_baseline(model)) return;
    if (!numbers[model]) {
      numbers[model] = static_cast<std::uint32_t>(models.size());
      models.push_back(model);
      longer.emplace_back();
    }
    games.push_back({*numbers[model], value, length, other});
    clusters.push_back(cluster);
    longer[*numbers[model]].add(value, length, other, cluster);
  };
  for (const auto& [item, opinion] : batch.votes(judge)) {
    if (!opinion->given || std::isnan(item->len_a) || std::isnan(item->len_b) || item->model_a == item->model_b)
      continue;
    ++n;
    add(item->model_a, opinion->value, item->len_a, item->len_b, item->cluster);
    add(item->model_b, 1 - opinion->value, item->len_b, item->len_a, item->cluster);
    all.add(opinion->value, item->len_a, item->len_b, item->cluster);
  }
  if (games.empty()) return;
  const std::size_t replicates = replicates_for(games.size(), kMostControlled);
  const LengthControl control =
      replicates < kLeastReplicates
          ? length_control(models.size(), games)
          : bootstrap_length_control(models.size(), games, clusters, stream_of(batch, "length", judge), replicates);
  Json everything = {{"judge", batch.voter(judge)}, {"model", kAll}, {"n", n}};
  for (const char* column : {"raw", "controlled", "low", "high", "slope", "basis"}) everything[column] = nullptr;
  add_longer(everything, all);
  pooled.push_back(std::move(everything));
  for (std::size_t i = 0; i < models.size(); ++i) {
    const LengthControl::Model& model = control.models[i];
    Json row = {{"judge", batch.voter(judge)},
                {"model", batch.models[models[i]]},
                {"n", model.n},
                {"raw", number(model.raw)},
                {"controlled", number(model.controlled)},
                {"low", number(model.low)},
                {"high", number(model.high)},
                {"slope", model.basis == "none" ? Json() : number(control.slope)},
                {"basis", std::string(model.basis)}};
    add_longer(row, longer[i]);
    if (model.why != Why::ok) row["why"] = std::string(to_text(model.why));
    table.push_back(std::move(row));
  }
}

}  // namespace

Json win_rate_table(const JudgedBatch& batch) {
  if (!has_two_answers(batch.settings.mode)) return nullptr;
  Json pooled = Json::array(), pairs = Json::array();
  for (const std::uint32_t judge : batch.voters()) {
    std::map<std::uint32_t, WinCell> by_model;
    std::map<std::pair<std::uint32_t, std::uint32_t>, WinCell> by_pair;
    const auto add = [&](std::uint32_t model, std::uint32_t opponent, const Opinion& opinion, double value,
                         std::uint32_t cluster) {
      if (batch.is_baseline(model)) return;
      by_model[model].add(opinion, value, cluster);
      by_pair[{model, opponent}].add(opinion, value, cluster);
    };
    for (const auto& [item, opinion] : batch.votes(judge)) {
      if (item->model_a == item->model_b) continue;
      add(item->model_a, item->model_b, *opinion, opinion->value, item->cluster);
      add(item->model_b, item->model_a, *opinion, 1 - opinion->value, item->cluster);
    }
    for (const auto& [model, cell] : by_model) pooled.push_back(win_row(batch, judge, model, kAll, cell));
    for (const auto& [pair, cell] : by_pair)
      pairs.push_back(win_row(batch, judge, pair.first, batch.models[pair.second], cell));
  }
  for (Json& row : pairs) pooled.push_back(std::move(row));
  return pooled.empty() ? Json() : pooled;
}

Json ranking_table(const JudgedBatch& batch) {
  if (!has_two_answers(batch.settings.mode)) return nullptr;
  Json table = Json::array();
  for (const std::uint32_t judge : batch.voters()) add_ranking(batch, judge, table);
  return table.empty() ? Json() : table;
}

Json length_table(const JudgedBatch& batch) {
  if (!has_two_answers(batch.settings.mode)) return nullptr;
  Json pooled = Json::array(), table = Json::array();
  for (const std::uint32_t judge : batch.voters()) add_lengths(batch, judge, pooled, table);
  for (Json& row : table) pooled.push_back(std::move(row));
  return pooled.empty() ? Json() : pooled;
}

}  // namespace assay
