// Charts as SVG within HTML.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "repl/chart_layout.hpp"
#include "repl/chart_view.hpp"
#include "repl/report_cells.hpp"

namespace assay {
namespace {

constexpr double kWidth = 640, kHeight = 320, kLeft = 64, kRight = 16, kTop = 16, kBottom = 48;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
// A series has one of the colours of the page's style (.s0 ..), and a dash and a mark of its own: colour alone tells
// nothing.
constexpr std::size_t kColours = 8;
constexpr std::array<const char*, 4> kDashes = {"none", "7 4", "2 3", "9 3 2 3"};
constexpr double kLeastBarText = 14;  // a bar of this height has room for its number

std::string coordinate(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + coordinate(value) + "\"";
}

std::string ink(std::size_t series) { return "s" + std::to_string(series % kColours); }

/// Circle, square, triangle, diamond.
std::string mark_at(std::size_t series, double x, double y, const std::string& title) {
  const std::string at = coordinate(x) + " " + coordinate(y);
  std::string shape;
  switch (series % 4) {
    case 0:
      shape = "<circle" + attribute("cx", x) + attribute("cy", y) + " r=\"4\"";
      break;
    case 1:
      shape = "<path d=\"M" + at + "m-4 -4h8v8h-8z\"";
      break;
    case 2:
      shape = "<path d=\"M" + at + "m0 -5l5 9h-10z\"";
      break;
    default:
      shape = "<path d=\"M" + at + "m0 -5l5 5l-5 5l-5 -5z\"";
  }
  return shape + " class=\"fill\">" + (title.empty() ? "" : "<title>" + html_escaped(title) + "</title>") +
         (series % 4 == 0 ? "</circle>" : "</path>");
}

class Svg {
 public:
  Svg(const ReportChart& chart, std::size_t number)
      : chart_(chart),
        id_("chart" + std::to_string(number)),
        labels_(chart_labels(chart)),
        scale_(chart_scale(chart)) {}

  std::string text() const {
    std::string out = "<svg viewBox=\"0 0 " + coordinate(kWidth) + " " + coordinate(kHeight) +
                      "\" role=\"img\" aria-labelledby=\"" + id_ + "t " + id_ + "d\">\n<title id=\"" + id_ + "t\">" +
                      html_escaped(chart_.title.empty() ? "chart" : chart_.title) + "</title>\n<desc id=\"" + id_ +
                      "d\">" + html_escaped(description()) + "</desc>\n";
    out += axes();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      out += chart_.stacked ? bars(i) : line(i);
    }
    return out + "</svg>\n";
  }

  const std::vector<std::string>& labels() const { return labels_; }

 private:
  /// What the series before `series` come to.
  double below(std::size_t series, const std::string& label) const {
    double sum = 0;
    for (std::size_t i = 0; i < series; ++i) sum += chart_part(chart_.series[i], label);
    return sum;
  }
  double x_of(std::size_t label) const {
    return kLeft + kPlotWidth * (static_cast<double>(label) + 0.5) / static_cast<double>(labels_.size());
  }
  double y_of(double value) const { return kTop + kPlotHeight * (1 - scale_.at(value)); }

  std::string description() const {
    std::string out;
    for (const auto& series : chart_.series) {
      out += (out.empty() ? "" : "; ") + series.name + ": ";
      for (const ReportChart::Point& point : series.points) {
        out +=
            (&point == &series.points.front() ? "" : ", ") + point.label + " " + chart_value(point.value, chart_.form);
      }
    }
    return out;
  }

  std::string axes() const {
    std::string out;
    for (int i = 0; i <= scale_.steps; ++i) {
      const double value = scale_.low + (scale_.high - scale_.low) * i / scale_.steps, y = y_of(value);
      out += "<line" + attribute("x1", kLeft) + attribute("x2", kWidth - kRight) + attribute("y1", y) +
             attribute("y2", y) + " class=\"grid\"/><text" + attribute("x", kLeft - 6) + attribute("y", y + 4) +
             " text-anchor=\"end\">" + html_escaped(chart_value(value, chart_.form)) + "</text>\n";
    }
    // Of many labels only some fit.
    const std::size_t each = labels_.size() / 12 + 1;
    for (std::size_t i = 0; i < labels_.size(); i += each) {
      out += "<text" + attribute("x", x_of(i)) + attribute("y", kHeight - kBottom + 18) + " text-anchor=\"middle\">" +
             html_escaped(labels_[i]) + "</text>\n";
    }
    return out + "<text" + attribute("x", kLeft + kPlotWidth / 2) + attribute("y", kHeight - 8) +
           " text-anchor=\"middle\">" + html_escaped(chart_.axis) + "</text>\n";
  }

  std::string line(std::size_t series) const {
    std::string points, marks;
    std::string out = "<g class=\"" + ink(series) + "\">\n";
    const auto end_line = [&] {  // a value that is not there leaves a gap
      if (!points.empty()) {
        out += "<polyline class=\"stroke\" stroke-dasharray=\"" + std::string(kDashes.at(series % kDashes.size())) +
               "\" points=\"" + points + "\"/>\n";
      }
      points.clear();
    };
    // Side by side, so that whiskers do not cover one another.
    const double shift = 5 * (static_cast<double>(series) - (static_cast<double>(chart_.series.size()) - 1) / 2);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const ReportChart::Point* point = chart_point(chart_.series[series], labels_[i]);
      if (point == nullptr || !std::isfinite(point->value)) {
        end_line();
        continue;
      }
      const double x = x_of(i) + shift, y = y_of(point->value);
      points += (points.empty() ? "" : " ") + coordinate(x) + "," + coordinate(y);
      if (point->low && point->high) {
        const double low = y_of(*point->low), high = y_of(*point->high);
        marks += "<path class=\"stroke\" d=\"M" + coordinate(x) + " " + coordinate(low) + "V" + coordinate(high) + "M" +
                 coordinate(x - 4) + " " + coordinate(low) + "h8M" + coordinate(x - 4) + " " + coordinate(high) +
                 "h8\"/>\n";
      }
      marks += mark_at(series, x, y,
                       chart_.series[series].name + ", " + labels_[i] + ": " + chart_value(point->value, chart_.form)) +
               "\n";
    }
    end_line();
    return out + marks + "</g>\n";
  }

  std::string bars(std::size_t series) const {
    const double width = std::min(60.0, 0.7 * kPlotWidth / static_cast<double>(labels_.size()));
    std::string out = "<g class=\"" + ink(series) + "\">\n";
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const double from = below(series, labels_[i]), value = chart_part(chart_.series[series], labels_[i]);
      if (value <= 0) continue;
      const double top = y_of(from + value);
      out += "<rect" + attribute("x", x_of(i) - width / 2) + attribute("y", top) + attribute("width", width) +
             attribute("height", y_of(from) - top) + " class=\"fill\"><title>" +
             html_escaped(chart_.series[series].name + ", " + labels_[i] + ": " + chart_value(value, chart_.form)) +
             "</title></rect>\n";
      if (y_of(from) - top < kLeastBarText) continue;
      out += "<text class=\"inside\" aria-hidden=\"true\"" + attribute("x", x_of(i)) +
             attribute("y", (y_of(from) + top) / 2 + 4) + ">" + std::to_string(series + 1) + "</text>\n";
    }
    return out + "</g>\n";
  }

  const ReportChart& chart_;
  std::string id_;
  std::vector<std::string> labels_;
  ChartScale scale_;
};

}  // namespace

namespace {

std::string legend_entry(const ReportChart& chart, std::size_t series) {
  const std::string sample =
      chart.stacked ? "<path class=\"fill\" d=\"M8 0h24v14h-24z\"/><text class=\"inside\" x=\"20\" y=\"11\">" +
                          std::to_string(series + 1) + "</text>"
                    : "<path class=\"stroke\" stroke-dasharray=\"" + std::string(kDashes.at(series % kDashes.size())) +
                          "\" d=\"M0 7h40\"/>" + mark_at(series, 20, 7, "");
  return "<li><svg viewBox=\"0 0 40 14\" aria-hidden=\"true\" class=\"" + ink(series) + "\">" + sample + "</svg> " +
         html_escaped(chart.series[series].name) + "</li>";
}

}  // namespace

std::string chart_html(const ReportChart& chart, std::size_t number) {
  const Svg svg(chart, number);
  std::string out = "<figure>\n<figcaption>" + html_escaped(chart.title) + "</figcaption>\n";
  if (!svg.labels().empty()) out += "<div class=\"scroll\">\n" + svg.text() + "</div>\n";
  if (chart.series.size() > 1) {
    out += "<ul class=\"legend\">";
    for (std::size_t i = 0; i < chart.series.size(); ++i) out += legend_entry(chart, i);
    out += "</ul>\n";
  }
  out += "<details><summary>figures of this chart</summary>\n<table>\n<thead><tr><th scope=\"col\">" +
         html_escaped(chart.axis) + "</th>";
  for (const auto& series : chart.series) out += "<th scope=\"col\">" + html_escaped(series.name) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const std::string& label : svg.labels()) {
    out += "<tr><th scope=\"row\">" + html_escaped(label) + "</th>";
    for (const auto& series : chart.series) {
      const ReportChart::Point* point = chart_point(series, label);
      std::string text = "-";
      if (point != nullptr) text = chart_value(point->value, chart.form) + " " + chart_interval(*point, chart.form);
      out += "<td class=\"n\">" + html_escaped(text) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n</details>\n</figure>\n";
}

}  // namespace assay
