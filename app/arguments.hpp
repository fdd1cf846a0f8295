#pragma once
// The command line of the program (shell.md 1). Main thread.

#include <optional>
#include <string>
#include <vector>

namespace assay {

struct ProgramArguments {
  std::string experiment;  // the path of the file, ":memory:" kept as it is
  struct Script {
    bool is_file = false;
    std::string text;  // commands, or the path ("-": standard input)
  };
  std::vector<Script> scripts;  // in the order given
  bool attach = false;          // to the program that has it open
  bool json = false, read_only = false, take_over = false, no_backup = false;
  std::size_t threads = 2;
  std::string log_level = "info";
};

/// A person types at a terminal: no scripts, no --json.
bool is_interactive(const ProgramArguments& arguments);

/// nullopt with `status` when the program has to end at once (--help, --version: 0; a bad command line: 2).
std::optional<ProgramArguments> parse_program_arguments(int argc, char** argv, int& status);

}  // namespace assay
