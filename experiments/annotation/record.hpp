#pragma once
// One annotator's reading of one discussion, whether it ran here or came from a file: what agreement, exports and
// reports read. Specs: discussion.md 8, 9.4. Values; pure functions: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/annotation/parsing.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {

struct AnnotationRecord {
  Generation format = Generation::g2;
  bool loaded = false;
  std::string file;
  std::string conv_id;
  std::string timestamp;
  std::string annotator_model, annotator_prompt;
  Json persona;  ///< of the annotator; null: unknown
  Json ctx_length;
  struct Entry {
    std::optional<std::size_t> index;  ///< position in the discussion's log; of loaded files known after join()
    std::string name;                  ///< speaker; of loaded files known after join()
    std::string message, annotation;
  };
  std::vector<Entry> entries;
  Json source;
  std::string source_text;  ///< as in DiscussionRecord
};

/// Throws Error "file" when data is that of no annotation.
AnnotationRecord annotation_record(const RunView& run);

/// Gives the entries of a loaded file their positions in a discussion's log: all entries, or all but the moderator's.
/// false: lengths or texts fit neither; nothing is changed. Entries that have theirs stay.
bool join(AnnotationRecord& annotation, const DiscussionRecord& discussion);

/// The file of a record in a generation's form.
std::string annotation_file(const AnnotationRecord& record, Generation format);

/// Result files as COMPLETE runs, as load_discussion_results.
std::vector<NewRun> load_annotation_results(const std::filesystem::path& path, bool skip_bad,
                                            std::vector<std::string>& warnings);

}  // namespace assay
