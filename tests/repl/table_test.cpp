#include "repl/table.hpp"

#include <doctest/doctest.h>

using namespace assay;

namespace {
std::string drawn(const Table& table, std::size_t width) {
  std::string out;
  for (const StyledText& line : table.lines(width)) out += line.plain() + "\n";
  return out;
}

Table sample() {
  Table table({{"run"}, {"calls", true}, {"answer", false, true, 6}});
  table.row({cell("b:1"), count_cell(7), cell("short")});
  table.row({cell("漢字:22"), count_cell(12'345), cell("a much longer answer than fits")});
  table.row({cell("b:3"), count_cell(1)});
  return table;
}
}  // namespace

TEST_CASE("a table is as wide as its cells, numbers to the right, without spaces at line ends") {
  CHECK(drawn(sample(), 0) ==
        "run       calls  answer\n"
        "b:1           7  short\n"
        "漢字:22  12,345  a much longer answer than fits\n"
        "b:3           1\n");
}

TEST_CASE("on a terminal the long column gives way, then lines are cut; no line is wider than it") {
  CHECK(drawn(sample(), 30) ==
        "run       calls  answer\n"
        "b:1           7  short\n"
        "漢字:22  12,345  a much longe…\n"
        "b:3           1\n");
  for (std::size_t width = 1; width < 60; ++width) {
    for (const StyledText& line : sample().lines(width)) CHECK(line.width() <= width);
  }
}

TEST_CASE("what strangers wrote in a cell is one line and shown escaped") {
  Table table({{"", false}, {"", true}});
  table.row({cell("a\x1b[31m\nb"), cell("x")});
  table.row({StyledText(safe("two\nlines", false)), cell("y")});
  CHECK(drawn(table, 0) == "a\\x1b[31m\\nb  x\ntwo\\nlines    y\n");
}

TEST_CASE("the line after a cut listing says how many more and how to see them") {
  CHECK(more_line(10, 10'000, "ls").plain() == "+9,990 more: ls --limit 10000");
  CHECK(more_line(5, 5, "ls").empty());
}

TEST_CASE("names that differ in their end alone stay apart when they are cut") {
  Table table({{"model", false, true, 12, true}, {"rate", true}});
  table.row({cell("sim/qa?accuracy=0.9"), cell("61.3 %")});
  table.row({cell("sim/qa?accuracy=0.6"), cell("38.7 %")});
  CHECK(drawn(table, 22) ==
        "model             rate\n"
        "sim/qa?…cy=0.9  61.3 %\n"
        "sim/qa?…cy=0.6  38.7 %\n");
}

TEST_CASE("columns that don't fit stand in a block below, beside the names of the rows; no figure is cut") {
  Table table({{"model", false, true, 12, true}, {"n", true}, {"rate", true}, {"low", true}, {"high", true}});
  table.row({cell("one"), count_cell(40), cell("61.3 %"), cell("49.5 %"), cell("73.0 %")});
  table.row({cell("other"), count_cell(4), cell("38.7 %"), cell("27.0 %"), cell("50.5 %")});
  table.in_blocks();
  CHECK(drawn(table, 20) ==
        "model   n    rate\n"
        "one    40  61.3 %\n"
        "other   4  38.7 %\n"
        "\n"
        "model     low\n"
        "one    49.5 %\n"
        "other  27.0 %\n"
        "\n"
        "model    high\n"
        "one    73.0 %\n"
        "other  50.5 %\n");
  CHECK(drawn(table, 80) == drawn(table, 0));
  for (std::size_t width = 1; width < 60; ++width) {
    for (const StyledText& line : table.lines(width)) CHECK(line.width() <= width);
  }
}
