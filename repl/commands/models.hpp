#pragma once
// models: what can be named, how it stands, what has been learned of it.

#include <functional>
#include <string>

#include "repl/command.hpp"

namespace assay {

/// Drops what was learned of a lane's limits, here and where it is kept.
using ForgetLane = std::function<void(const std::string& lane)>;

void add_models_command(CommandTable& table, ForgetLane forget);

}  // namespace assay
