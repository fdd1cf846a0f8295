#pragma once
// The runs of a report page as the data its script reads: a row each, and the transcripts that find room. What models
// and files say is data: JSON strings of page_text, without '<', so that no text of theirs can end the element they
// stand in. One thread.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// A JSON string for a <script> element.
void append_page_string(std::string& out, std::string_view text);

/// A run's transcript as a JSON object: {"t": [[role, speaker, to, part, text, answer, right, model, in, out, cost]
/// ..], "data", "answer", "metrics", "note"}; a text that was said before in the same run is the number of that turn.
/// Never throws: what the kind can't read is said in "note". `kind` may be null.
std::string transcript_json(const Kind* kind, const BatchView& batch, const RunView& run);

/// The rows, collected in the order of the batches.
class PageRuns {
 public:
  /// `facets`: names and values to filter by.
  void add(std::size_t batch, const RunView& run, const std::vector<std::pair<std::string, std::string>>& facets,
           bool kept);
  std::size_t size() const { return count_; }
  /// Bytes that the rows will take in the page, about.
  std::size_t bytes() const { return rows_.size(); }
  /// {"batches": [..], "facets": [{"name", "values"} ..], "why": .., "runs": [..]}. `why`: a transcript is not there.
  std::string json(const std::vector<std::string>& batches, const std::string& why) const;

 private:
  struct Facet {
    std::string name;
    std::vector<std::string> values;
    std::map<std::string, std::size_t> index;
  };

  std::size_t count_ = 0;
  std::string rows_;
  std::vector<Facet> facets_;
};

}  // namespace assay
