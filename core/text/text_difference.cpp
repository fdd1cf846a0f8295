#include "core/text/text_difference.hpp"

#include <algorithm>
#include <unordered_map>

namespace assay {
namespace {

using Tokens = std::vector<std::string_view>;
constexpr std::size_t kMostWords = 20'000, kMostWordEdits = 400;

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
         byte == '_';
}
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Tokens words_of(std::string_view text) {
  Tokens words;
  while (!text.empty()) {
    std::size_t length = 1;
    for (const auto of_kind : {is_word, is_blank}) {
      if (!of_kind(text.front())) continue;
      while (length < text.size() && of_kind(text[length])) ++length;
    }
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

Tokens lines_of(std::string_view text) {
  Tokens lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

/// Equal tokens get equal numbers.
class Numbers {
 public:
  std::vector<std::uint32_t> of(const Tokens& tokens) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(tokens.size());
    for (const std::string_view token : tokens) {
      numbers.push_back(known_.try_emplace(token, static_cast<std::uint32_t>(known_.size())).first->second);
    }
    return numbers;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> known_;
};

/// From the beginning of `first` to the end of `last`, both of one text.
std::string_view spanning(std::string_view first, std::string_view last) {
  return {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
}

/// Steps of the middle part, or nothing when there are too many.
bool middle_edits(std::span<const std::uint32_t> left, std::span<const std::uint32_t> right, std::size_t most,
                  std::vector<DifferenceKind>& steps) {
  const auto n = static_cast<std::ptrdiff_t>(left.size()), m = static_cast<std::ptrdiff_t>(right.size());
  const auto bound = static_cast<std::ptrdiff_t>(std::min(most, left.size() + right.size()));
  std::vector<std::ptrdiff_t> reach(static_cast<std::size_t>(2 * bound + 3), 0);  // furthest left index by diagonal
  const auto at = [&](std::vector<std::ptrdiff_t>& row, std::ptrdiff_t diagonal, std::ptrdiff_t half) -> auto& {
    return row[static_cast<std::size_t>(diagonal + half)];
  };
  std::vector<std::vector<std::ptrdiff_t>> trace;  // reach before each round, of its diagonals -d-1 .. d+1
  for (std::ptrdiff_t d = 0; d <= bound; ++d) {
    trace.emplace_back(reach.begin() + (bound + 1) - (d + 1), reach.begin() + (bound + 1) + (d + 2));
    for (std::ptrdiff_t k = -d; k <= d; k += 2) {
      const bool down = k == -d || (k != d && at(reach, k - 1, bound + 1) < at(reach, k + 1, bound + 1));
      std::ptrdiff_t x = down ? at(reach, k + 1, bound + 1) : at(reach, k - 1, bound + 1) + 1;
      std::ptrdiff_t y = x - k;
      while (x < n && y < m && left[static_cast<std::size_t>(x)] == right[static_cast<std::size_t>(y)]) ++x, ++y;
      at(reach, k, bound + 1) = x;
      if (x < n || y < m) continue;
      for (std::ptrdiff_t round = d; round >= 0; --round) {
        std::vector<std::ptrdiff_t>& before = trace[static_cast<std::size_t>(round)];
        const std::ptrdiff_t diagonal = x - y, half = round + 1;
        const bool came_down = diagonal == -round ||
                               (diagonal != round && at(before, diagonal - 1, half) < at(before, diagonal + 1, half));
        const std::ptrdiff_t from = came_down ? diagonal + 1 : diagonal - 1;
        const std::ptrdiff_t from_x = round == 0 ? 0 : at(before, from, half), from_y = round == 0 ? 0 : from_x - from;
        while (x > from_x && y > from_y) {
          steps.push_back(DifferenceKind::same);
          --x, --y;
        }
        if (round == 0) break;
        steps.push_back(came_down ? DifferenceKind::added : DifferenceKind::removed);
        x = from_x;
        y = from_y;
      }
      std::reverse(steps.begin(), steps.end());
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<SequenceEdit> sequence_difference(std::span<const std::uint32_t> left, std::span<const std::uint32_t> right,
                                              std::size_t most) {
  std::size_t begin = 0, end = 0;
  const std::size_t shorter = std::min(left.size(), right.size());
  while (begin < shorter && left[begin] == right[begin]) ++begin;
  while (end < shorter - begin && left[left.size() - 1 - end] == right[right.size() - 1 - end]) ++end;
  std::vector<DifferenceKind> steps;
  const auto middle_left = left.subspan(begin, left.size() - begin - end);
  const auto middle_right = right.subspan(begin, right.size() - begin - end);
  if (!middle_edits(middle_left, middle_right, most, steps)) {
    steps.assign(middle_left.size(), DifferenceKind::removed);
    steps.insert(steps.end(), middle_right.size(), DifferenceKind::added);
  }
  // Of a place where something became something else: all that was, then all that is.
  for (auto from = steps.begin(); from != steps.end();) {
    from = std::find_if(from, steps.end(), [](DifferenceKind kind) { return kind != DifferenceKind::same; });
    const auto to = std::find(from, steps.end(), DifferenceKind::same);
    std::sort(from, to);
    from = to;
  }
  steps.insert(steps.begin(), begin, DifferenceKind::same);
  steps.insert(steps.end(), end, DifferenceKind::same);
  std::vector<SequenceEdit> edits;
  edits.reserve(steps.size());
  std::size_t x = 0, y = 0;
  for (const DifferenceKind kind : steps) {
    edits.push_back({kind, x, y});
    x += kind != DifferenceKind::added ? 1 : 0;
    y += kind != DifferenceKind::removed ? 1 : 0;
  }
  return edits;
}

std::vector<TextPiece> word_difference(std::string_view left, std::string_view right) {
  const Tokens a = words_of(left), b = words_of(right);
  Numbers numbers;
  const std::vector<std::uint32_t> x = numbers.of(a), y = numbers.of(b);
  const std::size_t most = a.size() + b.size() > kMostWords ? 0 : kMostWordEdits;
  std::vector<TextPiece> pieces;
  for (const SequenceEdit& edit : sequence_difference(x, y, most)) {
    const std::string_view text = edit.kind == DifferenceKind::added ? b[edit.right] : a[edit.left];
    if (!pieces.empty() && pieces.back().kind == edit.kind) {
      pieces.back().text = spanning(pieces.back().text, text);
    } else {
      pieces.push_back({edit.kind, text});
    }
  }
  return pieces;
}

std::vector<LineBlock> line_difference(std::string_view left, std::string_view right) {
  const Tokens a = lines_of(left), b = lines_of(right);
  Numbers numbers;
  const std::vector<std::uint32_t> x = numbers.of(a), y = numbers.of(b);
  std::vector<LineBlock> blocks;
  for (const SequenceEdit& edit : sequence_difference(x, y)) {
    const bool same = edit.kind == DifferenceKind::same;
    if (blocks.empty() || blocks.back().same != same) blocks.push_back({same, {}, {}, 0, 0});
    LineBlock& block = blocks.back();
    if (edit.kind != DifferenceKind::added)
      block.left = block.left_lines++ == 0 ? a[edit.left] : spanning(block.left, a[edit.left]);
    if (edit.kind != DifferenceKind::removed)
      block.right = block.right_lines++ == 0 ? b[edit.right] : spanning(block.right, b[edit.right]);
  }
  return blocks;
}

}  // namespace assay
