#pragma once
// Lists of runs: columns, drawing. UI thread.

#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "repl/command.hpp"

namespace assay {

struct RunListOptions {
  std::size_t from = 0, limit = 50;  // rows from .. from + limit - 1, from 0
  std::vector<std::string> columns;  // empty: the usual ones
};

std::vector<std::string> split_columns(const std::string& text);
/// The table, and the JSON of shell.md 8 (`matched`, `runs`).
void draw_runs(Experiment& experiment, const std::vector<RunId>& runs, const RunListOptions& options, Reply& reply);

/// Candidates for the value of --columns (its last name) and of --sort.
std::vector<Candidate> complete_columns(std::string_view word);
std::vector<Candidate> complete_sort_field(Shell& shell, std::string_view word);
/// Candidates for a file name.
std::vector<Candidate> complete_file(std::string_view word);

}  // namespace assay
