#include "runners/yaml/yaml_check.hpp"

#include <algorithm>

#include "core/text/utf8.hpp"

namespace assay {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

std::string check_quoted(const ScalarPlace& place) {
  const char quote = place.text[place.at];
  for (std::size_t i = place.at + 1; i < place.text.size(); ++i) {
    if (quote == '"' && place.text[i] == '\\') {
      ++i;
    } else if (place.text[i] == quote) {
      if (quote != '\'' || i + 1 >= place.text.size() || place.text[i + 1] != '\'') return {};
      ++i;
    }
  }
  return "this quoted text is not closed";
}

std::string check_header(const ScalarPlace& place) {
  std::size_t i = place.at + 1;
  while (i < place.text.size() &&
         (place.text[i] == '+' || place.text[i] == '-' || (place.text[i] >= '1' && place.text[i] <= '9')))
    ++i;
  const std::size_t end = std::min(place.text.find('\n', i), place.text.size());
  std::size_t rest = i;
  while (rest < end && place.text[rest] == ' ') ++rest;
  const bool comment = rest < end && place.text[rest] == '#' && rest > i;
  return rest == end || comment ? "" : "after | or > only + - and a digit may stand";
}

std::string check_plain(const ScalarPlace& place, std::string_view value) {
  const std::string tab = "a tab may stand only within quotes and blocks";
  if (value.find('\t') != std::string_view::npos) return tab;
  if (value == "=") return "a single = must stand in quotes";
  // Walks text and value side by side over what is not white space.
  std::size_t at = place.at;
  std::size_t line_begin = 0;
  bool new_line = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (is_blank(value[i])) continue;
    while (at < place.text.size() && is_blank(place.text[at])) {
      if (place.text[at] == '\t') return tab;
      if (place.text[at] == '\n') {
        new_line = true;
        line_begin = at + 1;
      }
      ++at;
    }
    // Not what was expected (line ends of other kinds): nothing is known.
    if (at >= place.text.size() || place.text[at] != value[i]) return {};
    if (new_line && !place.in_flow && static_cast<long>(at - line_begin) <= place.parent_column) {
      return "this line belongs to nothing: it is not indented, and no key";
    }
    new_line = false;
    ++at;
  }
  while (at < place.text.size() && place.text[at] == ' ') ++at;
  return at < place.text.size() && place.text[at] == '\t' ? tab : "";
}

}  // namespace

std::string check_yaml_text(std::string_view text, std::size_t& offset) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const char32_t c = point.value;
    const bool allowed = c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7E) || c == 0x85 ||
                         (c >= 0xA0 && c <= 0xFFFD && c != 0xFEFF) || c >= 0x10000;
    if (!allowed) {
      offset = at;
      return "this character is not allowed in YAML";
    }
    at += point.length;
  }
  offset = 0;
  if (text.starts_with('%') && !text.starts_with("%YAML ") && !text.starts_with("%TAG ")) {
    return "a line that begins with % must stand in quotes or in a block";
  }
  return {};
}

std::string check_yaml_scalar(const ScalarPlace& place, std::string_view value) {
  if (place.at >= place.text.size()) return {};
  if (tab_before(place.text, place.at)) return "a tab may stand only within quotes and blocks";
  if (place.plain) return check_plain(place, value);
  const char first = place.text[place.at];
  if (first == '"' || first == '\'') return check_quoted(place);
  if (first == '|' || first == '>') return check_header(place);
  return {};
}

void repair_kept_newlines(const ScalarPlace& place, std::string& value) {
  if (place.plain || place.at >= place.text.size() || place.text[place.at] != '>') return;
  std::size_t end = std::min(place.text.find('\n', place.at), place.text.size());
  const std::string_view header = place.text.substr(place.at, end - place.at);
  if (header.substr(0, 3).find('+') == std::string_view::npos) return;
  // Newlines from the last line of the block on.
  std::size_t newlines = 0;
  std::size_t indent = 0;
  while (end < place.text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(place.text.find('\n', begin), place.text.size());
    const std::string_view line = place.text.substr(std::min(begin, place.text.size()), end - std::min(begin, end));
    const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    if (blanks == line.size() && (indent == 0 || line.size() <= indent)) {
      if (end < place.text.size()) ++newlines;
      continue;
    }
    if (indent == 0) indent = blanks;
    if (blanks < indent) break;
    newlines = end < place.text.size() ? 1 : 0;
  }
  while (value.ends_with('\n')) value.pop_back();
  if (!value.empty()) value.append(newlines, '\n');
}

bool tab_before(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) {
    if (text[--at] == '\t') return true;
  }
  return false;
}

}  // namespace assay
