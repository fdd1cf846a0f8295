#include "repl/report_cells.hpp"

#include <cmath>

#include "core/text/duration.hpp"
#include "repl/views.hpp"

namespace assay {

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
