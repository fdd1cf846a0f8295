#pragma once
// What a person sets on runs beside their results: tags (a name, and the runs that have it) and notes (text with its
// time). Ranges of runs as text are how a tag stands in the experiment file, whatever the number of its runs. Values;
// any thread.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/ids.hpp"

namespace assay {

struct RunNote {
  WallTime at = 0;
  std::string text;
  bool operator==(const RunNote&) const = default;
};

/// Tags and notes of a run as a save has them.
struct RunLabels {
  std::vector<std::string> tags;
  std::vector<RunNote> notes;
  bool empty() const { return tags.empty() && notes.empty(); }
};

/// "0-99,105" of runs in ascending order, each once; "" of none.
std::string ranges_text(std::span<const RunId> runs);
/// The runs of such a text below `end`, ascending; what is no range is left out.
std::vector<RunId> runs_of_ranges(std::string_view text, RunId end);

}  // namespace assay
