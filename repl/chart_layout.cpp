#include "repl/chart_layout.hpp"

#include <algorithm>
#include <cmath>

#include "repl/report_cells.hpp"

namespace assay {

double ChartScale::at(double value) const { return std::clamp((value - low) / (high - low), 0.0, 1.0); }

std::string chart_value(double value, ReportTable::Form form) {
  return report_cell_text(std::isfinite(value) ? Json(value) : Json(), form);
}

std::string chart_interval(const ReportChart::Point& point, ReportTable::Form form) {
  if (!point.low || !point.high) return "";
  return "[" + chart_value(*point.low, form) + ", " + chart_value(*point.high, form) + "]";
}

std::vector<std::string> chart_labels(const ReportChart& chart) {
  std::vector<std::string> labels;
  for (const auto& series : chart.series) {
    for (const ReportChart::Point& point : series.points) {
      if (std::find(labels.begin(), labels.end(), point.label) == labels.end()) labels.push_back(point.label);
    }
  }
  return labels;
}

const ReportChart::Point* chart_point(const ReportChart::Series& series, const std::string& label) {
  for (const ReportChart::Point& point : series.points) {
    if (point.label == label) return &point;
  }
  return nullptr;
}

double chart_part(const ReportChart::Series& series, const std::string& label) {
  const ReportChart::Point* point = chart_point(series, label);
  return point != nullptr && std::isfinite(point->value) ? std::max(0.0, point->value) : 0;
}

ChartScale chart_scale(const ReportChart& chart) {
  double low = INFINITY, high = -INFINITY;
  if (chart.stacked) {
    low = 0;
    for (const std::string& label : chart_labels(chart)) {
      double sum = 0;
      for (const auto& series : chart.series) sum += chart_part(series, label);
      high = std::max(high, sum);
    }
  } else {
    for (const auto& series : chart.series) {
      for (const ReportChart::Point& point : series.points) {
        for (const double value : {point.value, point.low.value_or(point.value), point.high.value_or(point.value)}) {
          if (!std::isfinite(value)) continue;
          low = std::min(low, value);
          high = std::max(high, value);
        }
      }
    }
  }
  if (!std::isfinite(low) || !std::isfinite(high)) return {};
  if (chart.stacked) return {0, high > 0 ? high : 1};
  const double span = high > low ? high - low : std::max(std::fabs(high), 1e-9);
  const double unit = std::pow(10, std::floor(std::log10(span)));
  ChartScale scale{std::floor(low / unit) * unit, std::ceil(high / unit) * unit};
  if (chart.form == ReportTable::Form::ratio) {
    scale.low = std::max(scale.low, 0.0);
    scale.high = std::min(std::max(scale.high, scale.low + 0.1), 1.0);
  }
  if (!(scale.high > scale.low)) {  // all alike: room on the side that has some
    const bool at_top = chart.form == ReportTable::Form::ratio && scale.high >= 1;
    (at_top ? scale.low : scale.high) = at_top ? 0 : scale.low + unit;
  }
  const int units = static_cast<int>(std::lround((scale.high - scale.low) / unit));
  scale.steps = units == 1 ? 5 : units < 4 ? 2 * units : units;
  return scale;
}

}  // namespace assay
