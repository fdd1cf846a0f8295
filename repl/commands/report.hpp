#pragma once
// report: the kinds' own results, in the terminal or as a file. UI thread.

#include "repl/command.hpp"

namespace assay {

void add_report_command(CommandTable& table);

}  // namespace assay
