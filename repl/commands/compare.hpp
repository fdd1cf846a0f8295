#pragma once
// compare: batches or queries, paired by item (statistics.md 4).

#include "repl/command.hpp"

namespace assay {

void add_compare_command(CommandTable& table);

}  // namespace assay
