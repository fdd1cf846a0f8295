#pragma once
// tag, tags, note: what a person sets on runs.

#include "repl/command.hpp"

namespace assay {

void add_label_commands(CommandTable& table);

}  // namespace assay
