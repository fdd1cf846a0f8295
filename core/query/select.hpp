#pragma once
// Which runs a query means (specs: shell.md 3). A query filters the last listing; without one, all runs. `all`, `*` and
// an address reach beyond the listing, together with what stands beside them: `all status:FAIL` is every FAIL.
// Dropped runs are never selected.
//
// Any thread. The run table is locked term by term, for the milliseconds that one takes; never while payloads are read.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/query/name_search.hpp"
#include "core/query/payload.hpp"
#include "core/query/query.hpp"

namespace assay {

struct Scope {
  const std::vector<RunId>* listing = nullptr;  ///< as `ls` showed it; nullptr: none yet
  bool from_all = false;                        ///< `ls QUERY`: all runs; indices are still those of the listing
};

struct Selection {
  std::vector<RunId> runs;             ///< in order of RunId; of a query that is indices only, in the order listed
  std::size_t scope = 0;               ///< runs that were asked: of the listing, or all
  bool listed = false;                 ///< the scope is a listing
  bool beyond = false;                 ///< `all` or an address reached beyond the listing
  std::optional<std::size_t> outside;  ///< when none is selected: runs outside the listing that match
};

/// Throws Error "query" (with a caret, as parse_query) for an unknown field, a run that a batch does not have, an index
/// beyond the listing's end, and for data, answer, context and log when `payloads` is nullptr. Throws QueryStopped.
Selection select(const Query& query, const RunTable& table, const Scope& scope, PayloadSource* payloads = nullptr,
                 const std::stop_token& stop = {});

/// "569 runs (of 1,000 listed)"; "no runs: nothing listed matches; 12 runs outside the listing do".
std::string describe(const Selection& selection);

}  // namespace assay
