#pragma once
// What differs between two texts, by lines and words: for people. Time and memory are bounded: texts that differ in
// more than the bound are shown as wholly replaced between what they begin and end with in common. Pure functions: any
// thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class DifferenceKind : std::uint8_t { same, removed, added };

/// One element of the first sequence (`same`, `removed`: `left`) or of the second (`same`, `added`: `right`).
struct SequenceEdit {
  DifferenceKind kind = DifferenceKind::same;
  std::size_t left = 0, right = 0;
};
/// The shortest way from `left` to `right`, removals of a place before additions (Myers 1986, "An O(ND) difference
/// algorithm and its variations"). With more than `most` edits what lies between the common ends is removed and added
/// as a whole. Time O((left + right) most), memory O(most^2).
std::vector<SequenceEdit> sequence_difference(std::span<const std::uint32_t> left, std::span<const std::uint32_t> right,
                                              std::size_t most = 1000);

struct TextPiece {
  DifferenceKind kind = DifferenceKind::same;
  std::string_view text;  // into the left text (same, removed) or the right one (added)
};
/// By words, blanks and single other characters; neighbouring pieces of one kind are one.
std::vector<TextPiece> word_difference(std::string_view left, std::string_view right);

/// Lines that are the same, or lines of the left that became lines of the right (either may be none). Without the line
/// ends between them.
struct LineBlock {
  bool same = true;
  std::string_view left, right;
  std::size_t left_lines = 0, right_lines = 0;
};
std::vector<LineBlock> line_difference(std::string_view left, std::string_view right);

}  // namespace assay
