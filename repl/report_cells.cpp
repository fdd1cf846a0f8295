#include "repl/report_cells.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "core/text/duration.hpp"
#include "core/text/printable.hpp"
#include "repl/views.hpp"

namespace assay {

namespace {

// U+200C and U+200D: Persian, Indic scripts and emoji are written with them, and they hide nothing.
constexpr std::string_view kJoiner = "\xE2\x80";
constexpr char kNonJoinerEnd = '\x8C', kJoinerEnd = '\x8D';

/// Line ends of other systems as ours.
std::string without_carriage_returns(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  }
  return out;
}

/// Four digits are what a table needs; figures and --json have them all.
std::string rounded_text(double number) {
  std::array<char, 32> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.4g", number);
  return std::fabs(number) < 1e4 ? std::string(text.data(), static_cast<std::size_t>(length)) : number_text(number);
}

}  // namespace

std::string report_cell_text(const Json& value, ReportTable::Form form) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number()) return dump_json(value);
  const double number = value.get<double>();
  switch (form) {
    case ReportTable::Form::ratio:
      return ratio_text(number);
    case ReportTable::Form::usd:
      return format_usd(static_cast<Pico>(std::llround(number * 1e12)));
    case ReportTable::Form::seconds:
      return seconds_text(number);
    case ReportTable::Form::count:
      return format_count(std::llround(number));
    case ReportTable::Form::number:
      if (value.is_number_float()) return rounded_text(number);
      break;
    case ReportTable::Form::text:
      break;
  }
  return number_text(number);
}

std::string page_text(std::string_view given) {
  const std::string lines = without_carriage_returns(given);
  const std::string_view text = lines;
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = text.find(kJoiner); at != std::string_view::npos; at = text.find(kJoiner, at)) {
    constexpr std::size_t length = 3;
    const char last = at + 2 < text.size() ? text[at + 2] : '\0';
    if (last != kNonJoinerEnd && last != kJoinerEnd) {
      at += kJoiner.size();
      continue;
    }
    out += safe(text.substr(begin, at - begin), false).text();
    out += text.substr(at, length);
    begin = at += length;
  }
  return out += safe(text.substr(begin), false).text();
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : page_text(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : page_text(text)) {
    if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : markdown_text(text)) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace assay
