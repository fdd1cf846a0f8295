#pragma once
// The games of Bradley-Terry, added up by pair, and what their wins connect. One thread a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/statistics/ranking.hpp"

namespace assay {

/// What one pair played. With an advantage of the first, (a, b) and (b, a) are two cells.
struct GameCell {
  std::uint32_t a = 0, b = 0;
  double win_a = 0, win_b = 0, ties = 0;
  double games() const { return win_a + win_b + ties; }
};

class GameTable {
 public:
  /// Contestants below `contestants`, a != b, values in [0, 1], weights of 0 or more: else std::logic_error. The span
  /// outlives the table.
  GameTable(std::size_t contestants, std::span<const Game> games, const BradleyTerrySettings& settings);

  /// Every game once.
  void add_all();
  void clear();
  /// One game more; nothing when its value is missing.
  void add(std::size_t game);
  /// Virtual ties of the prior, after the last game.
  void add_prior();

  const std::vector<GameCell>& cells() const { return cells_; }
  std::size_t contestants() const { return contestants_; }
  std::size_t games() const { return games_.size() - missing_; }
  std::size_t missing() const { return missing_; }

 private:
  std::size_t contestants_;
  std::span<const Game> games_;
  BradleyTerrySettings settings_;
  std::size_t missing_ = 0;
  std::vector<std::uint32_t> cell_of_;  // game by game
  std::vector<GameCell> cells_;
  std::vector<double> prior_;  // virtual ties, cell by cell: of two cells of a pair half each
};

/// Parts that games connect, numbered from 0 in the order of their first contestant.
std::vector<std::uint32_t> connected_parts(const GameTable& table, std::size_t& parts);
/// Strongly connected groups along wins, those who win first within a part (Tarjan 1972, SIAM J. Comput. 1).
std::vector<std::vector<std::uint32_t>> win_groups(const GameTable& table);

/// bradley_terry of the games that were added; standard errors cost an inversion.
BradleyTerry fit_bradley_terry(const GameTable& table, const BradleyTerrySettings& settings, bool with_errors);

}  // namespace assay
