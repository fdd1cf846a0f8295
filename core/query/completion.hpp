#pragma once
// What may be typed in a query: for the Tab key. Any thread; reads the run table for a moment.

#include <string>
#include <string_view>
#include <vector>

#include "core/model/run_table.hpp"

namespace assay {

/// Words that begin with `word` (one word of a query as typed, quotes taken away; "!" and "(" before it stay), at most
/// `limit`, in order: fields, facets, metrics, the words that select alone, batches, and runs of a batch once "BATCH:"
/// is typed; after FIELD: the field's values. They are plain texts: the caller quotes what needs it (quote_query_word).
std::vector<std::string> complete_query(std::string_view word, const RunTable& table, std::size_t limit = 200);

/// The text as one word of a query, in quotes when it needs them. A FIELD: before the value is kept outside.
std::string quote_query_word(std::string_view text);

}  // namespace assay
