#pragma once
// Writing result files of chiiyeh/MAD, byte for byte as its scripts do. The way in: mad_file.hpp. Specs: debate.md 9.1.
// Pure functions: any thread.

#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// One file of these batches, not empty: the COMPLETE runs in their order, keys are run ids. A record that came from
/// such a file and is unchanged keeps its prompts and stored answers. Reads of each batch: params (protocol, rounds,
/// temperature, model, mad_model), pinned "prompts" {PARAMETER: {"name","path"}} and "agents" [{"name","model",
/// "temperature"}..]. Throws Error "usage" when batches differ in more than which questions they hold, or share one.
ExportedFile export_mad(const std::vector<const BatchView*>& batches);

/// What `extracted_answers` (of critic and synthesizer: `extracted_answer_synthesizer`) of a run's record holds: the
/// stored ones while its context is as it came, else by the rule `mad` (questions of CommonsenseQA: `csqa`) from each
/// agent's last message if that is an assistant's.
Json mad_answers(const BatchInfo& batch, const RunView& run);

}  // namespace assay
