#include "core/model/run_labels.hpp"

#include <algorithm>
#include <charconv>

namespace assay {

std::string ranges_text(std::span<const RunId> runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.size();) {
    std::size_t last = i;
    while (last + 1 < runs.size() && runs[last + 1] == runs[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(runs[i]);
    if (last > i) text += "-" + std::to_string(runs[last]);
    i = last + 1;
  }
  return text;
}

std::vector<RunId> runs_of_ranges(std::string_view text, RunId end) {
  std::vector<RunId> runs;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    RunId first = 0, last = 0;
    const char* const stop = part.data() + part.size();
    auto read = std::from_chars(part.data(), stop, first);
    if (read.ec != std::errc()) continue;
    last = first;
    if (read.ptr != stop && *read.ptr == '-') read = std::from_chars(read.ptr + 1, stop, last);
    if (read.ec != std::errc() || read.ptr != stop) continue;
    if (!runs.empty() && first <= runs.back()) continue;
    for (RunId run = first; run <= last && run < end; ++run) runs.push_back(run);
  }
  return runs;
}

}  // namespace assay
