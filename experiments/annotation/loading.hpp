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
  Json params, sources, inputs;
  std::vector<MovedPath> moved;
  std::vector<std::string> warnings, notes;
};
AnnotationPlan plan_annotations(const Source& source, const ParameterTexts& given);

}  // namespace assay
