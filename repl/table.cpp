#include "repl/table.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "core/text/duration.hpp"

namespace assay {

namespace {

constexpr std::size_t kGap = 2;

StyledText on_one_line(const StyledText& text) {
  StyledText out;
  for (const StyledText::Span& span : text.spans()) out.add(span.text.view(), span.role);
  return out;
}

/// "sim/qa…=0.9": a name's head and tail.
StyledText cut_in_the_middle(const StyledText& text, std::size_t columns) {
  constexpr std::size_t kLeast = 5;
  if (text.width() <= columns || columns < kLeast || text.spans().size() != 1) return text.truncated(columns);
  const std::string& whole = text.spans().front().text.text();
  const std::size_t tail_columns = (columns - 1) / 2;
  std::size_t at = whole.size();
  for (std::size_t before = at; before > 0;) {
    --before;
    if ((static_cast<unsigned char>(whole[before]) & 0xC0U) == 0x80U) continue;  // inside a code point
    if (safe(std::string_view(whole).substr(before)).width() > tail_columns) break;
    at = before;
  }
  const Printable tail = safe(std::string_view(whole).substr(at));
  StyledText out = text.truncated(columns - tail.width());
  return out.add(tail, text.spans().front().role);
}

}  // namespace

Table::Table(std::vector<Column> columns, std::size_t indent) : columns_(std::move(columns)), indent_(indent) {}

void Table::row(std::vector<StyledText> cells) {
  cells.resize(columns_.size());
  for (StyledText& text : cells) text = on_one_line(text);
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::column_widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = safe(columns_[i].heading).width();
    for (const auto& cells : rows_) widest = std::max(widest, cells[i].width());
    widths.push_back(widest);
  }
  if (width == 0 || columns_.empty()) return widths;
  std::size_t total = indent_ + kGap * (columns_.size() - 1);
  for (const std::size_t column : widths) total += column;
  // The widest shrinking column gives first, so that short ones stay whole.
  while (total > width) {
    std::size_t victim = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].may_shrink || widths[i] <= columns_[i].min_width) continue;
      if (victim == columns_.size() || widths[i] > widths[victim]) victim = i;
    }
    if (victim == columns_.size()) break;
    --widths[victim];
    --total;
  }
  return widths;
}

Table& Table::in_blocks() {
  in_blocks_ = true;
  return *this;
}

/// The columns of each block.
std::vector<std::vector<std::size_t>> Table::blocks(std::size_t width) const {
  std::vector<std::size_t> whole(columns_.size());
  std::iota(whole.begin(), whole.end(), std::size_t{0});
  const std::vector<std::size_t> widths = column_widths(width);
  std::size_t total = indent_;
  for (const std::size_t column : widths) total += column + kGap;
  if (columns_.empty() || total <= width + kGap) return {whole};
  // What names a row: as many of the first columns as half of the width has room for.
  std::vector<std::size_t> names = {0};
  std::size_t names_width = indent_ + widths.front() + kGap;
  while (names.size() < columns_.size() && !columns_[names.size()].right &&
         names_width + widths[names.size()] + kGap <= width / 2) {
    names_width += widths[names.size()] + kGap;
    names.push_back(names.size());
  }
  std::vector<std::vector<std::size_t>> blocks = {names};
  std::size_t used = names_width;
  for (std::size_t i = names.size(); i < columns_.size(); ++i) {
    if (used + widths[i] > width && blocks.back().size() > names.size()) {
      blocks.push_back(names);
      used = names_width;
    }
    blocks.back().push_back(i);
    used += widths[i] + kGap;
  }
  return blocks;
}

std::vector<StyledText> Table::lines(std::size_t width) const {
  if (!in_blocks_ || width == 0) return lines_of(width);
  std::vector<StyledText> out;
  for (const std::vector<std::size_t>& block : blocks(width)) {
    std::vector<Column> columns;
    for (const std::size_t i : block) columns.push_back(columns_[i]);
    Table part(std::move(columns), indent_);
    for (const auto& cells : rows_) {
      std::vector<StyledText> shown;
      for (const std::size_t i : block) shown.push_back(cells[i]);
      part.rows_.push_back(std::move(shown));
    }
    if (!out.empty()) out.emplace_back();
    for (StyledText& line : part.lines_of(width)) out.push_back(std::move(line));
  }
  return out;
}

std::vector<StyledText> Table::lines_of(std::size_t width) const {
  const std::vector<std::size_t> widths = column_widths(width);
  const auto compose = [&](const std::vector<StyledText>& cells) {
    StyledText line;
    std::size_t owed = indent_;  // spaces that are written only when something follows
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const StyledText shown =
          columns_[i].keeps_ends ? cut_in_the_middle(cells[i], widths[i]) : cells[i].truncated(widths[i]);
      const std::size_t padding = widths[i] - std::min(widths[i], shown.width());
      if (columns_[i].right) owed += padding;
      if (!shown.empty()) {
        line.add(std::string(owed, ' ')).add(shown);
        owed = 0;
      }
      owed += kGap + (columns_[i].right ? (shown.empty() ? widths[i] - padding : 0) : padding);
    }
    return width == 0 ? line : line.truncated(width);
  };
  std::vector<StyledText> out;
  std::vector<StyledText> headings;
  bool any_heading = false;
  for (const Column& column : columns_) {
    headings.push_back(cell(column.heading, TextRole::title));
    any_heading = any_heading || !column.heading.empty();
  }
  if (any_heading) out.push_back(compose(headings));
  for (const auto& cells : rows_) out.push_back(compose(cells));
  return out;
}

void Table::draw(Screen& screen) const {
  for (const StyledText& line : lines(screen.table_width())) screen.line(line);
}

StyledText more_line(std::size_t shown, std::size_t total, std::string_view command) {
  if (shown >= total) return {};
  const std::string more = "+" + format_count(static_cast<std::int64_t>(total - shown)) + " more: ";
  return StyledText().add(more + std::string(command) + " --limit " + std::to_string(total), TextRole::dim);
}

StyledText count_cell(std::int64_t count, TextRole role) { return StyledText().add(format_count(count), role); }

StyledText cell(std::string_view text, TextRole role) { return StyledText().add(text, role); }

}  // namespace assay
