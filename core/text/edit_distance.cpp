#include "core/text/edit_distance.hpp"

#include <algorithm>
#include <vector>

namespace assay {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::size_t edit_distance(std::string_view left, std::string_view right) {
  const std::size_t n = right.size();
  std::vector<std::size_t> before(n + 1), previous(n + 1), row(n + 1);
  for (std::size_t j = 0; j <= n; ++j) row[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    before.swap(previous);
    previous.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= n; ++j) {
      const char a = lower(left[i - 1]), b = lower(right[j - 1]);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a == b ? 0 : 1)});
      if (i > 1 && j > 1 && a == lower(right[j - 2]) && lower(left[i - 2]) == b) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[n];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  if (word.empty() || word.size() > 256) return std::nullopt;
  const std::size_t allowed = std::clamp<std::size_t>(word.size() / 3, 1, 3);
  const std::string* best = nullptr;
  std::size_t best_distance = allowed + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > word.size() + allowed || candidate.size() + allowed < word.size()) continue;
    const std::size_t distance = edit_distance(word, candidate);
    // A one-letter word is at distance 1 from every other one: nothing is meant by that.
    if (distance >= std::max(word.size(), candidate.size())) continue;
    if (distance < best_distance) best_distance = distance, best = &candidate;
  }
  if (best == nullptr && word.size() >= 3) {
    for (const std::string& candidate : candidates) {
      if (begins_with(candidate, word) && (best == nullptr || candidate.size() < best->size())) best = &candidate;
    }
  }
  return best == nullptr ? std::nullopt : std::optional<std::string>(*best);
}

}  // namespace assay
