#pragma once
// Files of judgements: our lines, a table of verdicts, lmms-eval's result objects. Specs: judge.md 12, 14. Any thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// judgements, verdicts, lmms; the prompts are the kind's.
std::vector<JointFormat> judge_joint_formats();
JointExport export_judge(const std::string& format, const std::string& path,
                         const std::vector<const BatchView*>& batches);

}  // namespace assay
