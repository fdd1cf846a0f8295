#include "repl/live_area.hpp"

#include <algorithm>

#include "repl/terminal.hpp"

namespace assay {

void LiveArea::set_size(TerminalSize size) {
  if (size == size_) return;
  if (size.columns != size_.columns && !shown_.rows.empty()) {
    const auto columns = static_cast<std::size_t>(size.columns);
    shown_.cursor_row = reflows_ ? rows_above_cursor_after_reflow(shown_, columns) : shown_.cursor_row;
    shown_.cursor_column = 0;
  }
  shown_.cursor_row = std::min(shown_.cursor_row, static_cast<std::size_t>(size.rows) - 1);
  size_ = size;
  dirty_ = true;
}

void LiveArea::move_to_row(std::string& out, std::size_t from, std::size_t to) {
  if (to < from) out += "\x1b[" + std::to_string(from - to) + "A";
  if (to > from) out += "\x1b[" + std::to_string(to - from) + "B";
}

void LiveArea::begin(std::string& out) {
  out += '\r';
  move_to_row(out, shown_.cursor_row, 0);
  out += "\x1b[J";
  shown_ = Block();
  dirty_ = false;
}

void LiveArea::draw(std::string& out, Block block) {
  if (block.rows.empty()) block.rows.emplace_back();
  if (dirty_) begin(out);
  const auto columns = static_cast<std::size_t>(size_.columns);
  std::size_t at = shown_.cursor_row;  // the row that the cursor is in
  bool moved = false;
  for (std::size_t i = 0; i < block.rows.size(); ++i) {
    const bool exists = i < shown_.rows.size();
    if (exists && shown_.rows[i] == block.rows[i]) continue;
    if (exists || shown_.rows.empty()) {
      move_to_row(out, at, i);
    } else {  // a new row: only a line feed scrolls
      move_to_row(out, at, i - 1);
      out += "\r\n";
    }
    out += '\r';
    out += block.rows[i].bytes;
    // In a full row the cursor waits behind the last column, where an erase would take the last character.
    if (block.rows[i].width < columns) out += "\x1b[K";
    if (!exists) shown_.rows.push_back(block.rows[i]);
    at = i;
    moved = true;
  }
  if (block.rows.size() < shown_.rows.size()) {
    move_to_row(out, at, block.rows.size());
    out += "\r\x1b[J";
    at = block.rows.size();
    moved = true;
  }
  if (moved || at != block.cursor_row || shown_.cursor_column != block.cursor_column) {
    move_to_row(out, at, block.cursor_row);
    out += '\r';
    if (block.cursor_column > 0) out += "\x1b[" + std::to_string(block.cursor_column) + "C";
  }
  shown_ = std::move(block);
}

void LiveArea::show(Block block) {
  std::string out;
  draw(out, std::move(block));
  send(out);
}

void LiveArea::print_above(std::string_view lines, Block block) {
  std::string out;
  begin(out);
  out += lines;
  draw(out, std::move(block));
  send(out);
}

void LiveArea::finish(Block block) {
  std::string out;
  if (!block.rows.empty()) {
    block.cursor_row = block.rows.size() - 1;
    block.cursor_column = 0;
  }
  dirty_ = dirty_ || block.rows.size() > static_cast<std::size_t>(size_.rows);  // more rows than can be reached
  draw(out, std::move(block));
  out += "\r\n";
  forget();
  send(out);
}

void LiveArea::erase() {
  std::string out;
  begin(out);
  send(out);
}

void LiveArea::forget() {
  shown_ = Block();
  dirty_ = false;
}

void LiveArea::send(std::string_view bytes) {
  if (!gone_ && !bytes.empty()) gone_ = !write_fully(fd_, bytes);
}

}  // namespace assay
