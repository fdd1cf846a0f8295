#pragma once
// The JSON text under which a run's chat context is stored and saved: [{"role","content", more..}..]. Any thread.

#include <string>
#include <vector>

#include "core/model/run.hpp"

namespace assay {

Json context_value(const std::vector<ContextMessage>& context);
/// "" when it is empty.
std::string context_text(const std::vector<ContextMessage>& context);
/// The inverse of context_value. Throws nlohmann's exceptions for another shape.
std::vector<ContextMessage> context_from(const Json& value);

/// What a run has come to after a step, as it is stored: {"answer","context","state"}.
struct Checkpoint {
  Json answer, state;
  std::vector<ContextMessage> context;
};
std::string checkpoint_text(const Json& answer, const std::vector<ContextMessage>& context, const Json& state);
/// Throws Error and nlohmann's exceptions for another shape.
Checkpoint checkpoint_from(const std::string& text);

}  // namespace assay
