#pragma once
// From the judgements of a run to its verdict: two orders, samples, a panel. Specs: judge.md 7.1, 7.2. Pure functions:
// any thread.

#include <cstddef>
#include <string>
#include <vector>

#include "runners/judge/judgement.hpp"

namespace assay {

struct PoolingRules {
  std::string swap_rule = "tie";  ///< tie, mean, sum, drop
  std::string pool = "majority";  ///< majority, mean, max, min; numbers: mean where majority was not asked for
  std::size_t quorum = 0;         ///< 0: all
  bool both_orders = false;       ///< swap=both: a judge needs both orders
  double tie_delta = 0.1;
};

/// A verdict of one judge (its samples and orders pooled) or of the panel; in the item's own order: A is its first
/// answer. Without one: verdict "" and value NaN, `why` says "unparsed", "quorum", "order", "dropped", "error".
struct PooledVerdict {
  std::string judge;    ///< "" for the panel
  std::string verdict;  ///< labels; "inconsistent" under swap_rule=tie where the orders disagree; score, rubric: ""
  double value = kUndefined;                           ///< inconsistent: 1/2
  std::optional<std::pair<double, double>> values;     ///< compare, in the item's order
  std::vector<std::pair<std::string, double>> scores;  ///< rubric: means per criterion
  std::string why;
  /// Per order, samples pooled, in the item's own order; "" : no verdict. For position bias and agreement with gold.
  std::string ab, ba;
  double ab_value = kUndefined, ba_value = kUndefined;
  int games = 1;
  bool has_verdict() const { return !verdict.empty() || value == value || !scores.empty(); }
};

struct PooledRun {
  PooledVerdict panel;
  std::vector<PooledVerdict> judges;  ///< in the order of the run's judgements
  double agreement = kUndefined;      ///< share of judges that agree with the panel's verdict; NaN for one judge
};
/// Samples: those that could be read; the most frequent verdict, or the mean. Orders: both are needed where
/// `both_orders` says so or judgements of both are there; a judge that lacks one has no verdict where quorum=all, and
/// with a numeric quorum that of the order that could be read. Inconsistent is a vote for the tie, unless all judges
/// are. compare: means of both orders, then A, B or tie by tie_delta, whatever the swap_rule. pool max and min take the
/// highest, lowest value. `games`: the mean of both orders. `judges`: those that were asked, in their order (a judge
/// without any judgement counts as missing); empty: those that occur.
PooledRun pool_judgements(const ReadingRules& reading, const PoolingRules& rules,
                          const std::vector<Judgement>& judgements, const std::vector<std::string>& judges = {});

/// A verdict as displayed in order ba, in the item's own order, and back: A <-> B, A>>B <-> B>>A; others unchanged.
std::string unswapped(const std::string& verdict);

}  // namespace assay
