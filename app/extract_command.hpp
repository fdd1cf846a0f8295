#pragma once
// `extract RULE FILE|"TEXT"`: what a rule of experiments/qa finds in texts (specs: qa.md 8). It stands here because
// repl does not know experiments.

#include "repl/command.hpp"

namespace assay {

void add_extract_command(CommandTable& table);

}  // namespace assay
