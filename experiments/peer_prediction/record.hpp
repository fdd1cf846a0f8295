#pragma once
// A task and what came of it: the forms of run.data and run.answer, and both as figures are made from. Specs:
// peer_prediction.md 3, 6, 9. Any thread.
//
// run.data: {"context", "input"?, "reference"?, "responses"? (given; null: missing), "preparations"?, "metadata"?} of a
// task to be run; synthetic: {"context": "Synthetic context k", "values": [a_1 ..]}. Recorded: the same as far as known
// and "recorded": "cs329" | "items" | "comparisons", with, for items, "items": the matrices under upstream's keys;
// "lengths": [number|null ..] where they are known without the responses.
//
// run.answer: {"responses": [text|null ..], "preparations": [text|null ..], "response_errors": [text|null ..]?,
//  "comparisons": [{"agent_pair": [i, j] (from 1), "distribution": "p"|"q", "critic"? (of a panel), "partner": id|null,
//                   "result": number|null, "status": "exact".. | "no_response" | "error" | "no_partner", "raw"?}],
//  "judgements": [{"agent_pair", "context": "with"|"without", "result", "status", "raw"?}],
//  "sums": {"p"|"q"|"with"|"without": {"sum": [[n x n]], "count": [[..]], "missing": [[..]]}}  (free critics under all
//  and
//          all_other keep these instead of comparisons; free judges never need them),
//  "logp": {"base": [{"mean","sum","tokens"}|null ..], "cond": [[{..}|null ..]]}: cond[i][j] of A_i after A_j}
// Recorded cs329 comparisons keep "x" and "y" too.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/peer_prediction/settings.hpp"

namespace assay {

/// n x n cells of one task, row-major; (i, j): x of agent i, y of agent j.
struct PeerGrid {
  std::size_t n = 0;
  std::vector<double> sum;  ///< over what was answered
  std::vector<std::uint32_t> answered;
  explicit PeerGrid(std::size_t agents = 0);
  double mean(std::size_t i, std::size_t j) const;  ///< NaN without an answer
};

/// Calls of one sort. planned = answered + unparsed + failed + missing; failed: the call came to nothing; missing: it
/// was not made (no response to compare, no partner), or was lost.
struct PeerCounts {
  std::uint64_t planned = 0, answered = 0, unparsed = 0, failed = 0, missing = 0;
  PeerCounts& operator+=(const PeerCounts& other);
};

struct PeerTask {
  RunId run = kNoRun;
  std::string id;
  Status status = Status::ready;
  PeerGrid p, q, with, without;
  PeerCounts p_counts, q_counts, with_counts, without_counts, responses, logp_counts;
  /// Recorded items: the matrix p - q as given (NaN: missing; empty: no items), and what counts as lost whole.
  std::vector<double> tvd;
  /// Of recorded items: calls that were lost, those of whole mechanisms too.
  std::uint64_t lost_p = 0, lost_q = 0, lost_with = 0, lost_without = 0;
  bool tvd_lost_whole = false, with_lost_whole = false, without_lost_whole = false;
  /// Per agent, NaN: missing; empty: not there. gppm_recorded is upstream's gppm_normalized.
  std::vector<double> mi, gppm, gppm_per_token, gppm_recorded;
  std::vector<double> lengths;  ///< code points of the responses; NaN: missing
};
PeerTask peer_task(const PeerSettings& settings, const RunView& run);

/// A task as turns to read: what was given, each agent's response, and what critics and judges said of them.
std::vector<RunTurn> peer_turns(const RunView& run);

/// p - q of a cell: as recorded, else of the means; NaN when a side is missing.
double peer_difference(const PeerTask& task, std::size_t i, std::size_t j);
/// Mean of what is finite of f(0) .. f(count - 1); NaN of nothing.
double mean_of_finite(std::size_t count, const std::function<double(std::size_t)>& f);
/// Without a verdict; metrics: tvd_mi (mean p - q over its pairs), judge, unparsed, missing.
Score peer_score(const PeerTask& task);

}  // namespace assay
