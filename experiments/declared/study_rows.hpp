#pragma once
// The rows of a study as runs: read as qa reads tables, columns renamed, ids found. One thread.

#include <set>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/declared/study.hpp"
#include "experiments/qa/hub.hpp"

namespace assay {

struct StudyRows {
  std::vector<NewRun> runs;
  std::set<std::string> columns;  ///< all that any row has, as templates name them
};

/// Files are relative to `folder`, that of the study; nullopt: it comes with the program, and names none. Throws Error
/// at the row's place, or at the line of `file` that asks for what is not there.
StudyRows read_study_rows(const StudyData& data, const std::string& file,
                          const std::optional<std::filesystem::path>& folder, const Source& source, HubReading* hub,
                          std::vector<std::string>& warnings);

}  // namespace assay
