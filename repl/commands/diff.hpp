#pragma once
// diff: two runs side by side.

#include "repl/command.hpp"

namespace assay {

void add_diff_command(CommandTable& table);

}  // namespace assay
