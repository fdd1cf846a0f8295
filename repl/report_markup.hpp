#pragma once
// A report as Markdown, and as the parts of an HTML page (report_page.hpp). Pure functions; any thread.

#include <cstddef>
#include <string>

#include "core/model/report.hpp"

namespace assay {

/// GitHub's Markdown: headings, tables, charts as tables.
std::string report_markdown(const Report& report);

/// A table with caption and head, its number cells with their values for sorting.
std::string table_html(const ReportTable& table);
/// The blocks of a report. `level`: of its first heading (2: <h2>); `charts`: drawn so far in the page, counted on.
std::string report_html(const Report& report, int level, std::size_t& charts);

}  // namespace assay
