#pragma once
// The machine form of the report on discussions, as discussion.md 11.3 names it. One thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/discussion/estimate.hpp"
#include "experiments/discussion/metrics.hpp"

namespace assay {

/// One run as its report needs it.
struct DiscussionRow {
  std::string run_id;
  std::string folder;  ///< of a result file: the folder it lay in, "" at the top
  Status status = Status::ready;
  bool loaded = false;
  Json design = Json::object();  ///< seed, format, behaviour, policy, p_respond, num_users, num_turns; null: unknown
  double expected_two_before = kUndefined;
  DiscussionMetrics metrics;  ///< of COMPLETE runs
  std::string stop;
  UsageSum usage;
  Json forked_from;
};

struct DiscussionRows {
  std::vector<DiscussionRow> rows;
  DiscussionEstimate left;  ///< of what is not COMPLETE
  EstimatePrices prices;
};
DiscussionRows discussion_rows(const BatchView& batch);

/// A figure of one discussion that means of several are made of.
struct RowMetric {
  std::string_view name;
  ReportTable::Form form;
  double (*of)(const DiscussionRow&);
};
const std::vector<RowMetric>& row_metrics();

/// runs, design, turns, participation, text, stops, cost.
Json discussion_blocks(const std::vector<const DiscussionRow*>& rows, const EstimatePrices& prices);

/// All of it: the blocks, variants, discussions; where there are such: "estimate", "grid" (report_cells.hpp), "forks".
Json discussion_figures(const BatchView& batch, const DiscussionRows& rows);

/// null for what is not defined.
Json number_or_null(double value);
/// [low, high], null without.
Json interval_or_null(const std::pair<double, double>& interval);

}  // namespace assay
