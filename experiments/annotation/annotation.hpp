#pragma once
// `annotation`: persona annotators judge every comment of finished discussions. Specs: discussion.md 9. The README of
// experiments/discussion tells the session.

#include <memory>

#include "core/model/kind.hpp"
#include "experiments/discussion/discussion.hpp"

namespace assay {

/// The dependencies outlive the kind and its runners. It has the exports of discussions too: they show both together.
std::unique_ptr<Kind> make_annotation_kind(DiscussionDependencies dependencies);

}  // namespace assay
