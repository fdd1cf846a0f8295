#include "repl/chart_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "repl/chart_layout.hpp"
#include "repl/report_cells.hpp"
#include "repl/table.hpp"

namespace assay {
namespace {

using Point = ReportChart::Point;

constexpr std::string_view kFills = "#=+-.:*o%@";
constexpr std::size_t kPointBar = 41, kStackedBar = 40, kLeastBar = 10;  // a point in the middle has a column

std::string point_bar(const Point& point, const ChartScale& scale, std::size_t width) {
  if (!std::isfinite(point.value)) return {};
  std::string bar(width, ' ');
  const auto column = [&](double value) {
    return static_cast<std::size_t>(std::lround(scale.at(value) * static_cast<double>(width - 1)));
  };
  if (point.low && point.high && std::isfinite(*point.low) && std::isfinite(*point.high)) {
    const std::size_t from = column(*point.low), to = column(*point.high);
    for (std::size_t i = from; i <= to; ++i) bar[i] = '-';
    bar[from] = '[';
    bar[to] = ']';
  }
  bar[column(point.value)] = 'o';
  bar.resize(bar.find_last_not_of(' ') + 1);
  return bar;
}

std::string stacked_bar(const ReportChart& chart, const std::string& label, const ChartScale& scale,
                        std::size_t width) {
  std::string bar;
  double sum = 0;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    sum += chart_part(chart.series[i], label);
    const auto end = static_cast<std::size_t>(std::lround(scale.at(sum) * static_cast<double>(width)));
    if (end > bar.size()) bar.append(end - bar.size(), kFills[i % kFills.size()]);
  }
  return bar;
}

/// Room for the bar beside the other cells.
std::size_t bar_width(std::size_t width, std::size_t others, std::size_t most) {
  if (width == 0) return most;
  return std::clamp(width > others ? width - others : std::size_t{0}, kLeastBar, most);
}

}  // namespace

void draw_chart(const ReportChart& chart, Reply& reply) {
  reply.line("");
  if (!chart.title.empty()) reply.line(StyledText().add(chart.title, TextRole::title));
  const std::vector<std::string> labels = chart_labels(chart);
  const ChartScale scale = chart_scale(chart);
  std::size_t longest = chart.axis.size();
  for (const std::string& label : labels) longest = std::max(longest, StyledText().add(label).width());
  if (chart.stacked) {
    std::vector<Column> columns{{chart.axis, false, true}};
    StyledText legend;
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
      columns.push_back({chart.series[i].name, true, false});
      longest += std::max<std::size_t>(StyledText().add(chart.series[i].name).width(), 8) + 2;
      legend.add(i == 0 ? "" : "  ").add(std::string(3, kFills[i % kFills.size()]) + " " + chart.series[i].name);
    }
    columns.push_back({"", false, false});
    const std::size_t width = bar_width(reply.width, longest + 2, kStackedBar);
    Table table(std::move(columns));
    for (const std::string& label : labels) {
      std::vector<StyledText> cells{cell(label)};
      for (const auto& series : chart.series) {
        const Point* point = chart_point(series, label);
        cells.push_back(cell(point == nullptr ? "-" : chart_value(point->value, chart.form)));
      }
      cells.push_back(cell(stacked_bar(chart, label, scale, width), TextRole::number));
      table.row(std::move(cells));
    }
    reply.table(table);
    reply.line(legend);
    return;
  }
  const bool several = chart.series.size() > 1;
  std::size_t names = 0;
  for (const auto& series : chart.series) names = std::max(names, StyledText().add(series.name).width());
  const std::size_t width = bar_width(reply.width, longest + (several ? names + 2 : 0) + 28, kPointBar);
  const std::string ends = chart_value(scale.low, chart.form), top = chart_value(scale.high, chart.form);
  std::string heading = ends;
  heading.append(width > ends.size() + top.size() ? width - ends.size() - top.size() : 1, ' ').append(top);
  std::vector<Column> columns{{chart.axis, false, true}};
  if (several) columns.push_back({"", false, true});
  columns.push_back({"value", true, false});
  columns.push_back({"low", true, false});
  columns.push_back({"high", true, false});
  columns.push_back({heading, false, false});
  Table table(std::move(columns));
  for (const std::string& label : labels) {
    for (const auto& series : chart.series) {
      const Point* point = chart_point(series, label);
      if (point == nullptr) continue;
      std::vector<StyledText> cells{cell(label)};
      if (several) cells.push_back(cell(series.name));
      cells.push_back(cell(chart_value(point->value, chart.form), TextRole::number));
      cells.push_back(cell(point->low ? chart_value(*point->low, chart.form) : ""));
      cells.push_back(cell(point->high ? chart_value(*point->high, chart.form) : ""));
      cells.push_back(cell(point_bar(*point, scale, width)));
      table.row(std::move(cells));
    }
  }
  reply.table(table);
}

std::string chart_markdown(const ReportChart& chart) {
  std::string out;
  if (!chart.title.empty()) out += "**" + chart.title + "**\n\n";
  out += "| " + markdown_cell(chart.axis) + " |";
  for (const auto& series : chart.series) out += " " + markdown_cell(series.name) + " |";
  out += "\n| --- |";
  for (std::size_t i = 0; i < chart.series.size(); ++i) out += " ---: |";
  out += "\n";
  for (const std::string& label : chart_labels(chart)) {
    out += "| " + markdown_cell(label) + " |";
    for (const auto& series : chart.series) {
      const Point* point = chart_point(series, label);
      std::string text = point == nullptr ? "-" : chart_value(point->value, chart.form);
      if (point != nullptr && point->low && point->high) text += " " + chart_interval(*point, chart.form);
      out += " " + markdown_cell(text) + " |";
    }
    out += "\n";
  }
  return out + "\n";
}

}  // namespace assay
