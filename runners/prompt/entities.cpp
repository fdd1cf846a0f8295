#include "runners/prompt/entities.hpp"

#include <array>
#include <utility>

#include "core/text/utf8.hpp"

namespace assay::prompt {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames = {
    {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", "\xC2\xA0"}}};

// WHATWG: numeric references to 0x80-0x9F mean windows-1252.
constexpr std::array<char32_t, 32> kWindows1252 = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

/// Appends what the number stands for.
void append_number(std::string& out, char32_t code) {
  if (code >= 0x80 && code <= 0x9F) return append_utf8(out, kWindows1252[code - 0x80]);
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return append_utf8(out, 0xFFFD);
  const bool control = (code >= 1 && code <= 8) || code == 0xB || (code >= 0xE && code <= 0x1F) || code == 0x7F;
  const bool no_character = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
  if (!control && !no_character) append_utf8(out, code);
}

/// Bytes of the reference after '&', 0 when it is none; appends what it stands for.
std::size_t resolve_one(std::string_view text, std::string& out) {
  if (text.starts_with('#')) {
    std::size_t at = 1;
    const bool hex = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
    if (hex) ++at;
    const std::size_t begin = at;
    char32_t code = 0;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      const char low = static_cast<char>(c | 0x20);
      const bool digit = c >= '0' && c <= '9';
      if (!digit && !(hex && low >= 'a' && low <= 'f')) break;
      const auto value = static_cast<char32_t>(digit ? c - '0' : low - 'a' + 10);
      code = code > 0x110000 ? code : code * (hex ? 16 : 10) + value;
    }
    if (at == begin) return 0;
    append_number(out, code);
    return at + (at < text.size() && text[at] == ';' ? 1 : 0);
  }
  for (const auto& [name, value] : kNames) {
    if (!text.starts_with(name)) continue;
    const bool closed = text.size() > name.size() && text[name.size()] == ';';
    if (!closed && name == "apos") continue;
    out += value;
    return name.size() + (closed ? 1 : 0);
  }
  return 0;
}

}  // namespace

std::string resolve_entities(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t at = text.find('&');
    if (at == std::string_view::npos) return out + std::string(text);
    out += text.substr(0, at);
    text.remove_prefix(at + 1);
    const std::size_t length = resolve_one(text, out);
    if (length == 0) out += '&';
    text.remove_prefix(length);
  }
}

}  // namespace assay::prompt
