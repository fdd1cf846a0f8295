#pragma once
// Texts and regexes over the names of all runs at once. Called with a reader held; any thread.

#include <stop_token>
#include <string_view>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/text/pattern.hpp"

namespace assay {

/// Thrown when the stop token of a search is set.
struct QueryStopped {};

/// Those of `runs` (ascending) whose name contains `text`.
std::vector<RunId> search_names(const RunTable::Reader& reader, const std::vector<RunId>& runs, std::string_view text,
                                const std::stop_token& stop);
/// The same, whatever the case of the letters.
std::vector<RunId> search_names_any_case(const RunTable::Reader& reader, const std::vector<RunId>& runs,
                                         std::string_view text, const std::stop_token& stop);
/// Those of `runs` (ascending) whose name matches. `ignore_case` as the pattern was made.
std::vector<RunId> search_names(const RunTable::Reader& reader, const std::vector<RunId>& runs, const Pattern& pattern,
                                bool ignore_case, const std::stop_token& stop);

/// Whether a pattern means the same on lines of one text as on each by itself (with newlines never matched).
bool works_on_lines(std::string_view pattern);

}  // namespace assay
