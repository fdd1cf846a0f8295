#pragma once
// Discussions and their annotations in the forms of section 10: what the kind `annotation` gives as joint exports.
// Specs: discussion.md 8, 10. One thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

std::vector<JointFormat> annotation_joint_formats();

/// `format` with its variant, one of annotation_joint_formats(). Batches of other kinds are passed over. Throws Error
/// "usage" for what the form can't show, "empty" when there is nothing.
JointExport export_discussions(const std::string& format, const std::string& path,
                               const std::vector<const BatchView*>& batches);

}  // namespace assay
