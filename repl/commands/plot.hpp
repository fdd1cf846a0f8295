#pragma once
// plot: a field of runs as a picture, in the terminal or in a file.

#include "repl/command.hpp"

namespace assay {

void add_plot_command(CommandTable& table);

}  // namespace assay
