#pragma once
// What the commands that write files share. UI thread.

#include <string>

#include "repl/command.hpp"
#include "repl/exported_files.hpp"

namespace assay {

class Shell;

/// The experiment file and its companions are never written over. Throws Error "file".
void refuse_experiment_file(Shell& shell, const std::string& path);

/// `export FORMAT PATH [QUERY]` of such a form.
void export_joint(Shell& shell, const JointChoice& choice, const Arguments& arguments, Reply& reply);

}  // namespace assay
