#pragma once
// The machine form of the report on annotations, as discussion.md 11.3 names it. One thread.
//
// Units are the comments of discussions (by conv_id and position in the log), raters the COMPLETE runs of the batch on
// a discussion. Result files find their discussion among all batches of kind "discussion" of the experiment; without it
// their units are positions, and they are counted; those that fit theirs by neither texts nor lengths are left out.

#include <string>

#include "core/model/kind.hpp"

namespace assay {

/// "runs", "discussions", "annotators", "files", "comments", "annotations", "missing", "malformed", "out_of_scale",
/// "rare_keys", "keys", and beside 11.3 "without_discussion", "unjoined" (files); of each key also "units",
/// "units_complete", "scale", "why" (null, or why alpha is not defined). "estimate" where runs are left.
struct AnnotationFigures {
  Json figures;
  std::string estimate;  ///< the line for people of what is left; "" : nothing is
};
AnnotationFigures annotation_figures(const BatchView& batch);

}  // namespace assay
