#pragma once
// What a batch of discussions has come to, with the cells of its grid or the runs it was forked from beside it. Before
// anything ran: design and estimate. Specs: discussion.md 11.3, 11.4. One thread.

#include "core/model/kind.hpp"

namespace assay {

Report discussion_report(const BatchView& batch);

}  // namespace assay
