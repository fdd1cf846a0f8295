#pragma once
// Discussions compared with others: the cells of a grid, forks with the runs they come from. Specs: discussion.md 11.4,
// 13.3. One thread.

#include "experiments/discussion/report_figures.hpp"

namespace assay {

/// Where the batch is a cell of a grid: `variants` gets every cell, and "grid": {"cells":[{"cell","batch","runs",
/// "complete","metrics":{NAME:{"n","mean","ci95"}},"differences":{NAME:{"n","mean","ci95","p","p_holm"}}}]}.
/// Differences are to the first cell, by run id; ci95 of means by bootstrap over discussions (stream key NAME), of
/// differences Student's t, p of the permutation test.
void add_grid(Json& figures, const BatchView& batch, const DiscussionRows& own);

/// Where runs are forks: "forks":{"parents":[..],"steps":[..],"pairs","unpaired","metrics":{NAME:{"n","parent","fork",
/// "difference","ci95","p","p_holm"}}}, over the pairs of which both are COMPLETE.
void add_forks(Json& figures, const BatchView& batch, const DiscussionRows& own);

/// "turn_policy=respond, num_users=5"; "" : of no grid.
std::string cell_name(const BatchInfo& info);

}  // namespace assay
