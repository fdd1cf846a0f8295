#pragma once
// The seed's two files, item files, our lines of comparisons; what is written by itself. Specs: peer_prediction.md 10.
// Any thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// peer_data, peer_results, items (a folder), comparisons.
std::vector<JointFormat> peer_joint_formats();
JointExport export_peers(const std::string& format, const std::string& path,
                         const std::vector<const BatchView*>& batches);

/// Writes {exp_type}_{YYYYmmdd_HHMMSS}_data.json or .._results.json into the batch's autosave folder; what was written,
/// in words. A file of that name with the same bytes is left alone; with others, a free name is taken.
std::vector<std::string> autosave_peers(const BatchView& batch, Milestone reached);

}  // namespace assay
