#pragma once
// What the terms of a query mean on the runs there are: addresses, indices of the listing, facets by name.

#include <unordered_map>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/query/query.hpp"

namespace assay {

struct Binding {
  std::vector<RunId> address;  // ascending; not empty: the term is the address of these runs
  std::vector<RunId> indexed;  // ascending; of a term of indices
};

using Bindings = std::unordered_map<const QueryTerm*, Binding>;

/// For every term of the query. An address is a term whose whole text is a run's name. Throws Error "query": an unknown
/// field, a run that its batch does not have, an index beyond the end of `listing`.
Bindings bind_terms(const Query& query, const RunTable::Reader& reader, const std::vector<RunId>& listing);

/// Whether some batch has a facet of this name.
bool has_facet(const RunTable::Reader& reader, std::string_view name);

}  // namespace assay
