#pragma once
// What the commands that write files share. UI thread.

#include <string>
#include <vector>

#include "repl/command.hpp"
#include "repl/exported_files.hpp"

namespace assay {

class Shell;

/// The experiment file and its companions are never written over. Throws Error "file".
void refuse_experiment_file(Shell& shell, const std::string& path);

/// `export FORMAT PATH [QUERY]` of a form that these kinds have; the selected runs say which of them writes it. At
/// least one choice, all of one name.
void export_joint(Shell& shell, const std::vector<JointChoice>& choices, const Arguments& arguments, Reply& reply);

/// `export inspect PATH [QUERY]`: a .eval file a batch, in the folder PATH, or the file PATH of the only one.
void export_inspect(Shell& shell, const Arguments& arguments, Reply& reply);

}  // namespace assay
