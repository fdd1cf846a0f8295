#include "core/text/text_difference.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

namespace assay {
namespace {

std::string marked(std::string_view left, std::string_view right) {
  std::string text;
  for (const TextPiece& piece : word_difference(left, right)) {
    const char* const brackets[] = {"", "", "{-", "-}", "{+", "+}"};
    const auto kind = static_cast<std::size_t>(piece.kind);
    text += brackets[2 * kind] + std::string(piece.text) + brackets[2 * kind + 1];
  }
  return text;
}

/// Puts both sides together again from the edits, and counts them.
std::size_t checked_edits(const std::vector<std::uint32_t>& left, const std::vector<std::uint32_t>& right,
                          std::size_t most) {
  std::vector<std::uint32_t> a, b;
  std::size_t edits = 0;
  for (const SequenceEdit& edit : sequence_difference(left, right, most)) {
    if (edit.kind != DifferenceKind::added) a.push_back(left.at(edit.left));
    if (edit.kind != DifferenceKind::removed) b.push_back(right.at(edit.right));
    if (edit.kind == DifferenceKind::same) CHECK(left.at(edit.left) == right.at(edit.right));
    edits += edit.kind == DifferenceKind::same ? 0 : 1;
  }
  CHECK(a == left);
  CHECK(b == right);
  return edits;
}

/// Length of the longest common subsequence, by the table.
std::size_t common_length(const std::vector<std::uint32_t>& left, const std::vector<std::uint32_t>& right) {
  std::vector<std::vector<std::size_t>> table(left.size() + 1, std::vector<std::size_t>(right.size() + 1, 0));
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t j = 0; j < right.size(); ++j) {
      table[i + 1][j + 1] = left[i] == right[j] ? table[i][j] + 1 : std::max(table[i][j + 1], table[i + 1][j]);
    }
  }
  return table[left.size()][right.size()];
}

TEST_CASE("words that differ are marked, and those around them are not") {
  CHECK(marked("the answer is 42.", "the answer is 43.") == "the answer is {-42-}{+43+}.");
  CHECK(marked("a b", "a b") == "a b");
  CHECK(marked("", "new") == "{+new+}");
  CHECK(marked("old", "") == "{-old-}");
  CHECK(marked("so ist es wohl", "so war es nie") == "so {-ist-}{+war+} es {-wohl-}{+nie+}");
  CHECK(marked("caf\u00e9 noir", "caf\u00e8 noir") == "{-caf\u00e9-}{+caf\u00e8+} noir");
}

TEST_CASE("the edits lead from one sequence to the other, and are the fewest there are") {
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::uint32_t> left(random() % 12), right(random() % 12);
    for (auto* side : {&left, &right}) {
      for (std::uint32_t& one : *side) one = random() % 4;
    }
    CHECK(checked_edits(left, right, 1000) == left.size() + right.size() - 2 * common_length(left, right));
  }
}

TEST_CASE("what differs in more than the bound is replaced as a whole between the common ends") {
  std::vector<std::uint32_t> left = {1, 2}, right = {1, 2};
  for (std::uint32_t i = 0; i < 100; ++i) left.push_back(10 + i), right.push_back(1000 + i);
  left.push_back(3), right.push_back(3);
  CHECK(checked_edits(left, right, 10) == 200);
  CHECK(sequence_difference(left, right, 10).front().kind == DifferenceKind::same);
  CHECK(sequence_difference(left, right, 10).back().kind == DifferenceKind::same);
}

TEST_CASE("lines are told apart in blocks, with the empty ones at the end") {
  const auto blocks = line_difference("one\ntwo\nthree\n", "one\n2\n2b\nthree\n");
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].same);
  CHECK(blocks[0].left == "one");
  CHECK(blocks[1].left == "two");
  CHECK(blocks[1].right == "2\n2b");
  CHECK(blocks[1].right_lines == 2);
  CHECK(blocks[2].left == "three\n");
  CHECK(line_difference("", "").size() == 1);
  CHECK(line_difference("", "")[0].same);
}

TEST_CASE("a megabyte against another is done with, whatever they hold") {
  std::mt19937 random(2);
  std::string left, right;
  while (left.size() < 1'000'000) left += std::to_string(random() % 1000) + (random() % 9 == 0 ? "\n" : " ");
  while (right.size() < 1'000'000) right += std::to_string(random() % 1000) + (random() % 9 == 0 ? "\n" : " ");
  std::size_t lines = 0;
  for (const LineBlock& block : line_difference(left, right)) lines += block.left_lines;
  CHECK(lines == static_cast<std::size_t>(std::count(left.begin(), left.end(), '\n')) + 1);
  std::string again;
  for (const TextPiece& piece : word_difference(left, right)) {
    if (piece.kind != DifferenceKind::added) again += piece.text;
  }
  CHECK(again == left);
}

}  // namespace
}  // namespace assay
