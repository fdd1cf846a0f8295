#pragma once
// `assay repair FILE [OUT]`: the command of that name without an experiment, for a file that can't be opened. Main
// thread.

namespace assay {

/// Of a command line whose second word is `repair`. Returns the exit status (shell.md 1).
int repair_from_command_line(int argc, char** argv);

}  // namespace assay
