#pragma once
// Rows and columns of text for people: as wide as their cells, numbers to the right, cut to the terminal's width with
// an ellipsis, and whole where there is no terminal. No spaces at line ends, the same text for the same cells. Values;
// any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

struct Column {
  std::string heading;
  bool right = false;          ///< numbers
  bool may_shrink = false;     ///< long text: cut first when the table is too wide
  std::size_t min_width = 12;  ///< a shrinking column keeps this much
  bool keeps_ends = false;     ///< names: cut in the middle, as they may differ in their end alone
};

class Table {
 public:
  explicit Table(std::vector<Column> columns, std::size_t indent = 0);

  /// Where shrinking is not enough, the columns that don't fit stand in further blocks below, each with the first
  /// columns that are no numbers again; no figure is cut while one column fits beside them.
  Table& in_blocks();

  /// One cell a column; missing ones are empty. LF and TAB in a cell are shown as \n and \t.
  void row(std::vector<StyledText> cells);
  std::size_t size() const { return rows_.size(); }

  /// The heading line (left out when all headings are empty) and the rows. `width` 0: nothing is cut. Where shrinking
  /// is not enough, and neither are blocks, lines are cut at `width`.
  std::vector<StyledText> lines(std::size_t width) const;
  /// The lines for this output's width.
  void draw(Screen& screen) const;

 private:
  std::vector<std::size_t> column_widths(std::size_t width) const;
  std::vector<std::vector<std::size_t>> blocks(std::size_t width) const;
  std::vector<StyledText> lines_of(std::size_t width) const;

  std::vector<Column> columns_;
  std::size_t indent_;
  bool in_blocks_ = false;
  std::vector<std::vector<StyledText>> rows_;
};

/// "+9,990 more: ls --limit 10000" when `shown` < `total`, else nothing: `command` with the limit that shows all.
StyledText more_line(std::size_t shown, std::size_t total, std::string_view command);

/// A cell for a count ("12,345"), and for a text in a role.
StyledText count_cell(std::int64_t count, TextRole role = TextRole::plain);
StyledText cell(std::string_view text, TextRole role = TextRole::plain);

}  // namespace assay
