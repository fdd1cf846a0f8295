#include "repl/report_cells.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "core/text/duration.hpp"
#include "repl/views.hpp"

namespace assay {

namespace {

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

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
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

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace assay
