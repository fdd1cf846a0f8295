#pragma once
// How much the annotators of a batch agree: by key, pooled over all discussions and for each of them. Before anything
// ran: estimate. Specs: discussion.md 11.2 - 11.4. One thread.

#include "core/model/kind.hpp"

namespace assay {

Report annotation_report(const BatchView& batch);

}  // namespace assay
