#pragma once
// UTF-8: checking, repairing, walking, widths. Pure functions: any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

/// Offset of the first byte that is not part of well-formed UTF-8 (Unicode table 3-7), nullopt when all is well.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);
inline bool is_valid_utf8(std::string_view text) { return !find_invalid_utf8(text); }

/// The text with each maximal ill-formed part replaced by one U+FFFD (Unicode 3.9, as Python and WHATWG do).
std::string repair_utf8(std::string_view text);

/// One step of a walk. `valid` false: `length` bytes are a maximal ill-formed part and `value` is U+FFFD.
struct CodePoint {
  char32_t value = 0;
  std::uint8_t length = 0;
  bool valid = true;
};
/// The code point at `offset` < text.size().
CodePoint code_point_at(std::string_view text, std::size_t offset);

void append_utf8(std::string& out, char32_t code_point);

/// Number of code points; each ill-formed part counts as one.
std::size_t count_code_points(std::string_view text);

/// Simple case mapping of one code point (utf8proc), and of whole texts; ill-formed parts stay as they are.
char32_t to_upper(char32_t code_point);
char32_t to_lower(char32_t code_point);
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

/// Columns that a text without control characters (see printable.hpp) takes on a terminal: grapheme by grapheme, each
/// as wide as its widest code point; an emoji with U+FE0F is 2 wide. Tabs and newlines count 0.
std::size_t display_width(std::string_view text);

/// The text cut to at most `columns`, ending in "…" when something was cut; never inside a grapheme.
std::string truncate_to_width(std::string_view text, std::size_t columns);

/// Length in bytes of the grapheme that begins at `offset` < text.size(), at least 1.
std::size_t grapheme_length(std::string_view text, std::size_t offset);

}  // namespace assay
