#pragma once
// A report's chart as a person meets it: rows with a bar in the terminal (ASCII, whatever it can show), a table in
// Markdown, an SVG within HTML. Pure functions; any thread.

#include <cstddef>
#include <string>

#include "core/model/report.hpp"
#include "repl/command.hpp"

namespace assay {

/// A line a point: value, interval, and where they lie between the lowest and the highest of the chart:
/// "   [--o--]   ". A stacked one: a bar a label, a character a series. Honours reply.width.
void draw_chart(const ReportChart& chart, Reply& reply);

/// A table: a row a label, a column a series, intervals in brackets.
std::string chart_markdown(const ReportChart& chart);

/// <figure> with an SVG of its own: lines with whiskers, or stacked bars; named for screen readers by title and desc,
/// and the figures as a table below. Nothing is loaded from elsewhere. `number`: of the chart in its page, from 1.
std::string chart_html(const ReportChart& chart, std::size_t number);

}  // namespace assay
