#pragma once
// bulk list, import, release, submit, status, cancel, collect; and the lanes of run_n (models.md 7).

#include <memory>
#include <string>

#include "core/model/bulk.hpp"
#include "repl/command.hpp"

namespace assay {

struct Selection;

/// lane=auto: files until the deadline comes near, then live; in a script to its end, on a terminal beside the prompt.
/// `folder` "": beside the experiment.
void run_in_auto_lane(Shell& shell, const std::string& folder, const std::string& deadline, std::size_t width,
                      const Selection& selection, Reply& reply);

void add_bulk_command(CommandTable& table);

/// In a script: what the runs of a selection that were held wait for, a line for each reason.
void tell_held(Shell& shell, const Selection& selection, Reply& reply);

/// Runs a job whose calls go into files in `folder`, and says what was written.
void run_into_files(Shell& shell, const std::string& folder, std::size_t width, const Selection& selection,
                    Reply& reply);

}  // namespace assay
