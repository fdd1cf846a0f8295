#pragma once
// Where everything that the line editor shows stands: prompt, typed text, live lines, as rows of a terminal of a given
// size, and the cursor among them. Pure functions: any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

struct BlockRow {
  std::string bytes;      ///< ready for the terminal, SGR included, no line end
  std::size_t width = 0;  ///< columns, at most the terminal's
  friend bool operator==(const BlockRow&, const BlockRow&) = default;
};

/// The rows drawn as one piece, and the cursor's place in them.
struct Block {
  std::vector<BlockRow> rows;
  std::size_t cursor_row = 0;
  std::size_t cursor_column = 0;
};

struct LineView {
  StyledText prompt;
  StyledText continuation;         ///< before each further line of `text`
  std::string_view text;           ///< as typed; shown through safe(), LF begins a new row
  std::size_t cursor = 0;          ///< byte offset in `text`
  std::vector<StyledText> status;  ///< below, each cut to one row
  TerminalSize size;
  bool colours = false;
};

/// The view as rows, at most size.rows of them: live lines go first, then typed rows that are far from the cursor.
/// A character is never split over two rows. A cursor after a full row stands on a row of its own.
Block layout_line(const LineView& view);
/// The same with every typed row, whatever the height: what stays on the screen when the line is finished.
Block layout_whole_line(const LineView& view);

/// Rows that stand above the cursor once the terminal has become `columns` wide and wrapped `block` anew.
std::size_t rows_above_cursor_after_reflow(const Block& block, std::size_t columns);

}  // namespace assay
