#pragma once
// Counts behind a report: of all runs, of a category, of the repeats of an item. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/qa/scoring.hpp"

namespace assay {

/// Runs by outcome. An error is never a wrong answer: `failed`, `not_run` and `unscored` are in no accuracy.
struct QaTally {
  std::uint64_t n = 0, scored = 0, correct = 0, unextracted = 0, out_of_options = 0, failed = 0, not_run = 0,
                unscored = 0;
  std::uint64_t unextracted_scored = 0;  ///< those of unextracted that count as wrong
  std::uint64_t gold = 0, open = 0;      ///< with a right answer; of those, how many might still be right
  std::uint64_t unreadable = 0;          ///< unscored, and whether they have a right answer can't be read back

  std::vector<double> values;        ///< 1 or 0 of the scored runs
  std::vector<std::uint32_t> items;  ///< whose they are

  /// `item`: the same number for the repeats of one item.
  void add(const RunView& run, bool has_gold, std::uint32_t item);
  Json accuracy() const;  ///< correct / scored, null when nothing is scored
  /// [low, high] of it: Wilson's; with repeats of items clustered by item. Null without one.
  Json interval() const;
  /// [correct / gold, (correct + unextracted + failed + not run + unscored) / gold], `unreadable` counted among gold
  /// and unscored; null without gold.
  Json bounds() const;
};

/// What the repeats of one item say: its runs, and their samples.
struct Repeats {
  std::uint64_t runs = 0, scored_runs = 0, correct_runs = 0;
  std::uint64_t samples = 0, correct_samples = 0;
  std::vector<std::pair<std::string, std::uint64_t>> votes;  ///< value and count, in order of the first vote
  std::map<std::string, bool> right;                         ///< value -> whether it is the right answer

  void add(const RunView& run, const Item& item, const Scorer& scorer);
  /// The value most votes went to, the first of equals; nullopt without votes.
  std::optional<std::string> majority() const;
  bool tied() const;
};

/// Whether nothing was found in the replies of a COMPLETE run.
bool is_unextracted(const RunView& run);
/// Whether the value found is none of the item's letters.
bool is_out_of_options(const RunView& run);

}  // namespace assay
