#pragma once
// replay: executes runs again from their recorded calls alone (models.md 5.6).

#include "core/engine/replay.hpp"
#include "repl/command.hpp"

namespace assay {

/// `make_runner`: as Replayer's; copied.
void add_replay_command(CommandTable& table, Replayer::MakeRunner make_runner);

}  // namespace assay
