#pragma once
// `! COMMAND`: the one shell there is, for a line that a person typed. One thread; outside of LineEditor::read and
// wait.

#include <string>
#include <vector>

namespace assay {

/// Runs the line with /bin/sh and waits for it; the exit status, 128 + N after signal N. The child gets signals as it
/// would from any shell, `variables` ("NAME=value") as its environment, and `out` as its standard output. Throws Error
/// "shell" when it can't be started.
int run_shell_line(const std::string& line, std::vector<std::string> variables, int out = 1);

}  // namespace assay
