#pragma once
// A command that needs more than core: `prompt` (runners/prompt). Its row is like those of repl/commands; it stands
// here because repl does not know prompts.

#include "app/program.hpp"
#include "repl/command.hpp"

namespace assay {

void add_extra_commands(CommandTable& table, const Services& services);

}  // namespace assay
