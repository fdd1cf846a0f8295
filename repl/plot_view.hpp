#pragma once
// A plot in the terminal: a row a bin or group, as wide as the terminal. Pure; any thread.

#include "repl/command.hpp"
#include "repl/plot.hpp"

namespace assay {

/// Whether lines and blocks of Unicode may be drawn: the locale (LC_ALL, LC_CTYPE, LANG) is one of UTF-8, and TERM is
/// not dumb. The same for a pipe as for a terminal.
bool shows_unicode(const TerminalEnvironment& environment = terminal_environment);

/// Honours reply.width (0: 100 columns). `unicode`: blocks and lines of Unicode, else ASCII.
void draw_plot(const Plot& plot, bool unicode, Reply& reply);

}  // namespace assay
