#include "core/text/utf8.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

namespace assay {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

// Offset of the first byte >= 0x80 at or after `at`, eight bytes at a time.
std::size_t skip_ascii(std::string_view text, std::size_t at) {
  while (at + 8 <= text.size()) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080U) != 0) break;
    at += 8;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

CodePoint code_point_at(std::string_view text, std::size_t offset) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const std::size_t left = text.size() - offset;
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  // Unicode table 3-7: the second byte's range depends on the first, the others are 80..BF.
  std::size_t length;
  unsigned low = 0x80, high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {0xFFFD, 1, false};
  }
  char32_t value = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= left || byte(i) < low || byte(i) > high) return {0xFFFD, static_cast<std::uint8_t>(i), false};
    value = (value << 6) | (byte(i) & 0x3FU);
    low = 0x80, high = 0xBF;
  }
  return {value, static_cast<std::uint8_t>(length), true};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while ((at = skip_ascii(text, at)) < text.size()) {
    const CodePoint point = code_point_at(text, at);
    if (!point.valid) return at;
    at += point.length;
  }
  return std::nullopt;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  while (done < text.size()) {
    const auto bad = find_invalid_utf8(text.substr(done));
    if (!bad) break;
    out.append(text, done, *bad);
    out += kReplacement;
    done += *bad;
    done += code_point_at(text, done).length;
  }
  return out.append(text, done);
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) code_point = 0xFFFD;
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6)), put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12)), put(0x80 | ((code_point >> 6) & 0x3F)), put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18)), put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F)), put(0x80 | (code_point & 0x3F));
  }
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const std::size_t next = skip_ascii(text, at);
    if (next > at) {
      count += next - at - 1;
      at = next;
    } else {
      at += code_point_at(text, at).length;
    }
  }
  return count;
}

char32_t to_upper(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code_point)));
}

char32_t to_lower(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
}

namespace {

template <class Map>
std::string map_text(std::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.valid) {
      append_utf8(out, map(point.value));
    } else {
      out.append(text, at, point.length);
    }
    at += point.length;
  }
  return out;
}

struct Grapheme {
  std::size_t length = 0;
  std::size_t width = 0;
};

bool is_regional(utf8proc_int32_t value) { return value >= 0x1F1E6 && value <= 0x1F1FF; }

Grapheme grapheme_at(std::string_view text, std::size_t offset) {
  CodePoint point = code_point_at(text, offset);
  Grapheme grapheme{point.length, 0};
  utf8proc_int32_t state = 0;
  auto previous = static_cast<utf8proc_int32_t>(point.value);
  int width = point.valid ? utf8proc_charwidth(previous) : 1;
  while (offset + grapheme.length < text.size()) {
    point = code_point_at(text, offset + grapheme.length);
    const auto value = static_cast<utf8proc_int32_t>(point.value);
    if (!point.valid || utf8proc_grapheme_break_stateful(previous, value, &state)) break;
    const bool flag = is_regional(previous) && is_regional(value);  // two letters make a flag, two columns wide
    width = flag || point.value == 0xFE0F ? std::max(width, 2) : std::max(width, utf8proc_charwidth(value));
    grapheme.length += point.length;
    previous = value;
  }
  grapheme.width = static_cast<std::size_t>(std::max(width, 0));
  return grapheme;
}

bool is_plain(char byte) { return byte >= 0x20 && byte < 0x7F; }

// Printable ASCII that no combining character follows, the common case, costs no table look-ups.
Grapheme next_grapheme(std::string_view text, std::size_t at) {
  if (is_plain(text[at]) && (at + 1 == text.size() || (static_cast<unsigned char>(text[at + 1]) < 0x80))) return {1, 1};
  return grapheme_at(text, at);
}

}  // namespace

std::string to_upper(std::string_view text) {
  return map_text(text, [](char32_t value) { return to_upper(value); });
}

std::string to_lower(std::string_view text) {
  return map_text(text, [](char32_t value) { return to_lower(value); });
}

std::size_t grapheme_length(std::string_view text, std::size_t offset) { return next_grapheme(text, offset).length; }

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Grapheme grapheme = next_grapheme(text, at);
    width += grapheme.width;
    at += grapheme.length;
  }
  return width;
}

std::string truncate_to_width(std::string_view text, std::size_t columns) {
  std::size_t width = 0, kept = 0;  // kept: how many bytes leave room for the ellipsis
  for (std::size_t at = 0; at < text.size();) {
    const Grapheme grapheme = next_grapheme(text, at);
    width += grapheme.width;
    if (width > columns) {
      if (columns == 0) return {};
      return std::string(text.substr(0, kept)).append(kEllipsis);
    }
    at += grapheme.length;
    if (width + 1 <= columns) kept = at;
  }
  return std::string(text);
}

}  // namespace assay
