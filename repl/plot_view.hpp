#pragma once
// A plot in the terminal: a row a bin or group, as wide as the terminal. Pure; any thread.

#include "repl/command.hpp"
#include "repl/plot.hpp"

namespace assay {

/// Honours reply.width (0: 100 columns). `unicode`: blocks and lines of Unicode, else ASCII.
void draw_plot(const Plot& plot, bool unicode, Reply& reply);

}  // namespace assay
