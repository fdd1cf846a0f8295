#pragma once
// From a configuration to what batches of annotations are made of. Specs: discussion.md 9.1. One thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/annotation/settings.hpp"
#include "experiments/discussion/loading.hpp"

namespace assay {

std::vector<Parameter> annotation_parameters();

struct AnnotationPlan {
  Generation generation = Generation::g2;
  AnnotationSettings settings;
  std::vector<Participant> annotators;  ///< by their position
  /// discussions=: "@BATCH" or "@QUERY" without its @, or a path (found as 2.2 says); both empty: those of this
  /// configuration in the experiment, else `fallback`.
  std::string query;
  std::filesystem::path path, fallback;
  std::string model;
  std::uint64_t seed = 0;
  Json params, sources, inputs, recorded;  ///< as those of a DiscussionPlan
  std::vector<MovedPath> moved;
  LogSettings log;
  std::vector<std::string> warnings, notes;
};
/// Reads a configuration, personas with parameters, or a generated annotator with all that it names. Throws Error with
/// all problems (at most 20).
AnnotationPlan plan_annotations(const Source& source, const ParameterTexts& given);

/// As complete_discussion_grid.
void complete_annotation_grid(const Source& source, LoadGrid& grid);

}  // namespace assay
