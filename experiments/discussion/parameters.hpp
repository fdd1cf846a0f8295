#pragma once
// The parameters of `load discussion` and `load annotation`: one configuration file says both. Specs:
// discussion.md 2.1, 9.1. Constants: any thread.

#include <vector>

#include "experiments/discussion/parameter_sheet.hpp"

namespace assay {

const std::vector<ParameterRow>& discussion_rows();
const std::vector<ParameterRow>& annotation_rows();

}  // namespace assay
