#pragma once
// The label that most votes have. Specs: statistics.md 6. Pure functions: any thread.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "core/statistics/named_stream.hpp"

namespace assay {

/// Of labels that have as many votes: the one whose first vote came first, none, or one drawn.
enum class TieRule { first, none, random };

template <class Label>
struct Majority {
  struct Votes {
    Label label;
    std::size_t votes;
  };
  std::optional<Label> label;  ///< none: no votes, or a tie under TieRule::none
  std::vector<Votes> counts;   ///< in the order of first votes
  bool tie = false;
  std::size_t n = 0, missing = 0;
};

/// nullopt doesn't vote. `stream` is drawn from only for a tie under TieRule::random, which needs it.
template <class Label>
Majority<Label> majority(std::span<const std::optional<Label>> labels, TieRule rule, NamedStream* stream = nullptr) {
  Majority<Label> result;
  for (const auto& label : labels) {
    if (!label) {
      ++result.missing;
      continue;
    }
    ++result.n;
    const auto found = std::find_if(result.counts.begin(), result.counts.end(),
                                    [&](const auto& each) { return each.label == *label; });
    if (found == result.counts.end()) {
      result.counts.push_back({*label, 1});
    } else {
      ++found->votes;
    }
  }
  std::size_t most = 0;
  for (const auto& each : result.counts) most = std::max(most, each.votes);
  std::vector<Label> best;
  for (const auto& each : result.counts) {
    if (each.votes == most) best.push_back(each.label);
  }
  result.tie = best.size() > 1;
  if (best.empty() || (result.tie && rule == TieRule::none)) return result;
  std::size_t chosen = 0;
  if (result.tie && rule == TieRule::random) {
    if (stream == nullptr) throw std::logic_error("majority: a stream to draw from");
    chosen = stream->below(best.size());
  }
  result.label = best[chosen];
  return result;
}

}  // namespace assay
