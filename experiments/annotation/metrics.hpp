#pragma once
// What a run of an annotation comes to: comments, parsed, missing, mean_KEY. Specs: discussion.md 9.2. Pure.

#include <vector>

#include "core/model/score.hpp"
#include "experiments/annotation/parsing.hpp"

namespace assay {

/// Values outside their scale are missing; the mean is over the others.
void add_annotation_metrics(Score& score, const std::vector<ParsedAnnotation>& replies,
                            const AnnotationParsing& parsing);

}  // namespace assay
