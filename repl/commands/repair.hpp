#pragma once
// repair FILE [OUT]: what can be read of a damaged experiment file, in a new one (reliability.md 1.4). A command of the
// shell, about another file than the open one, and the way in when the shell can't open it: `assay repair FILE`.

#include <functional>
#include <string>

#include "core/store/salvage.hpp"
#include "repl/command.hpp"

namespace assay {

/// The path that a person means by FILE: as typed when it is there; else a bare name x is saves/x.assay.
std::string repair_path(const std::string& typed);
/// Salvages and says what came of it and what to do next. `out` "": FILE.repaired. `tell`: a line of progress, at most
/// one in two seconds. `stopped`: asked now and then. Throws Error.
void repair_file(const std::string& file, const std::string& out, const std::string& version,
                 const std::function<void(const std::string&)>& tell, const std::function<bool()>& stopped,
                 Reply& reply);

void add_repair_command(CommandTable& table);

}  // namespace assay
