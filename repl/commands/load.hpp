#pragma once
// load: files become batches of runs, by a kind or as they were saved.

#include <string>

#include "repl/command.hpp"

namespace assay {

void add_load_command(CommandTable& table, const std::string& group);

}  // namespace assay
