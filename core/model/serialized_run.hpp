#pragma once
// The saved form of a run: the six keys of the origin first (data, answer, status, score, context, logs), then ours
// (batch, id, kind, model, attempts, metrics, usage, error, steps, facets, params, published, start, tags, notes).
// Specs: shell.md 5. A metric that is NaN has no JSON form and is left out. Money is in USD as a double: exact to the
// pico up to $2,000 a run. Pure functions: any thread.

#include <string>

#include "core/model/batch.hpp"
#include "core/model/run_labels.hpp"

namespace assay {

struct SerializedRun {
  NewRun run;
  std::string batch, kind, model;
  Json params;  // of its batch; null when the file had none
  RunLabels labels = {};
};

/// One JSON object. Keys that say nothing (no error, no attempts, no usage) are left out but for the six.
Json to_json_value(const SerializedRun& run);
/// The text of it, appended to `out`.
void append_json(std::string& out, const SerializedRun& run);
/// Reads an object that has the six keys; keys it does not know are ignored. `place` names the element for messages.
/// Throws Error "file" for a missing or wrong key. batch and id are "" when the file (of the origin) has none; kind and
/// model likewise. A status INCOMPLETE stays INCOMPLETE: such a run can be run.
SerializedRun from_json_value(const Json& value, const std::string& place);

}  // namespace assay
