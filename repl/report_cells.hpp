#pragma once
// A report's cells and texts for each form of output: one place for tables and charts. Pure functions; any thread.

#include <string>
#include <string_view>

#include "core/model/report.hpp"

namespace assay {

/// As its column shows it; "-" for null.
std::string report_cell_text(const Json& value, ReportTable::Form form);
/// For text and attributes of HTML and SVG.
std::string html_escaped(std::string_view text);
/// For a cell of a Markdown table: '|' escaped, line ends as blanks.
std::string markdown_cell(std::string_view text);

}  // namespace assay
