#pragma once
// Forks: new runs that share the first steps of others and go on differently. What is shared was paid for there: it is
// copied as the checkpoint that the new runs begin at (NewRun::start), nothing of it is asked again.
//
// Thread rule: as Experiment.

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"

namespace assay {

struct ForkRequest {
  std::vector<RunId> runs;
  std::uint32_t step = 0;  // how many are shared; 0: none, the same items anew
  ParameterTexts changes;  // parameters of the kind that the forks have otherwise
  std::string message;     // for the runner, at its next step; "": none
  std::string name;        // of the batch; "": after the parent's
};

struct Forks {
  std::vector<BatchInfo> batches;  // one for each batch that runs are taken from, in their order
  std::vector<std::string> warnings;
  std::uint64_t runs = 0;
};

/// Makes the forks, READY and durable when it returns: `data` of each has "forked_from" {"run","step"} and the message.
/// Throws Error, and then nothing is made: a run that has not come so far (naming it, and how far it is), what the kind
/// says of the changes, data that are no object.
Forks fork_runs(Experiment& experiment, const ForkRequest& request);

}  // namespace assay
