#pragma once
// The program after `detach`: it goes on for its jobs and for who attaches. Main thread.

#include "repl/remote_server.hpp"
#include "repl/shell.hpp"

namespace assay {

/// Returns when a signal ends the program, or when for two seconds nothing has been left to go on with: no job that
/// has runs to begin, in flight or paused (who paused one comes back to `resume` it), no lane=auto, nobody attached.
void go_on_without_terminal(Shell& shell, const RemoteServer& server);

}  // namespace assay
