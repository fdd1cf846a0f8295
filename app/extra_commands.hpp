#pragma once
// Commands that need more than core: `prompt` (runners/prompt), `extract` (experiments/qa). The rows are like those of
// repl/commands; they stand here because repl knows neither.

#include "app/program.hpp"
#include "repl/command.hpp"

namespace assay {

void add_extra_commands(CommandTable& table, const Services& services);

}  // namespace assay
