#pragma once
// How alike two texts are, by the words they have in common in one order. Specs: statistics.md 9. Pure functions: any
// thread; a vocabulary belongs to one.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace assay {

/// Numbers for words, shared by the texts that are compared.
using RougeVocabulary = std::unordered_map<std::string, std::uint32_t>;

/// A text as its tokens, and where each of them stands: bit i of a row is position i. Made once, compared often.
struct RougeText {
  std::vector<std::uint32_t> tokens;
  std::size_t row_words = 0;
  std::unordered_map<std::uint32_t, std::size_t> rows;
  std::vector<std::uint64_t> bits;

  RougeText(std::span<const std::string> words, RougeVocabulary& vocabulary);
};

/// F1 of the longest common subsequence of tokens, of length L: P = L/|b|, R = L/|a|, F1 = 2PR/(P+R); 0 when either is
/// empty or L is 0 (Lin 2004, ACL W04-1013). Bit-parallel (Hyyro 2004): |a| |b| / 64 steps.
double rouge_l(const RougeText& a, const RougeText& b);
double rouge_l(std::span<const std::string> a, std::span<const std::string> b);

/// Lower-case ASCII; every run outside a-z0-9 separates; no stemming.
std::vector<std::string> rouge_tokens(std::string_view text);

}  // namespace assay
