#pragma once
// What every drawing of a chart needs: its labels, its parts, its scale. Pure functions; any thread.

#include <string>
#include <vector>

#include "core/model/report.hpp"

namespace assay {

/// From the lowest to the highest value of a chart with its intervals, at round numbers; ratios stay within 0 and 1,
/// stacked bars begin at 0.
struct ChartScale {
  double low = 0, high = 1;
  int steps = 5;  // between the lines of an axis
  /// 0 at the low end, 1 at the high one; beyond them: the nearer end.
  double at(double value) const;
};
ChartScale chart_scale(const ReportChart& chart);

/// The labels of all series, in order of their first appearance.
std::vector<std::string> chart_labels(const ReportChart& chart);
/// nullptr when the series has none of that label.
const ReportChart::Point* chart_point(const ReportChart::Series& series, const std::string& label);
/// Its height in a stacked bar: 0 for what is missing or negative.
double chart_part(const ReportChart::Series& series, const std::string& label);

/// As the chart's form shows it; "-" for what is no number.
std::string chart_value(double value, ReportTable::Form form);
/// "[40.0 %, 60.0 %]"; "" without an interval.
std::string chart_interval(const ReportChart::Point& point, ReportTable::Form form);

}  // namespace assay
