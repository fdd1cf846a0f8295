#include "repl/report_markup.hpp"

#include <algorithm>
#include <variant>

#include "repl/chart_view.hpp"
#include "repl/report_cells.hpp"

namespace assay {
namespace {

constexpr int kDeepestHeading = 6;

std::string table_markdown(const ReportTable& table) {
  std::string out = table.title.empty() ? "" : "**" + markdown_text(table.title) + "**\n\n";
  out += "|";
  for (const auto& column : table.columns) out += " " + markdown_cell(column.name) + " |";
  out += "\n|";
  for (const auto& column : table.columns) out += column.form == ReportTable::Form::text ? " --- |" : " ---: |";
  out += "\n";
  for (const auto& row : table.rows) {
    out += "|";
    for (std::size_t i = 0; i < row.size(); ++i)
      out += " " + markdown_cell(report_cell_text(row[i], table.columns.at(i).form)) + " |";
    out += "\n";
  }
  return out + "\n";
}

std::string cell_html(const Json& value, ReportTable::Form form, bool head) {
  const std::string text = html_escaped(report_cell_text(value, form));
  if (form == ReportTable::Form::text) return head ? "<th scope=\"row\">" + text + "</th>" : "<td>" + text + "</td>";
  const std::string sorted_by = value.is_number() ? " data-v=\"" + dump_json(value) + "\"" : "";
  return "<td class=\"n\"" + sorted_by + ">" + text + "</td>";
}

}  // namespace

std::string report_markdown(const Report& report) {
  std::string out;
  for (const auto& block : report.blocks) {
    if (const auto* heading = std::get_if<ReportHeading>(&block)) {
      out += std::string(static_cast<std::size_t>(heading->level), '#') + " " + markdown_text(heading->text) + "\n\n";
    } else if (const auto* text = std::get_if<ReportText>(&block)) {
      out += markdown_text(text->text) + "\n\n";
    } else if (const auto* table = std::get_if<ReportTable>(&block)) {
      out += table_markdown(*table);
    } else {
      out += chart_markdown(std::get<ReportChart>(block));
    }
  }
  return out;
}

std::string table_html(const ReportTable& table) {
  std::string out = "<div class=\"scroll\" role=\"region\" aria-label=\"" +
                    (table.title.empty() ? std::string("figures") : html_escaped(table.title)) +
                    "\">\n<table class=\"data\">\n";
  if (!table.title.empty()) out += "<caption>" + html_escaped(table.title) + "</caption>\n";
  out += "<thead><tr>";
  for (const auto& column : table.columns) {
    const bool number = column.form != ReportTable::Form::text;
    out += std::string("<th scope=\"col\"") + (number ? " class=\"n\">" : ">") + html_escaped(column.name) + "</th>";
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) out += cell_html(row[i], table.columns.at(i).form, i == 0);
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string report_html(const Report& report, int level, std::size_t& charts) {
  std::string out;
  for (const auto& block : report.blocks) {
    if (const auto* heading = std::get_if<ReportHeading>(&block)) {
      const std::string tag = "h" + std::to_string(std::min(heading->level + level - 1, kDeepestHeading));
      out += "<" + tag + ">" + html_escaped(heading->text) + "</" + tag + ">\n";
    } else if (const auto* text = std::get_if<ReportText>(&block)) {
      out += "<p>" + html_escaped(text->text) + "</p>\n";
    } else if (const auto* table = std::get_if<ReportTable>(&block)) {
      out += table_html(*table);
    } else {
      out += chart_html(std::get<ReportChart>(block), ++charts);
    }
  }
  return out;
}

}  // namespace assay
