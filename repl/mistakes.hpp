#pragma once
// What people type who come from other shells, databases and notebooks, and what they are told: never an answer that
// leaves them without a next step. UI thread.

#include <string>
#include <string_view>
#include <vector>

#include "core/text/error.hpp"
#include "repl/command.hpp"

namespace assay {

class Shell;

/// A line as it was meant: a prompt that was copied with it ("assay> ") is taken off, and no-break spaces outside of
/// quotes are blanks.
std::string mended_line(std::string_view line);

/// Why there is no such command, and what does what was meant.
Error unknown_command(const CommandTable& commands, const std::string& line);

/// Throws Error for what other shells would understand in a line whose first word is a command: pipes, redirections,
/// `&&`, options with one dash.
void refuse_foreign_words(const Command& command, const std::string& line);

/// More to say about an error of this line: curly quotes that were meant as quotes. "" mostly.
std::string error_hint(std::string_view line);

/// Why a query may have selected nothing that was meant; none when nothing strikes.
std::vector<std::string> query_hints(Shell& shell, const std::string& query);

}  // namespace assay
