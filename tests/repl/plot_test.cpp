#include "repl/plot.hpp"

#include <cairo.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "repl/plot_file.hpp"
#include "repl/plot_view.hpp"

namespace assay {
namespace {

PlotMark group(std::string label, std::uint64_t n, double value, double low, double high) {
  PlotMark mark;
  mark.label = std::move(label);
  mark.runs = mark.n = n;
  mark.value = value;
  mark.low = low;
  mark.high = high;
  return mark;
}

Plot scores() {
  Plot plot;
  plot.form = Plot::Form::groups;
  plot.field = "score";
  plot.by = "category";
  plot.unit = PlotUnit::share;
  plot.shown = shown_in(PlotUnit::share, 1);
  plot.share = true;
  plot.runs = 35;
  plot.n = 30;
  plot.method = "Wilson";
  plot.missing.ready = 4;
  plot.missing.fail = 1;
  plot.all.value = 0.6;
  plot.all.low = 0.4;
  plot.all.high = 0.75;
  plot.marks = {group("math", 20, 0.5, 0.3, 0.7), group("law", 10, 0.8, 0.49, 0.94),
                group("none yet", 0, kUndefined, kUndefined, kUndefined)};
  return plot;
}

Plot times() {
  Plot plot;
  plot.form = Plot::Form::groups;
  plot.field = "time";
  plot.by = "model";
  plot.unit = PlotUnit::seconds;
  plot.shown = shown_in(PlotUnit::seconds, 10);
  plot.runs = plot.n = 3;
  plot.method = "Student's t";
  plot.marks = {group("a", 3, 2, 1, 3)};
  plot.marks.front().spread = spread_of({1, 2, 3});
  plot.spread = plot.marks.front().spread;
  return plot;
}

Plot bins(const std::vector<double>& values) {
  Plot plot;
  plot.form = Plot::Form::bins;
  plot.field = "metric.x";
  plot.runs = plot.n = values.size();
  const Histogram made = histogram(values, 20);
  for (std::size_t i = 0; i < made.counts.size(); ++i) {
    PlotMark mark;
    mark.from = made.low + made.width * static_cast<double>(i);
    mark.to = mark.from + made.width;
    mark.runs = mark.n = made.counts[i];
    mark.value = static_cast<double>(made.counts[i]);
    plot.marks.push_back(mark);
  }
  const PlotAxis axis = bins_axis(plot);
  for (std::size_t i = 0; i < plot.marks.size(); ++i)
    plot.marks[i].label = axis.line_text(i) + " - " + axis.line_text(i + 1);
  plot.spread = spread_of(values);
  return plot;
}

std::vector<std::string> drawn(const Plot& plot, std::size_t width, bool unicode = true) {
  Reply reply;
  reply.width = width;
  draw_plot(plot, unicode, reply);
  std::vector<std::string> lines;
  for (const StyledText& line : reply.lines) lines.push_back(line.plain());
  return lines;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

bool has(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

/// Tags open and close in order, attributes are quoted, no bare & or < stands in the text.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while (at < xml.size()) {
    if (xml[at] == '&') {
      const std::size_t end = xml.find(';', at);
      if (end == std::string::npos || end - at > 8) return false;
      at = end + 1;
      continue;
    }
    if (xml[at] != '<') {
      if (static_cast<unsigned char>(xml[at]) < 0x20 && xml[at] != '\n' && xml[at] != '\t') return false;
      ++at;
      continue;
    }
    const std::size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with("?") || tag.starts_with("!")) continue;
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
      continue;
    }
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return false;
    if (!tag.ends_with("/")) open.push_back(tag.substr(0, tag.find_first_of(" \n")));
  }
  return open.empty();
}

struct Picture {
  int width = 0, height = 0;
  std::size_t coloured = 0;  // pixels that are not grey
};
Picture read_png(const std::string& bytes) {
  struct Rest {
    const std::string& bytes;
    std::size_t at = 0;
  } rest{bytes};
  cairo_surface_t* surface = cairo_image_surface_create_from_png_stream(
      [](void* from, unsigned char* to, unsigned int length) {
        auto& source = *static_cast<Rest*>(from);
        if (source.at + length > source.bytes.size()) return CAIRO_STATUS_READ_ERROR;
        std::memcpy(to, source.bytes.data() + source.at, length);
        source.at += length;
        return CAIRO_STATUS_SUCCESS;
      },
      &rest);
  REQUIRE(cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS);
  Picture picture{cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface), 0};
  const unsigned char* data = cairo_image_surface_get_data(surface);
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const unsigned char* pixel = data + static_cast<std::ptrdiff_t>(y) * cairo_image_surface_get_stride(surface) +
                                   static_cast<std::ptrdiff_t>(x) * 4;
      if (std::abs(pixel[0] - pixel[2]) > 60) ++picture.coloured;
    }
  }
  cairo_surface_destroy(surface);
  return picture;
}

TEST_CASE("scores by group: a row each with n, share, interval, and what is missing named") {
  const std::string text = joined_lines(drawn(scores(), 100));
  CHECK(has(text, "score by category, 35 runs"));
  CHECK(has(text, "math      20  50.0 %  [30.0 %, 70.0 %]"));
  CHECK(has(text, "├"));
  CHECK(has(text, "●"));
  CHECK(has(text, "none yet   0       -"));
  CHECK(has(text, "all: 60.0 % [40.0 %, 75.0 %], n 30 of 35"));
  CHECK(has(text, "without score: 4 READY, 1 FAIL"));
  CHECK(has(text, "(Wilson)"));
}

TEST_CASE("numbers by group: mean, median, middle half and 5 % to 95 %") {
  const std::string text = joined_lines(drawn(times(), 100));
  CHECK(has(text, "2.00 s"));
  CHECK(has(text, "┃"));
  CHECK(has(text, "▒"));
  CHECK(has(text, "n 3; median 2.00 s"));
}

TEST_CASE("no line is wider than the terminal, from 40 columns on") {
  for (const std::size_t width : {40U, 60U, 80U, 200U}) {
    for (const Plot& plot : {scores(), times(), bins({1.5, 2.5, 2.5, 9.25, -4})}) {
      for (const std::string& line : drawn(plot, width)) {
        CAPTURE(line);
        CHECK(display_width(line) <= width);
      }
    }
  }
}

TEST_CASE("where Unicode can't be shown, all is ASCII and says the same") {
  for (const Plot& plot : {scores(), times(), bins({1, 2, 2})}) {
    const std::string text = joined_lines(drawn(plot, 80, false));
    for (const char c : text) CHECK(static_cast<unsigned char>(c) < 0x80);
  }
  CHECK(has(joined_lines(drawn(scores(), 80, false)), "o"));
  CHECK(has(joined_lines(drawn(bins({1, 2, 2}), 80, false)), "##"));
}

TEST_CASE("names of groups are data: no control character reaches the terminal or the image") {
  Plot plot = scores();
  plot.marks[0].label = std::string("evil\x1b[2J\0\n<script>&\"", 22);
  plot.marks[1].label = "\xff\xfe not UTF-8 " + std::string(5000, 'x');
  plot.by = "data.<b>\x07";
  const std::string text = joined_lines(drawn(plot, 80));
  for (const char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  CHECK(has(text, "\\x1b"));
  const std::string svg = plot_image(plot, PlotFormat::svg);
  CHECK(is_well_formed(svg));
  CHECK(has(svg, "&lt;script&gt;"));
  CHECK_FALSE(has(svg, "<script"));
  CHECK(read_png(plot_image(plot, PlotFormat::png)).coloured > 100);
}

TEST_CASE("an SVG is well formed, and says in words what it shows") {
  for (const Plot& plot : {scores(), times(), bins({1, 2, 2, 40, -7.5})}) {
    const std::string svg = plot_image(plot, PlotFormat::svg);
    CHECK(is_well_formed(svg));
    CHECK(has(svg, "role=\"img\" aria-labelledby=\"title desc\""));
    CHECK(has(svg, "<title id=\"title\">" + plot_title(plot) + "</title>"));
  }
  const std::string svg = plot_image(scores(), PlotFormat::svg);
  CHECK(has(svg, "math: 50.0 % [30.0 %, 70.0 %], n 20"));
  CHECK(has(svg, "without score: 4 READY, 1 FAIL"));
}

TEST_CASE("a PNG has twice the size for sharp screens, and something in it") {
  for (const Plot& plot : {scores(), times(), bins({1, 2, 2, 40, -7.5})}) {
    const Picture picture = read_png(plot_image(plot, PlotFormat::png));
    CHECK(picture.width == 1600);
    CHECK(picture.height > 300);
    CHECK(picture.coloured > 100);
  }
  CHECK(plot_image(scores(), PlotFormat::pdf).starts_with("%PDF"));
}

TEST_CASE("values of any size have bins, axes and pictures") {
  for (const auto& values : std::vector<std::vector<double>>{
           {5}, {1, 2}, {7, 7, 7}, {-1e300, 1e300}, {1e-300, 3e-300}, {-5, -4}, {1e15, 1e15 + 1, 1e15 + 2}}) {
    CAPTURE(values.front());
    const Plot plot = bins(values);
    CHECK(is_well_formed(plot_image(plot, PlotFormat::svg)));
    for (const std::string& line : drawn(plot, 80)) CHECK(display_width(line) <= 80);
  }
}

TEST_CASE("a thousand groups make a tall picture, not a broken one") {
  Plot plot = scores();
  plot.marks.clear();
  for (int i = 0; i < 1000; ++i) plot.marks.push_back(group("group " + std::to_string(i), 9, 0.5, 0.2, 0.8));
  CHECK(read_png(plot_image(plot, PlotFormat::png)).height > 40'000 / 2);
}

TEST_CASE("an axis of time is in the unit that suits it") {
  struct Case {
    double size;
    const char* unit;
  };
  for (const Case& one : {Case{0, "s"}, Case{0.02, "ms"}, Case{2, "s"}, Case{170, "s"}, Case{600, "min"},
                          Case{20'000, "h"}, Case{1e6, "days"}}) {
    CHECK(shown_in(PlotUnit::seconds, one.size).unit == one.unit);
  }
  const PlotAxis axis = plot_axis("time", shown_in(PlotUnit::seconds, 600), 0, 900, 5);
  CHECK(axis.title() == "time (min)");
  CHECK(axis.line_text(1) == "5");
  CHECK(axis.at(450) == 0.5);
}

TEST_CASE("the axis of shares is the whole where they are far apart, else around them") {
  Plot plot = scores();
  CHECK(value_axis(plot, 5).scale.low == 0);
  CHECK(value_axis(plot, 5).scale.high == 100);
  plot.marks = {group("a", 9000, 0.91, 0.90, 0.92), group("b", 9000, 0.93, 0.92, 0.94)};
  CHECK(value_axis(plot, 5).scale.low == doctest::Approx(90));
}

TEST_CASE("numbers are written as they are read") {
  CHECK(plot_number(1.4159, PlotUnit::seconds) == "1.42 s");
  CHECK(plot_number(95, PlotUnit::seconds) == "1m 35s");
  CHECK(plot_number(0.25, PlotUnit::share) == "25.0 %");
  CHECK(plot_number(0.0123, PlotUnit::usd) == "$0.0123");
  CHECK(plot_number(12345, PlotUnit::count) == "12,345");
  CHECK(plot_number(0.000123456, PlotUnit::number) == "0.0001235");
  CHECK(plot_number(-2.5e20, PlotUnit::number) == "-2.5e+20");
  CHECK(plot_number(kUndefined, PlotUnit::number) == "-");
}

TEST_CASE("a file's ending says its format") {
  CHECK(plot_format("a.svg") == PlotFormat::svg);
  CHECK(plot_format("x/y.png") == PlotFormat::png);
  CHECK(plot_format("y.pdf") == PlotFormat::pdf);
  CHECK_FALSE(plot_format(".svg"));
  CHECK_FALSE(plot_format("a.jpg"));
  CHECK(begins_as(PlotFormat::svg, "<?xml version=\"1.0\"?>\n<svg>"));
  CHECK_FALSE(begins_as(PlotFormat::svg, "<html>"));
  CHECK_FALSE(begins_as(PlotFormat::png, "GIF89a"));
}

}  // namespace
}  // namespace assay
