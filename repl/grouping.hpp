#pragma once
// Runs by a field, counted: batch, kind, model, status, score, error, a facet (category), a path into data or answer.

#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "repl/payload_reader.hpp"
#include "repl/views.hpp"

namespace assay {

struct TallyGroup {
  std::string name;
  Tally tally;
};

/// What runs can be grouped by: the fields of every run, the facets of the batches, and the fields of their data.
std::vector<std::string> group_fields(Experiment& experiment);
/// Groups in order of first appearance; one group "all" when `field` is empty. Throws Error for a field that no run
/// has. `advance`: of a path into data or answer, which is read from disk the first time.
std::vector<TallyGroup> tally_by(Experiment& experiment, const std::vector<RunId>& runs, const std::string& field,
                                 const Advance& advance = {});
/// data, data.PATH, answer, answer.PATH.
bool is_payload_path(std::string_view field);
ValuePath payload_path(std::string_view field);

}  // namespace assay
