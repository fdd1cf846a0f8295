#include "core/statistics/rouge.hpp"

#include <algorithm>
#include <bit>

namespace assay {
namespace {

/// Length of the longest common subsequence, 64 positions of `a` at a time (Hyyro 2004): a zero of `row` at i says that
/// position i ends a longer one.
std::size_t common_length(const RougeText& a, const RougeText& b) {
  std::vector<std::uint64_t> row(a.row_words, ~std::uint64_t{0});
  for (const std::uint32_t token : b.tokens) {
    const auto found = a.rows.find(token);
    if (found == a.rows.end()) continue;
    const std::uint64_t* match = a.bits.data() + found->second * a.row_words;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < row.size(); ++w) {
      const std::uint64_t hits = row[w] & match[w];
      const std::uint64_t half = row[w] + hits;
      const std::uint64_t sum = half + carry;
      carry = half < hits || sum < half ? 1 : 0;
      row[w] = sum | (row[w] & ~match[w]);
    }
  }
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < a.tokens.size(); i += 64) {
    const std::size_t here = std::min<std::size_t>(64, a.tokens.size() - i);
    const std::uint64_t used = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
    zeros += static_cast<std::size_t>(std::popcount(~row[i / 64] & used));
  }
  return zeros;
}

}  // namespace

RougeText::RougeText(std::span<const std::string> words, RougeVocabulary& vocabulary)
    : row_words((words.size() + 63) / 64) {
  tokens.reserve(words.size());
  for (const std::string& word : words)
    tokens.push_back(vocabulary.try_emplace(word, static_cast<std::uint32_t>(vocabulary.size())).first->second);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto [row, fresh] = rows.try_emplace(tokens[i], rows.size());
    if (fresh) bits.resize(bits.size() + row_words);
    bits[row->second * row_words + i / 64] |= std::uint64_t{1} << (i % 64);
  }
}

double rouge_l(const RougeText& a, const RougeText& b) {
  const auto common = static_cast<double>(common_length(a, b));
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(b.tokens.size());
  const double recall = common / static_cast<double>(a.tokens.size());
  return 2 * precision * recall / (precision + recall);
}

double rouge_l(std::span<const std::string> a, std::span<const std::string> b) {
  RougeVocabulary vocabulary;
  const RougeText first(a, vocabulary);
  return rouge_l(first, RougeText(b, vocabulary));
}

std::vector<std::string> rouge_tokens(std::string_view text) {
  std::vector<std::string> tokens;
  bool inside = false;
  for (const char raw : text) {
    const char c = raw >= 'A' && raw <= 'Z' ? static_cast<char>(raw - 'A' + 'a') : raw;
    const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (part && !inside) tokens.emplace_back();
    if (part) tokens.back() += c;
    inside = part;
  }
  return tokens;
}

}  // namespace assay
