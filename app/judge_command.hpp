#pragma once
// The command `judge QUERY [vs QUERY] [key=value ..]`: short for `load judge @QUERY ..`. Specs: judge.md 1. UI thread.

#include "repl/command.hpp"

namespace assay {

void add_judge_command(CommandTable& table);

}  // namespace assay
