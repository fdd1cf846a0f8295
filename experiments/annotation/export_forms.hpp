#pragma once
// The forms behind export_discussions, one a file. Specs: discussion.md 8, 10. One thread.

#include <string>
#include <string_view>

#include "core/model/kind.hpp"
#include "experiments/annotation/export_records.hpp"

namespace assay {

/// Result files of SynDisco, as they were loaded or as `format` ("" or g0 .. g5) has them.
JointExport export_result_files(std::string_view format, const std::vector<const BatchView*>& batches);

/// One row per comment and annotation. `path` tells CSV from JSON lines; Error "usage" for neither.
JointExport export_comments(const std::string& path, const std::vector<const BatchView*>& batches);
/// The data set CSV of g2 and g3, its faults included.
JointExport export_legacy_comments(const std::string& path, const std::vector<const BatchView*>& batches);
/// The discussion CSV of SynDisco 2.0.x.
JointExport export_legacy20_comments(const std::string& path, const std::vector<const BatchView*>& batches);

/// A ConvoKit corpus: https://convokit.cornell.edu/documentation/data_format.html.
JointExport export_convokit(const std::vector<const BatchView*>& batches);

/// Every call that was made, or must have been made, as a line of JSON.
JointExport export_prompts(const std::string& path, const std::vector<const BatchView*>& batches);
/// The designs of a batch as a design file, with the speakers of those that have come to their end.
JointExport export_design(const std::string& path, const std::vector<const BatchView*>& batches);
JointExport export_transcript(const std::string& path, const std::vector<const BatchView*>& batches);

}  // namespace assay
