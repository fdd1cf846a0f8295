#pragma once
// What exports show: the COMPLETE discussions and annotations of some batches, each run read once, annotations at
// their comments. Specs: discussion.md 9.4, 10. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/annotation/record.hpp"

namespace assay {

struct ExportedRun {
  std::string run, batch;  ///< its id, its batch's name
  std::string variant;     ///< the folder that holds its file; without a file the batch
  std::string address() const { return batch + ":" + run; }
};

struct ExportedAnnotation : ExportedRun {
  AnnotationRecord record;  ///< without its source
  std::string annotator;    ///< the persona's username, else the annotator's name; may be ""
  /// Of each entry: key -> number; null outside its scale, which is missing.
  std::vector<std::vector<std::pair<std::string, Json>>> values;
};

/// Whose comment it is, as far as it is known.
struct Speaker {
  std::string prompt;
  Json persona;  ///< null: unknown
  bool known = false;
};

struct ExportedDiscussion : ExportedRun {
  DiscussionRecord record;          ///< without its source
  std::vector<std::size_t> logged;  ///< positions of the log entries among record.events
  std::size_t size() const { return logged.size(); }
  const DiscussionEvent& operator[](std::size_t index) const { return record.events[logged[index]]; }
  bool by_moderator(std::size_t index) const;
  Speaker speaker(std::size_t index) const;  ///< by name equality

  struct Annotated {
    std::size_t annotation, entry;  ///< positions in ExportSet::annotations and its entries
  };
  std::vector<std::vector<Annotated>> annotations;  ///< of each log entry, in the order of the annotations
};

struct ExportSet {
  std::vector<ExportedDiscussion> discussions;
  std::vector<ExportedAnnotation> annotations;
  std::uint64_t runs = 0;          ///< of both
  std::vector<std::string> notes;  ///< what was left out, and why
};
enum class Beside { comments, nothing };
/// `beside`: whether annotations are put to the comments that they are of. Throws Error "empty" when there is no
/// finished discussion among them.
ExportSet gather(const std::vector<const BatchView*>& batches, Beside beside = Beside::comments);
/// "1 annotation is", "3 annotations are" of discussions that are not shown.
std::string note_of_lost(std::uint64_t annotations);

/// A persona's value as it stands in a table: lists as JSON, true and false, null "".
std::string field_text(const Json& value);
/// persona[field]; null when there is none.
const Json& field_of(const Json& persona, std::string_view field);

/// The folder that holds a result file: of its relative path, else of what was loaded; else the batch.
std::string variant_of(const std::string& file, const BatchInfo& batch);

}  // namespace assay
