#include "core/statistics/game_table.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

namespace assay {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
/// Up to so many pairs a table of all of them is kept, 16 MB; beyond, a hash table of those that met.
constexpr std::size_t kMostDense = 4'000'000;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Which cell a pair has.
class PairIndex {
 public:
  explicit PairIndex(std::size_t contestants) : contestants_(contestants) {
    if (contestants * contestants <= kMostDense) dense_.assign(contestants * contestants, kNone);
  }
  std::uint32_t& at(std::uint32_t a, std::uint32_t b) {
    const std::size_t key = std::size_t{a} * contestants_ + b;
    return dense_.empty() ? sparse_.try_emplace(key, kNone).first->second : dense_[key];
  }

 private:
  std::size_t contestants_;
  std::vector<std::uint32_t> dense_;
  std::unordered_map<std::size_t, std::uint32_t> sparse_;
};

}  // namespace

GameTable::GameTable(std::size_t contestants, std::span<const Game> games, const BradleyTerrySettings& settings)
    : contestants_(contestants), games_(games), settings_(settings) {
  require(settings.prior >= 0, "Bradley-Terry: a prior of 0 or more");
  require(!settings.anchor || *settings.anchor < contestants, "Bradley-Terry: an anchor among the contestants");
  PairIndex index(contestants);
  cell_of_.reserve(games.size());
  for (const Game& game : games) {
    require(game.a < contestants && game.b < contestants && game.a != game.b, "Bradley-Terry: two contestants a game");
    require(game.weight >= 0 && std::isfinite(game.weight), "Bradley-Terry: weights of 0 or more");
    if (!std::isfinite(game.value)) {
      ++missing_;
      cell_of_.push_back(kNone);
      continue;
    }
    require(game.value >= 0 && game.value <= 1, "Bradley-Terry: values in [0, 1]");
    const bool ordered = settings.advantage || game.a < game.b;
    const std::uint32_t a = ordered ? game.a : game.b, b = ordered ? game.b : game.a;
    std::uint32_t& cell = index.at(a, b);
    if (cell == kNone) {
      cell = static_cast<std::uint32_t>(cells_.size());
      cells_.push_back({a, b, 0, 0, 0});
    }
    cell_of_.push_back(cell);
  }
  if (settings.prior == 0) return;
  for (const GameCell& cell : cells_)
    prior_.push_back(settings.advantage && index.at(cell.b, cell.a) != kNone ? settings.prior / 2 : settings.prior);
}

void GameTable::clear() {
  for (GameCell& cell : cells_) cell.win_a = cell.win_b = cell.ties = 0;
}

void GameTable::add(std::size_t game) {
  if (cell_of_[game] == kNone) return;
  const Game& played = games_[game];
  GameCell& cell = cells_[cell_of_[game]];
  if (settings_.ties == Ties::davidson && played.value == 0.5) {
    cell.ties += played.weight;
    return;
  }
  const double first = played.weight * played.value, second = played.weight * (1 - played.value);
  cell.win_a += cell.a == played.a ? first : second;
  cell.win_b += cell.a == played.a ? second : first;
}

void GameTable::add_prior() {
  for (std::size_t i = 0; i < prior_.size(); ++i) {
    if (settings_.ties == Ties::davidson) {
      cells_[i].ties += prior_[i];
    } else {
      cells_[i].win_a += prior_[i] / 2;
      cells_[i].win_b += prior_[i] / 2;
    }
  }
}

void GameTable::add_all() {
  clear();
  for (std::size_t i = 0; i < games_.size(); ++i) add(i);
  add_prior();
}

std::vector<std::uint32_t> connected_parts(const GameTable& table, std::size_t& parts) {
  std::vector<std::uint32_t> parent(table.contestants());
  std::iota(parent.begin(), parent.end(), 0U);
  const auto root = [&](std::uint32_t at) {
    while (parent[at] != at) at = parent[at] = parent[parent[at]];
    return at;
  };
  for (const GameCell& cell : table.cells()) {
    if (!(cell.games() > 0)) continue;
    const std::uint32_t a = root(cell.a), b = root(cell.b);
    parent[std::max(a, b)] = std::min(a, b);
  }
  std::vector<std::uint32_t> part(parent.size(), kNone);
  parts = 0;
  for (std::uint32_t i = 0; i < part.size(); ++i) {
    std::uint32_t& of_root = part[root(i)];  // the root is the first of its part
    if (of_root == kNone) of_root = static_cast<std::uint32_t>(parts++);
    part[i] = of_root;
  }
  return part;
}

std::vector<std::vector<std::uint32_t>> win_groups(const GameTable& table) {
  const std::size_t n = table.contestants();
  // Who was beaten by whom, contestant by contestant one after the other.
  std::vector<std::size_t> begin(n + 1, 0);
  const auto edges = [&](const auto& visit) {
    for (const GameCell& cell : table.cells()) {
      if (cell.win_a > 0 || cell.ties > 0) visit(cell.a, cell.b);
      if (cell.win_b > 0 || cell.ties > 0) visit(cell.b, cell.a);
    }
  };
  edges([&](std::uint32_t winner, std::uint32_t) { ++begin[winner + 1]; });
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<std::uint32_t> beaten(begin.back());
  std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
  edges([&](std::uint32_t winner, std::uint32_t loser) { beaten[next[winner]++] = loser; });

  next.assign(begin.begin(), begin.end() - 1);
  std::vector<std::uint32_t> number(n, kNone), lowest(n, kNone), open, path;
  std::vector<bool> is_open(n, false);
  std::vector<std::vector<std::uint32_t>> groups;
  std::uint32_t count = 0;
  const auto enter = [&](std::uint32_t at) {
    number[at] = lowest[at] = count++;
    open.push_back(at);
    is_open[at] = true;
    path.push_back(at);
  };
  for (std::uint32_t start = 0; start < n; ++start) {
    if (number[start] != kNone) continue;
    enter(start);
    while (!path.empty()) {
      const std::uint32_t at = path.back();
      if (next[at] < begin[at + 1]) {
        const std::uint32_t to = beaten[next[at]++];
        if (number[to] == kNone) {
          enter(to);
        } else if (is_open[to]) {
          lowest[at] = std::min(lowest[at], number[to]);
        }
        continue;
      }
      path.pop_back();
      if (!path.empty()) lowest[path.back()] = std::min(lowest[path.back()], lowest[at]);
      if (lowest[at] != number[at]) continue;
      std::vector<std::uint32_t> group;
      do {
        group.push_back(open.back());
        is_open[open.back()] = false;
        open.pop_back();
      } while (group.back() != at);
      std::sort(group.begin(), group.end());
      groups.push_back(std::move(group));
    }
  }
  std::reverse(groups.begin(), groups.end());  // a group is closed after all that it beats
  return groups;
}

}  // namespace assay
