#pragma once
// The rows at the bottom of what has been printed so far that are drawn again and again: it remembers what stands
// there and where the cursor is, changes only what differs, and lets lines in above it. UI thread only.
//
// Each change is one write(): a terminal never shows a state between. What is not known to stand there (after a
// resize, a stop, output of a child) is drawn whole: invalidate().

#include <cstddef>
#include <string>
#include <string_view>

#include "repl/line_view.hpp"

namespace assay {

class LiveArea {
 public:
  /// `fd`: the terminal, not owned. The cursor stands at the start of an empty row.
  LiveArea(int fd, bool reflows) : fd_(fd), reflows_(reflows) {}

  /// Must be called before a block is laid out for another width than the last one's.
  void set_size(TerminalSize size);
  /// Draws the block in place of the one that stands there.
  void show(Block block);
  /// Lets `lines` (each ended by CR LF, SGR balanced) in above the block, and draws it.
  void print_above(std::string_view lines, Block block);
  /// Draws the block, leaves it, and puts the cursor at the start of the row below it.
  void finish(Block block);
  /// Takes the block away; the cursor is where it began.
  void erase();
  /// The next drawing clears the block's rows and writes all of them.
  void invalidate() { dirty_ = true; }
  /// For an emptied screen: nothing of ours stands there, the cursor is at the start of a row.
  void forget();
  void send(std::string_view bytes);

  TerminalSize size() const { return size_; }
  /// A write has failed: there is no terminal any more.
  bool gone() const { return gone_; }

 private:
  void begin(std::string& out);
  void draw(std::string& out, Block block);
  static void move_to_row(std::string& out, std::size_t from, std::size_t to);

  const int fd_;
  const bool reflows_;
  TerminalSize size_;
  Block shown_;
  bool dirty_ = true;
  bool gone_ = false;
};

}  // namespace assay
