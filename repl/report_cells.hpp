#pragma once
// A report's cells and texts for each form of output: one place for tables and charts. Pure functions; any thread.

#include <string>
#include <string_view>

#include "core/model/report.hpp"

namespace assay {

/// As its column shows it; "-" for null.
std::string report_cell_text(const Json& value, ReportTable::Form form);
/// As printable.hpp shows it (control characters and what turns the reading direction are written out), but for the
/// joiners that scripts and emoji are written with; CR LF is a line end.
std::string page_text(std::string_view text);
/// For text and attributes of HTML and SVG; a page_text.
std::string html_escaped(std::string_view text);
/// For Markdown: a page_text that holds no tags.
std::string markdown_text(std::string_view text);
/// The same for a cell of a table: '|' escaped, line ends as blanks.
std::string markdown_cell(std::string_view text);

}  // namespace assay
