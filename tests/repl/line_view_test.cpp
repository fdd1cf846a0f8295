#include "repl/line_view.hpp"

#include <doctest/doctest.h>

#include "core/text/utf8.hpp"

using namespace assay;

namespace {
struct Shown {
  std::string rows;
  std::size_t row, column;
};

Shown shown(std::string_view text, std::size_t cursor, TerminalSize size, std::vector<StyledText> status = {}) {
  LineView view;
  view.prompt = StyledText().add("> ");
  view.continuation = StyledText().add(". ");
  view.text = text;
  view.cursor = cursor;
  view.status = std::move(status);
  view.size = size;
  const Block block = layout_line(view);
  Shown out{{}, block.cursor_row, block.cursor_column};
  for (const BlockRow& row : block.rows) {
    CHECK(row.width <= static_cast<std::size_t>(size.columns));
    CHECK(row.width == display_width(row.bytes));
    out.rows += row.bytes + "|";
  }
  CHECK(block.rows.size() <= static_cast<std::size_t>(size.rows));
  CHECK(block.cursor_row < block.rows.size());
  CHECK(block.cursor_column < static_cast<std::size_t>(size.columns));
  return out;
}
}  // namespace

TEST_CASE("typed text wraps at the width and the cursor is where it will be typed") {
  struct Case {
    const char* text;
    std::size_t cursor;
    const char* rows;
    std::size_t row, column;
  };
  const Case cases[] = {
      {"", 0, "> |", 0, 2},
      {"abc", 3, "> abc|", 0, 5},
      {"abcd", 4, "> abcd||", 1, 0},  // a full row: the cursor needs one of its own
      {"abcd", 3, "> abcd|", 0, 5},
      {"abcde", 4, "> abcd|e|", 1, 0},
      {"abc漢", 3, "> abc|漢|", 1, 0},  // never half a character in a row
      {"abc漢", 6, "> abc|漢|", 1, 2},
      {"a\nb", 2, "> a|. b|", 1, 2},
      {"a\nb", 1, "> a|. b|", 0, 3},
      {"\n", 1, "> |. |", 1, 2},
      {"a\x1b"
       "b",
       2, "> a\\x1|bb|", 1, 1},
      {"e\xcc\x81x", 3, "> e\xcc\x81x|", 0, 3},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    const Shown got = shown(one.text, one.cursor, {.columns = 6, .rows = 10});
    CHECK(got.rows == one.rows);
    CHECK(got.row == one.row);
    CHECK(got.column == one.column);
  }
}

TEST_CASE("what is too high shows the rows around the cursor, and live lines go first") {
  const std::vector<StyledText> status = {StyledText().add("one status"), StyledText().add("two")};
  CHECK(shown("ab", 2, {.columns = 6, .rows = 3}, status).rows == "> ab|one s…|two|");
  CHECK(shown("abcdef", 6, {.columns = 6, .rows = 3}, status).rows == "> abcd|ef|one s…|");
  const std::string text = "a\nb\nc\nd\ne\nf\ng";
  CHECK(shown(text, 0, {.columns = 6, .rows = 3}, status).rows == "> a|. b|. c|");
  CHECK(shown(text, 13, {.columns = 6, .rows = 3}, status).rows == ". e|. f|. g|");
  CHECK(shown(text, 6, {.columns = 6, .rows = 3}, status).rows == ". c|. d|. e|");
}

TEST_CASE("after a resize the cursor's row is counted at the new width") {
  Block block;
  block.rows = {{"", 20}, {"", 20}, {"", 7}};
  block.cursor_row = 2;
  block.cursor_column = 7;
  CHECK(rows_above_cursor_after_reflow(block, 30) == 2);
  CHECK(rows_above_cursor_after_reflow(block, 20) == 2);
  CHECK(rows_above_cursor_after_reflow(block, 10) == 4);
  CHECK(rows_above_cursor_after_reflow(block, 7) == 7);
}
