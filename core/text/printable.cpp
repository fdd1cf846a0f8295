#include "core/text/printable.hpp"

#include <array>
#include <cstdint>

#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x7F; ++byte) plain[byte] = true;
  return plain;
}();

bool is_plain(char byte) { return kPlain[static_cast<unsigned char>(byte)]; }

void append_byte_escape(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out += "\\x";
  out += kHex[value >> 4];
  out += kHex[value & 15];
}

void append_point_escape(std::string& out, char32_t point) {
  out += "\\u{";
  int shift = 20;
  while (shift > 4 && (point >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) out += kHex[(point >> shift) & 15];
  out += '}';
}

void append_u_escape(std::string& out, char32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> shift) & 15];
}

}  // namespace

bool is_unsafe(char32_t point) {
  const auto in = [point](char32_t first, char32_t last) { return point >= first && point <= last; };
  if (point < 0x20) return point != '\n' && point != '\t';
  if (point < 0x61C) return in(0x7F, 0x9F);
  if (point < 0x2000) return point == 0x61C || point == 0x180E || in(0x115F, 0x1160);
  if (point < 0x3000) return in(0x200B, 0x200F) || in(0x2028, 0x202E) || in(0x2060, 0x206F);
  if (point < 0xFE00) return point == 0x3164;
  return in(0xFE00, 0xFE0E) || point == 0xFEFF || point == 0xFFA0 || in(0xFFF9, 0xFFFB) || in(0xE0000, 0xE01EF);
}

Printable safe(std::string_view text, bool one_line) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0, at = 0;  // done: bytes already in `out`
  while (at < text.size()) {
    if (is_plain(text[at])) {
      ++at;
      continue;
    }
    const char byte = text[at];
    if (byte == '\n' || byte == '\t') {
      if (one_line) {
        out.append(text, done, at - done).append(byte == '\n' ? "\\n" : "\\t");
        done = at + 1;
      }
      ++at;
      continue;
    }
    const CodePoint point = code_point_at(text, at);
    if (!point.valid || is_unsafe(point.value)) {
      out.append(text, done, at - done);
      if (point.valid && point.value >= 0x80) {
        append_point_escape(out, point.value);
      } else {
        for (std::size_t i = 0; i < point.length; ++i) append_byte_escape(out, text[at + i]);
      }
      done = at + point.length;
    }
    at += point.length;
  }
  out.append(text, done);
  return Printable(std::move(out));
}

std::size_t Printable::width() const { return display_width(text_); }

Printable Printable::truncated(std::size_t columns) const { return Printable(truncate_to_width(text_, columns)); }

std::string json_escape_unsafe(std::string_view json_text) {
  std::string out;
  out.reserve(json_text.size());
  std::size_t done = 0, at = 0;
  while (at < json_text.size()) {
    if (is_plain(json_text[at])) {
      ++at;
      continue;
    }
    const CodePoint point = code_point_at(json_text, at);
    // A CR between tokens is white space, which an escape is not.
    if (point.value == '\r') {
      out.append(json_text, done, at - done).append(" ");
      done = at + 1;
    } else if (!point.valid || is_unsafe(point.value)) {
      out.append(json_text, done, at - done);
      if (point.value >= 0x10000) {
        append_u_escape(out, 0xD7C0 + (point.value >> 10));
        append_u_escape(out, 0xDC00 + (point.value & 0x3FF));
      } else {
        append_u_escape(out, point.value);
      }
      done = at + point.length;
    }
    at += point.length;
  }
  return out.append(json_text, done);
}

}  // namespace assay
