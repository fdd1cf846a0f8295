#pragma once
// Which annotator reads which discussion: the discussions that a load means, and the pairs that are there already.
// Specs: discussion.md 9.1. One thread.

#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/annotation/loading.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {

struct FoundDiscussions {
  struct One {
    std::string run;  ///< its address "BATCH:ID"
    std::string id;   ///< of the run
    DiscussionRecord record;
  };
  std::vector<One> complete;
  std::uint64_t unfinished = 0;     ///< left out
  std::vector<LoadedBatch> before;  ///< result files that are loaded first
  std::string where;                ///< how they were found, for the person
  std::vector<std::string> warnings;
};
/// Throws Error "usage" when there is none: where was looked, how many are unfinished.
FoundDiscussions find_discussions(const Source& source, const AnnotationPlan& plan, bool skip_bad);

struct Pairing {
  std::vector<NewRun> runs;
  std::uint64_t skipped = 0;
};
/// A READY run for each annotator and discussion, but for those that the experiment has from the same source with the
/// same settings and model.
Pairing pair_up(const Source& source, const AnnotationPlan& plan, const FoundDiscussions& found,
                const std::string& model);

}  // namespace assay
