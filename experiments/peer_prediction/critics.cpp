#include "experiments/peer_prediction/critics.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/statistics/named_stream.hpp"
#include "core/text/character_class.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr double kClear = 1e-12;         // by how much P(x, y) must be above the product
constexpr double kEnoughInCommon = 0.1;  // share of the words
constexpr std::size_t kShortWord = 2;    // code points; as long or shorter counts for nothing

constexpr std::array<std::string_view, 14> kNoKeywords = {"a",  "an", "the", "and", "or", "but",  "in",
                                                          "on", "at", "to",  "for", "of", "with", "by"};

}  // namespace

PresetCritic::PresetCritic(const PeerSynthetic& synthetic) : levels_(synthetic.levels), texts_(synthetic.texts) {
  const std::size_t n = levels_.size();
  for (const std::size_t levels : levels_) marginals_.emplace_back(levels, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) pairs_.emplace_back(levels_[i] * levels_[j], 0.0);
  }
  std::vector<std::size_t> values(n, 0);
  for (const double p : synthetic.joint) {
    for (std::size_t i = 0; i < n; ++i) {
      marginals_[i][values[i]] += p;
      for (std::size_t j = 0; j < n; ++j) pairs_[i * n + j][values[i] * levels_[j] + values[j]] += p;
    }
    for (std::size_t i = n; i-- > 0;) {  // the last agent's value changes first
      if (++values[i] < levels_[i]) break;
      values[i] = 0;
    }
  }
}

std::optional<std::size_t> PresetCritic::value(std::string_view text) const {
  const auto found = std::find(texts_.begin(), texts_.end(), text);
  if (found == texts_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - texts_.begin());
}

double PresetCritic::product(std::size_t i, std::size_t j, std::size_t a, std::size_t b) const {
  return marginals_.at(i).at(a) * marginals_.at(j).at(b);
}

double PresetCritic::compare_values(std::size_t i, std::size_t j, std::size_t a, std::size_t b) const {
  if (a >= levels_.at(i) || b >= levels_.at(j)) return kUndefined;
  return joint(i, j).at(a * levels_[j] + b) > product(i, j, a, b) + kClear ? 1 : 0;
}

double PresetCritic::compare(std::size_t i, std::size_t j, std::string_view x, std::string_view y) const {
  const auto a = value(x), b = value(y);
  return a && b ? compare_values(i, j, *a, *b) : kUndefined;
}

double PresetCritic::judge(std::string_view x, std::string_view y) const {
  const auto a = value(x), b = value(y);
  if (!a || !b) return kUndefined;
  return *a > *b ? 1 : 0;
}

double PresetCritic::tvd_mi(std::size_t i, std::size_t j) const {
  double sum = 0;
  for (std::size_t a = 0; a < levels_.at(i); ++a) {
    for (std::size_t b = 0; b < levels_.at(j); ++b)
      sum += std::abs(joint(i, j).at(a * levels_[j] + b) - product(i, j, a, b));
  }
  return sum / 2 < kClear ? 0 : sum / 2;
}

double PresetCritic::wins(std::size_t i, std::size_t j) const {
  double sum = 0;
  for (std::size_t a = 0; a < levels_.at(i); ++a) {
    for (std::size_t b = 0; b < std::min(a, levels_.at(j)); ++b) sum += joint(i, j).at(a * levels_[j] + b);
  }
  return sum < kClear ? 0 : sum;
}

std::vector<std::size_t> synthetic_values(const PeerSynthetic& synthetic, std::uint64_t seed, const std::string& task) {
  NamedStream stream(std::to_string(seed) + "//" + task + "/synthetic");
  const double u = stream.unit();
  double sum = 0;
  std::size_t cell = 0;
  for (std::size_t i = 0; i < synthetic.joint.size(); ++i) {
    if (synthetic.joint[i] <= 0) continue;
    cell = i;  // the last that can occur, where rounding leaves the sum below u
    sum += synthetic.joint[i];
    if (u < sum) break;
  }
  std::vector<std::size_t> values(synthetic.levels.size());
  for (std::size_t i = values.size(); i-- > 0;) {
    values[i] = cell % synthetic.levels[i];
    cell /= synthetic.levels[i];
  }
  return values;
}

WordSet keyword_words(std::string_view text) {
  const std::string lower = to_lower(text);
  WordSet words;
  std::string word;
  std::size_t length = 0;
  const auto end_word = [&] {
    if (length > kShortWord && std::find(kNoKeywords.begin(), kNoKeywords.end(), word) == kNoKeywords.end())
      words.insert(word);
    word.clear();
    length = 0;
  };
  for (std::size_t at = 0; at < lower.size();) {
    const CodePoint point = code_point_at(lower, at);
    if (point.valid && is_word_character(point.value)) {
      word.append(lower, at, point.length);
      ++length;
    } else {
      end_word();
    }
    at += point.length;
  }
  end_word();
  return words;
}

double keyword_rule(std::size_t common, std::size_t x, std::size_t y) {
  const std::size_t all = x + y - common;
  return all > 0 && static_cast<double>(common) / static_cast<double>(all) > kEnoughInCommon ? 1 : 0;
}

double keyword_compare(const WordSet& x, const WordSet& y) {
  const auto common =
      static_cast<std::size_t>(std::count_if(x.begin(), x.end(), [&](const auto& word) { return y.contains(word); }));
  return keyword_rule(common, x.size(), y.size());
}

double length_judge(std::string_view x, std::string_view y) {
  return count_code_points(x) > count_code_points(y) ? 1 : 0;
}

}  // namespace assay
