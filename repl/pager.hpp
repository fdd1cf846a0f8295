#pragma once
// Long output on a terminal: through $PAGER or less, started without a shell. Elsewhere, and when it fits, it is just
// written. UI thread, outside of LineEditor::read and wait.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

/// The argv of the pager: $PAGER split at spaces (quotes respected), else less. `-R` is added for less alone, and only
/// when `colours`. Empty: no pager (PAGER=cat or "", a dumb terminal).
std::vector<std::string> pager_command(const TerminalEnvironment& environment, const TerminalFacts& facts);

/// Whether these lines, wrapped at its width, need more rows than the screen has (one is kept for the prompt).
bool is_longer_than(const std::vector<StyledText>& lines, TerminalSize size);

/// Shows the lines: paged when `screen` is a terminal, `in` too, and they are longer than it. The pager runs with
/// LESSSECURE=1 in the terminal's foreground group, so that its Ctrl-C is its own; it has ended when this returns.
/// `variables`: its environment, "NAME=value". A pager that can't be started: the lines are written.
void show_paged(Screen& screen, const std::vector<StyledText>& lines,
                const std::function<std::vector<std::string>()>& variables, int in = 0,
                const TerminalEnvironment& environment = terminal_environment);

}  // namespace assay
