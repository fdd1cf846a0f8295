#pragma once
// Text that may reach a terminal. Model output, data files and provider errors come from strangers; the drawing
// functions take Printable, and only safe() makes one from text (reliability.md 9.1). Any thread.
//
// Shown as \x1b (bytes) or \u{202e} (code points): C0 but LF and TAB, DEL, C1, invalid UTF-8, U+061C, U+180E,
// U+115F-1160, U+200B-200F, U+2028-202E, U+2060-206F, U+3164, U+FE00-FE0E, U+FEFF, U+FFA0, U+FFF9-FFFB, U+E0000-E01EF.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace assay {

class Printable {
 public:
  Printable() = default;
  const std::string& text() const { return text_; }
  std::string_view view() const { return text_; }
  bool empty() const { return text_.empty(); }
  /// Terminal columns (utf8.hpp); of one-line texts.
  std::size_t width() const;
  /// Cut to at most `columns` with an ellipsis; stays safe.
  Printable truncated(std::size_t columns) const;

  Printable& operator+=(const Printable& other) { return text_ += other.text_, *this; }
  friend Printable operator+(Printable left, const Printable& right) { return left += right, left; }
  friend bool operator==(const Printable&, const Printable&) = default;

 private:
  explicit Printable(std::string text) : text_(std::move(text)) {}
  friend Printable safe(std::string_view text, bool one_line);
  std::string text_;
};

/// Idempotent: safe(safe(x).view()) == safe(x). `one_line`: LF and TAB are shown as \n and \t.
Printable safe(std::string_view text, bool one_line = true);

/// JSON text (as dump_json writes it) with the same code points as \uXXXX, for `--json` on a terminal. The value it
/// stands for stays the same; invalid UTF-8 becomes \ufffd.
std::string json_escape_unsafe(std::string_view json_text);

/// Whether safe() would show the code point escaped. LF and TAB: false.
bool is_unsafe(char32_t code_point);

}  // namespace assay
