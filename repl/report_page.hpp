#pragma once
// A report as one HTML file that needs nothing else: no network (its Content-Security-Policy allows its own script and
// style, by their hashes, and nothing besides), facts and reports of the batches, a list of their runs with filters,
// and their transcripts. Written piece by piece: memory holds a row a run, and one page of payloads. One thread.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "repl/report_facts.hpp"

namespace assay {

/// A batch of the page. The view is read twice: rows, then payloads.
struct PageBatch {
  const BatchView* view = nullptr;
  const Kind* kind = nullptr;  // null: of no known kind
  BatchFacts facts;
  Report report;
  /// Short texts that runs are grouped by.
  std::function<std::vector<std::pair<std::string, std::string>>(RunId)> facets;
};

struct PageOptions {
  std::string title, experiment, version;
  WallTime made_at = 0;
  std::uint64_t most_transcripts = UINT64_MAX;
  std::uint64_t most_bytes = std::uint64_t{20} << 20;  // transcripts stop before the page is larger; 0: no bound
  std::size_t most_listed = 100'000;                   // runs in the list
};

struct PageOutcome {
  std::uint64_t runs = 0, listed = 0, transcripts = 0, bytes = 0;
  std::string left_out;  // which runs have no transcript or no row, and how to have them; "": all have
};

/// Hands the page to `out` in order. Passes on what views throw.
PageOutcome write_report_page(const std::vector<PageBatch>& batches, const PageOptions& options,
                              const std::function<void(std::string_view)>& out);

}  // namespace assay
