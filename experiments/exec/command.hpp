#pragma once
// The command of a batch of exec runs, as it is pinned at the load: words, folder, and what the files among the words
// were. Functions read files; else pure: any thread.

#include <string>
#include <utility>
#include <vector>

#include "core/model/batch.hpp"

namespace assay {

struct PinnedCommand {
  std::vector<std::string> words;     // the program and its arguments
  std::string folder;                 // absolute: where it works, and from where relative paths count
  std::vector<std::string> env_keys;  // variables with keys that it is given
  std::string name;                   // of a program that comes with assay: its text is the last word
  std::vector<std::pair<std::string, std::string>> files;  // words that are files, and the hash of their bytes
};

/// `typed`: the command as a shell would split it. Throws Error "usage" with what is wrong with it.
PinnedCommand pin_command(const std::string& typed, const std::string& env_keys);
/// A program that comes with assay: run by python3 where that is found, else (or with `name` adder.sh) by sh.
PinnedCommand pin_sample(const std::string& name);

Json to_json(const PinnedCommand& command);
/// Of batch.pinned["command"]. Throws Error "exec" when it isn't there.
PinnedCommand command_of(const BatchInfo& batch);

/// One line for people: "python3 runner.py".
std::string shown(const PinnedCommand& command);
/// What is trusted when it is: hash of words, folder and env_keys. What the files hold is the user's own business.
std::string identity(const PinnedCommand& command);
/// Files among the words that are not what they were, "runner.py" or "runner.py (gone)".
std::vector<std::string> changed_files(const PinnedCommand& command);

}  // namespace assay
