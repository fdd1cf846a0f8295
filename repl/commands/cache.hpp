#pragma once
// cache: whether answers are given again to the same request, what that has saved, and how they are forgotten
// (models.md 5.5).

#include "core/ledger/response_cache.hpp"
#include "repl/command.hpp"

namespace assay {

/// `cache` outlives the table.
void add_cache_command(CommandTable& table, ResponseCache& cache);

}  // namespace assay
