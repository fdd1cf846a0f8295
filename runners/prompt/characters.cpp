#include "runners/prompt/characters.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "core/text/utf8.hpp"

namespace assay::prompt {
namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF) {
    out += "SS";
  } else {
    append_utf8(out, to_upper(c));
  }
}

template <typename Append>
std::string map_each(std::string_view text, Append append) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) append(out, decode_at(text, at, length));
  return out;
}

}  // namespace

char32_t decode_at(std::string_view text, std::size_t offset, std::size_t& length) {
  const auto byte = static_cast<unsigned char>(text[offset]);
  if (byte < 0x80) {
    length = 1;
    return byte;
  }
  const CodePoint point = code_point_at(text, offset);
  length = point.length;
  return point.value;
}

std::u32string decode(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) out += decode_at(text, at, length);
  return out;
}

std::string encode(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_digit(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_word(char32_t c) {
  if (c < 0x80) return c == '_' || is_letter(c) || is_digit(c);
  const auto kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

bool is_upper_case(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return category(c) == UTF8PROC_CATEGORY_LU || category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_lower_case(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return category(c) == UTF8PROC_CATEGORY_LL;
}

bool is_name_start(char32_t c) {
  return c == '_' || is_letter(c) || (c >= 0x80 && category(c) == UTF8PROC_CATEGORY_NL);
}

bool is_name_part(char32_t c) {
  if (is_name_start(c) || is_digit(c)) return true;
  if (c < 0x80) return false;
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_PC;
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7F;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string upper(std::string_view text) { return map_each(text, append_upper); }

std::string lower(std::string_view text) {
  return map_each(text, [](std::string& out, char32_t c) { append_utf8(out, to_lower(c)); });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return map_each(text, [&first](std::string& out, char32_t c) {
    if (!first) {
      append_utf8(out, to_lower(c));
    } else if (c == 0xDF) {
      out += "Ss";  // title case, not upper case
    } else {
      append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
    }
    first = false;
  });
}

std::string_view strip(std::string_view text, const std::string_view* chars, bool left, bool right) {
  std::u32string set = chars != nullptr ? decode(*chars) : std::u32string();
  std::sort(set.begin(), set.end());
  const auto drop = [&](char32_t c) {
    return chars == nullptr ? is_space(c) : std::binary_search(set.begin(), set.end(), c);
  };
  std::size_t length = 0;
  while (left && !text.empty() && drop(decode_at(text, 0, length))) text.remove_prefix(length);
  while (right && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!drop(decode_at(text, at, length))) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t at = 0, length = 0; at < text.size();) {
    const char32_t c = decode_at(text, at, length);
    const std::size_t begin = at;
    at += length;
    if (!is_line_end(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : begin) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::vector<std::string_view> split_words(std::string_view text, long max_split) {
  std::vector<std::string_view> words;
  text = strip(text, nullptr, true, false);
  while (!text.empty()) {
    if (max_split >= 0 && static_cast<long>(words.size()) == max_split) {
      words.push_back(strip(text, nullptr, false, true));
      break;
    }
    std::size_t end = 0;
    for (std::size_t length = 0; end < text.size() && !is_space(decode_at(text, end, length));) end += length;
    words.push_back(text.substr(0, end));
    text = strip(text.substr(end), nullptr, true, false);
  }
  return words;
}

std::size_t byte_offset(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (std::size_t length = 0; index > 0 && at < text.size(); --index, at += length) decode_at(text, at, length);
  return at;
}

}  // namespace assay::prompt
