#include "core/query/name_search.hpp"

#include <re2/re2.h>
#include <string.h>

#include <algorithm>

#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr RunId kBlockRuns = 1U << 16;  // between two looks at the stop token

/// Collects hits that come in ascending order, if they are among the candidates.
class Hits {
 public:
  explicit Hits(const std::vector<RunId>& candidates) : candidates_(candidates) {
    everyone_ = !candidates.empty() && candidates.back() - candidates.front() + 1 == candidates.size();
  }
  void add(RunId run) {
    if (!everyone_) {
      while (at_ < candidates_.size() && candidates_[at_] < run) ++at_;
      if (at_ == candidates_.size() || candidates_[at_] != run) return;
    }
    found_.push_back(run);
  }
  std::vector<RunId> take() { return std::move(found_); }

 private:
  const std::vector<RunId>& candidates_;
  std::vector<RunId> found_;
  std::size_t at_ = 0;
  bool everyone_ = false;
};

/// One name after the other.
template <typename Matches>
std::vector<RunId> one_by_one(const RunTable::Reader& reader, const std::vector<RunId>& runs, Matches matches,
                              const std::stop_token& stop) {
  std::vector<RunId> found;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i % kBlockRuns == 0 && stop.stop_requested()) throw QueryStopped{};
    if (matches(reader.name(runs[i]))) found.push_back(runs[i]);
  }
  return found;
}

/// Few candidates in a wide range: looking at all names would cost more than it saves.
bool sparse(const std::vector<RunId>& runs) {
  return runs.empty() || std::size_t{runs.back()} - runs.front() + 1 > runs.size() * 8;
}

/// Calls `search(first, last)` for blocks of runs first .. last that cover all candidates.
template <typename Search>
void each_block(const std::vector<RunId>& runs, const std::stop_token& stop, Search search) {
  for (std::size_t first = runs.front(); first <= runs.back(); first += kBlockRuns) {
    if (stop.stop_requested()) throw QueryStopped{};
    search(static_cast<RunId>(first), static_cast<RunId>(std::min<std::size_t>(first + kBlockRuns - 1, runs.back())));
  }
}

}  // namespace

std::vector<RunId> search_names(const RunTable::Reader& reader, const std::vector<RunId>& runs, std::string_view text,
                                const std::stop_token& stop) {
  if (text.empty()) return runs;
  if (sparse(runs) || !reader.clean_names() || text.find('\n') != std::string_view::npos) {
    return one_by_one(
        reader, runs, [&](std::string_view name) { return name.find(text) != std::string_view::npos; }, stop);
  }
  Hits hits(runs);
  const char* const names = reader.names().data();
  const std::vector<std::uint64_t>& offsets = reader.offsets();
  each_block(runs, stop, [&](RunId first, RunId last) {
    const std::uint64_t end = offsets[last + 1];
    for (std::uint64_t at = offsets[first]; at < end;) {
      const void* const hit = memmem(names + at, end - at, text.data(), text.size());
      if (!hit) return;
      const auto place = static_cast<std::uint64_t>(static_cast<const char*>(hit) - names);
      while (offsets[first + 1] <= place) ++first;
      hits.add(first);
      at = offsets[++first];
    }
  });
  return hits.take();
}

std::vector<RunId> search_names_any_case(const RunTable::Reader& reader, const std::vector<RunId>& runs,
                                         std::string_view text, const std::stop_token& stop) {
  // A pattern is UTF-8; bytes that are not have no case.
  if (!is_valid_utf8(text)) return search_names(reader, runs, text, stop);
  return search_names(reader, runs, Pattern(Pattern::quote(text), true), true, stop);
}

bool works_on_lines(std::string_view pattern) {
  for (std::size_t at = pattern.find('\\'); at != std::string_view::npos && at + 1 < pattern.size();
       at = pattern.find('\\', at + 2)) {
    if (std::string_view("AzQC").find(pattern[at + 1]) != std::string_view::npos) return false;
  }
  for (std::size_t at = pattern.find("(?"); at != std::string_view::npos; at = pattern.find("(?", at + 2)) {
    const std::string_view rest = pattern.substr(at + 2);
    if (!rest.starts_with(':') && !rest.starts_with("P<") && !rest.starts_with("i)") && !rest.starts_with("i:"))
      return false;
  }
  return true;
}

std::vector<RunId> search_names(const RunTable::Reader& reader, const std::vector<RunId>& runs, const Pattern& pattern,
                                bool ignore_case, const std::stop_token& stop) {
  const auto matches = [&](std::string_view name) { return pattern.matches(name); };
  if (sparse(runs) || !reader.clean_names() || !works_on_lines(pattern.source()))
    return one_by_one(reader, runs, matches, stop);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_nl(true);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(std::int64_t{64} << 20);
  const RE2 lines("(?m)" + pattern.source(), options);
  if (!lines.ok()) return one_by_one(reader, runs, matches, stop);

  // Finding where a match lies costs several times a yes or no: where matches stand close together, names are asked
  // one by one until some have gone by without any.
  constexpr int kPatience = 8;
  Hits hits(runs);
  const std::vector<std::uint64_t>& offsets = reader.offsets();
  each_block(runs, stop, [&](RunId first, RunId last) {
    const std::uint64_t base = offsets[first];
    const re2::StringPiece block(reader.names().data() + base, offsets[last + 1] - base - 1);
    for (RunId run = first; run <= last;) {
      re2::StringPiece hit;
      if (!lines.Match(block, offsets[run] - base, block.size(), RE2::UNANCHORED, &hit, 1)) return;
      const std::uint64_t place = base + static_cast<std::uint64_t>(hit.data() - block.data());
      while (offsets[run + 1] <= place) ++run;
      hits.add(run++);
      for (int misses = 0; run <= last && misses < kPatience; ++run) {
        if (pattern.matches(reader.name(run))) {
          hits.add(run);
          misses = 0;
        } else {
          ++misses;
        }
      }
    }
  });
  return hits.take();
}

}  // namespace assay
