#pragma once
// One term over many runs, by what the run table holds. Called with a reader held.

#include <stop_token>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/query/query.hpp"

namespace assay {

/// Those of `runs` (ascending) that fulfil the term: names, batches, rows, metrics, facets, tags.
/// Throws QueryStopped.
std::vector<RunId> search_term(const QueryTerm& term, const RunTable::Reader& reader, std::vector<RunId> runs,
                               const std::stop_token& stop);

/// What a term costs a run, for the order within a conjunction: 0 nothing to speak of .. 9 reads from disk.
int cost_of(const QueryTerm& term);

}  // namespace assay
