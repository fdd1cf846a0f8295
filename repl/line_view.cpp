#include "repl/line_view.hpp"

#include <algorithm>

#include "core/text/utf8.hpp"

namespace assay {

namespace {

class RowWriter {
 public:
  RowWriter(std::size_t columns, bool colours) : columns_(columns), colours_(colours) { rows_.emplace_back(); }

  void new_row() { rows_.emplace_back(); }
  /// At most half of the row, so that there is always room to type.
  void prefix(const StyledText& text) {
    const StyledText cut = text.truncated(columns_ / 2);
    rows_.back().bytes += cut.render(colours_);
    rows_.back().width += cut.width();
  }
  void status(const StyledText& text) {
    const StyledText cut = text.truncated(columns_);
    rows_.push_back({cut.render(colours_), cut.width()});
  }
  /// One character; a new row first where it doesn't fit.
  void put(std::string_view bytes, std::size_t width) {
    if (rows_.back().width + width > columns_) new_row();
    rows_.back().bytes += bytes;
    rows_.back().width += width;
  }
  void make_room(std::size_t width) {
    if (rows_.back().width + width > columns_) new_row();
  }

  std::size_t row() const { return rows_.size() - 1; }
  std::size_t column() const { return rows_.back().width; }
  std::vector<BlockRow> take() { return std::move(rows_); }

 private:
  std::size_t columns_;
  bool colours_;
  std::vector<BlockRow> rows_;
};

// A printable ASCII character that nothing can combine with: by far the most, and worth a short way.
bool is_lone_ascii(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const bool next_is_ascii = at + 1 >= text.size() || static_cast<unsigned char>(text[at + 1]) < 0x80;
  return byte >= 0x20 && byte < 0x7F && next_is_ascii;
}

Block layout_typed(const LineView& view, std::size_t columns) {
  Block block;
  RowWriter writer(columns, view.colours);
  const auto mark_cursor = [&] {
    block.cursor_row = writer.row();
    block.cursor_column = writer.column();
  };
  writer.prefix(view.prompt);
  std::size_t at = 0;
  while (at < view.text.size()) {
    if (view.text[at] == '\n') {
      if (at == view.cursor) {
        writer.make_room(1);
        mark_cursor();
      }
      writer.new_row();
      writer.prefix(view.continuation);
      ++at;
      continue;
    }
    if (is_lone_ascii(view.text, at)) {
      writer.make_room(1);
      if (at == view.cursor) mark_cursor();
      writer.put(view.text.substr(at, 1), 1);
      ++at;
      continue;
    }
    const std::size_t length = grapheme_length(view.text, at);
    const std::string_view grapheme = view.text.substr(at, length);
    const Printable shown = safe(grapheme);
    const std::size_t width = shown.width();
    const bool escaped = shown.view() != grapheme;
    writer.make_room(escaped ? 1 : std::min(width, columns));
    // A cursor inside of a grapheme is shown before it.
    if (view.cursor >= at && view.cursor < at + length) mark_cursor();
    if (escaped) {  // escapes are ASCII at their front and may be longer than a row
      for (std::size_t i = 0; i < shown.view().size();) {
        const std::size_t part = grapheme_length(shown.view(), i);
        const std::string_view piece = shown.view().substr(i, part);
        writer.put(piece, display_width(piece));
        i += part;
      }
    } else {
      writer.put(grapheme, width);
    }
    at += length;
  }
  if (view.cursor >= view.text.size()) {
    writer.make_room(1);
    mark_cursor();
  }
  block.rows = writer.take();
  return block;
}

}  // namespace

Block layout_whole_line(const LineView& view) {
  return layout_typed(view, static_cast<std::size_t>(std::max(view.size.columns, 2)));
}

Block layout_line(const LineView& view) {
  const auto columns = static_cast<std::size_t>(std::max(view.size.columns, 2));
  const auto height = static_cast<std::size_t>(std::max(view.size.rows, 2));
  Block block = layout_typed(view, columns);
  if (block.rows.size() > height) {
    const std::size_t first =
        std::min(block.cursor_row - std::min(block.cursor_row, height / 2), block.rows.size() - height);
    const auto begin = block.rows.begin() + static_cast<std::ptrdiff_t>(first);
    block.rows = std::vector<BlockRow>(begin, begin + static_cast<std::ptrdiff_t>(height));
    block.cursor_row -= first;
  }
  RowWriter writer(columns, view.colours);
  const std::size_t room = std::min(view.status.size(), height - block.rows.size());
  for (std::size_t i = 0; i < room; ++i) writer.status(view.status[i]);
  std::vector<BlockRow> status = writer.take();
  block.rows.insert(block.rows.end(), status.begin() + 1, status.end());
  return block;
}

std::size_t rows_above_cursor_after_reflow(const Block& block, std::size_t columns) {
  columns = std::max<std::size_t>(columns, 1);
  std::size_t rows = 0;
  for (std::size_t i = 0; i < block.cursor_row && i < block.rows.size(); ++i) {
    rows += std::max<std::size_t>(1, (block.rows[i].width + columns - 1) / columns);
  }
  return rows + block.cursor_column / columns;
}

}  // namespace assay
