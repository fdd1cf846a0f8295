#include "repl/chart_view.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "repl/report_markup.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

ReportChart lines() {
  ReportChart chart;
  chart.title = "accuracy by round";
  chart.axis = "round";
  chart.series = {{"debate", {{"1", 0.5, 0.4, 0.6}, {"2", 0.7, 0.6, 0.8}}}};
  return chart;
}

ReportChart stacked() {
  ReportChart chart;
  chart.title = "flips";
  chart.axis = "rounds";
  chart.form = ReportTable::Form::count;
  chart.stacked = true;
  chart.series = {{"kept", {{"1-2", 30}, {"2-3", 20}}}, {"lost", {{"1-2", 10}, {"2-3", 20}}}};
  return chart;
}

std::string drawn(const ReportChart& chart, std::size_t width = 0) {
  Reply reply;
  reply.width = width;
  draw_chart(chart, reply);
  std::string text;
  for (const StyledText& line : reply.lines) text += line.plain() + "\n";
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST_CASE("points stand on a common scale, with their intervals, in plain ASCII") {
  const std::string text = drawn(lines());
  CHECK(text ==
        "\naccuracy by round\n"
        "round   value     low    high  40.0 %                             80.0 %\n"
        "1      50.0 %  40.0 %  60.0 %  [---------o---------]\n"
        "2      70.0 %  60.0 %  80.0 %                      [---------o---------]\n");
  for (const char c : text) CHECK(static_cast<unsigned char>(c) < 0x80);
}

TEST_CASE("a narrow terminal gets a shorter bar, never a longer line") {
  for (const std::size_t width : {60U, 50U}) {
    std::size_t begin = 0;
    const std::string text = drawn(lines(), width);
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      CHECK(end - begin <= width);
      begin = end + 1;
    }
    CHECK(text.find('o') != std::string::npos);
  }
}

TEST_CASE("stacked bars: a character a series, as long as their parts") {
  const std::string text = drawn(stacked());
  CHECK(text.find("1-2       30    10  ##############################==========\n") != std::string::npos);
  CHECK(text.find("2-3       20    20  ####################====================\n") != std::string::npos);
  CHECK(text.find("### kept  === lost\n") != std::string::npos);
}

TEST_CASE("Markdown holds the figures as a table") {
  CHECK(chart_markdown(lines()) ==
        "**accuracy by round**\n\n| round | debate |\n| --- | ---: |\n| 1 | 50.0 % [40.0 %, 60.0 %] |\n"
        "| 2 | 70.0 % [60.0 %, 80.0 %] |\n\n");
}

TEST_CASE("HTML holds one SVG with title, description, whiskers and the figures; names are escaped") {
  ReportChart chart = lines();
  chart.title = "<script>alert(1)</script>";
  chart.series[0].name = "a&\"b'";
  const std::string html = chart_html(chart, 3);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("&lt;script&gt;") != std::string::npos);
  CHECK(html.find("a&amp;&quot;b&#39;") != std::string::npos);
  CHECK(html.find("aria-labelledby=\"chart3t chart3d\"") != std::string::npos);
  CHECK(html.find("<title id=\"chart3t\">") != std::string::npos);
  CHECK(html.find("<desc id=\"chart3d\">") != std::string::npos);
  CHECK(count(html, "<circle") == 2);
  CHECK(count(html, "<polyline") == 1);
  CHECK(count(html, "<path") == 2);
  CHECK(count(html, "role=\"img\"") == 1);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("nan") == std::string::npos);
  const std::string bars = chart_html(stacked(), 1);
  CHECK(count(bars, "<rect") == 4);
  CHECK(count(bars, "class=\"inside\"") > 4);  // each part, and its entry in the legend, has its number
  CHECK(bars.find("<td class=\"n\">30 ") != std::string::npos);
}

TEST_CASE("what is missing leaves a gap; an empty chart and equal values are drawn") {
  ReportChart chart = lines();
  chart.series[0].points.insert(chart.series[0].points.begin() + 1, {"x", std::nan("")});
  CHECK(drawn(chart).find("\nx           -\n") != std::string::npos);
  CHECK(count(chart_html(chart, 1), "<polyline") == 2);
  CHECK(chart_html(chart, 1).find("nan") == std::string::npos);
  ReportChart none;
  none.title = "nothing";
  CHECK(drawn(none).find("nothing") != std::string::npos);
  CHECK(chart_html(none, 1).find("<svg") == std::string::npos);
  ReportChart flat = lines();
  flat.form = ReportTable::Form::number;
  for (auto& point : flat.series[0].points) point = {point.label, 0};
  CHECK(drawn(flat).find("nan") == std::string::npos);
  CHECK(chart_html(flat, 1).find("nan") == std::string::npos);
}

TEST_CASE("a report draws its charts among its tables, in every form") {
  Report report;
  report.heading(1, "x").chart(lines()).chart(stacked());
  Reply reply;
  draw_report(report, reply);
  CHECK(reply.lines.size() > 8);
  CHECK(report_markdown(report).find("| round | debate |") != std::string::npos);
  std::size_t charts = 0;
  const std::string html = report_html(report, 2, charts);
  CHECK(charts == 2);
  CHECK(count(html, "role=\"img\"") == 2);
  CHECK(html.find("chart1t") != std::string::npos);
  CHECK(html.find("chart2t") != std::string::npos);
}

}  // namespace
}  // namespace assay
