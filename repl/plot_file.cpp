#include "repl/plot_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/words.hpp"
#include "repl/plot_canvas.hpp"
#include "repl/report_cells.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

struct Ending {
  std::string_view name;
  PlotFormat format;
  std::string_view begin;
};
constexpr std::array<Ending, 3> kEndings = {
    {{".svg", PlotFormat::svg, "<"}, {".png", PlotFormat::png, "\x89PNG"}, {".pdf", PlotFormat::pdf, "%PDF"}}};

constexpr double kWidth = 800, kPlotHeight = 340, kRowHeight = 26, kEdge = 20, kTitleHeight = 48;
constexpr double kTitleSize = 16, kTextSize = 12, kNoteSize = 11, kAxisHeight = 52;
constexpr Colour kInk{0.13, 0.13, 0.13}, kGrey{0.4, 0.4, 0.4}, kGrid{0.87, 0.87, 0.87};
constexpr Colour kBlue{0, 0.447, 0.698}, kPale{0.337, 0.706, 0.914, 0.55}, kOrange{0.835, 0.369, 0};
/// The fewer there are, the darker.
Colour point_colour(std::size_t points) {
  return {0, 0.447, 0.698, std::clamp(30 / std::sqrt(static_cast<double>(points) + 1), 0.15, 0.6)};
}

/// Words broken into lines of at most `room`.
std::vector<std::string> broken(PlotCanvas& canvas, const std::string& text, double room) {
  std::vector<std::string> lines(1);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    const std::string longer = lines.back().empty() ? word : lines.back() + " " + word;
    if (!lines.back().empty() && canvas.text_width(longer, kNoteSize) > room) {
      lines.push_back(word);
    } else {
      lines.back() = longer;
    }
  }
  return lines;
}

std::string legend_of(const Plot& plot) {
  if (plot.form != Plot::Form::groups) return "";
  if (plot.share) return "Dots: share of right answers; lines: 95 % intervals (" + plot.method + ").";
  if (plot.along) return "Diamonds: means of bins; thick lines: their 95 % intervals (" + plot.method + ").";
  return "Diamonds: means, thick lines: their 95 % intervals (" + plot.method +
         "). Boxes: the middle half, with the median; thin lines: 5 % to 95 %.";
}

class Drawing {
 public:
  Drawing(const Plot& plot, PlotFormat format)
      : plot_(plot), format_(format), upright_(plot.form == Plot::Form::bins || plot.along) {
    const std::string legend = legend_of(plot);
    if (!legend.empty()) notes_.push_back(legend);
    for (std::string& note : plot_notes(plot)) notes_.push_back(std::move(note));
    if (plot.along && !plot.points.empty()) note_points();
  }

  std::string bytes() {
    // How high the page is depends on how its notes break.
    PlotCanvas measure(PlotFormat::png, 10, 10);
    std::vector<std::string> lines;
    for (const std::string& note : notes_) {
      for (std::string& line : broken(measure, note, kWidth - 2 * kEdge)) lines.push_back(std::move(line));
    }
    const double plot_height =
        upright_ ? kPlotHeight : std::max(60.0, kRowHeight * static_cast<double>(plot_.marks.size()) + 8);
    const double notes_top = kTitleHeight + plot_height + kAxisHeight;
    const double line_height = kNoteSize * 1.45;
    PlotCanvas canvas(format_, kWidth, std::ceil(notes_top + line_height * static_cast<double>(lines.size()) + kEdge));
    canvas.text(kEdge, 30, canvas.fitting(plot_title(plot_), kTitleSize * 1.08, kWidth - 2 * kEdge), kTitleSize,
                TextAlign::left, kInk, true);
    top_ = kTitleHeight;
    bottom_ = kTitleHeight + plot_height;
    if (upright_) {
      draw_upright(canvas);
    } else {
      draw_rows(canvas);
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      canvas.text(kEdge, notes_top + line_height * (static_cast<double>(i) + 1), lines[i], kNoteSize, TextAlign::left,
                  kGrey);
    }
    return canvas.finish();
  }

 private:
  // Bins stand along the axis below, what is measured along the left one.
  void draw_upright(PlotCanvas& canvas) {
    const PlotAxis below = bins_axis(plot_), left = value_axis(plot_, 6);
    double widest = 0;
    for (std::size_t i = 0; i <= left.scale.steps; ++i)
      widest = std::max(widest, canvas.text_width(left.line_text(i), kTextSize));
    left_ = kEdge + 20 + widest + 8;
    right_ = kWidth - kEdge - 10;
    const auto y_of = [&](double value) { return bottom_ - (bottom_ - top_) * left.at(value); };
    const auto x_of = [&](double value) { return left_ + (right_ - left_) * below.at(value); };
    for (std::size_t i = 0; i <= left.scale.steps; ++i) {
      const double y = bottom_ - (bottom_ - top_) * left.scale.at(left.scale.line(i));
      canvas.line(left_, y, right_, y, kGrid);
      canvas.text(left_ - 8, y + 4, left.line_text(i), kTextSize, TextAlign::right, kInk);
    }
    canvas.text(kEdge + 8, (top_ + bottom_) / 2, left.title(), kTextSize, TextAlign::centre, kInk, false, true);
    const bool open = !plot_.marks.empty() && std::isinf(plot_.marks.back().to);
    double free_from = 0;
    for (std::size_t i = 0; i <= below.scale.steps; ++i) {
      const double x = left_ + (right_ - left_) * static_cast<double>(i) / static_cast<double>(below.scale.steps);
      const std::string text = open && i == below.scale.steps ? ".." : below.line_text(i);
      const double half = canvas.text_width(text, kTextSize) / 2;
      const bool fits = x - half >= free_from;
      canvas.line(x, bottom_, x, bottom_ + (fits ? 5 : 3), kInk);
      if (!fits) continue;
      canvas.text(x, bottom_ + 18, text, kTextSize, TextAlign::centre, kInk);
      free_from = x + half + 8;
    }
    canvas.text((left_ + right_) / 2, bottom_ + 38, below.title(), kTextSize, TextAlign::centre, kInk);
    if (plot_.form == Plot::Form::bins) {
      const double width = (right_ - left_) / static_cast<double>(std::max<std::size_t>(plot_.marks.size(), 1));
      for (std::size_t i = 0; i < plot_.marks.size(); ++i) {
        const double y = y_of(plot_.marks[i].value), x = left_ + width * static_cast<double>(i);
        canvas.box(x + 0.75, y, width - 1.5, bottom_ - y, std::isinf(plot_.marks[i].to) ? kPale : kBlue);
      }
    } else {
      const Colour colour = point_colour(plot_.points.size());
      for (const auto& [x, y] : plot_.points) {
        if (is_within(below, x) && is_within(left, y)) canvas.dot(x_of(x), y_of(y), 2, colour);
      }
      draw_along(canvas, below, y_of);
    }
    canvas.line(left_, bottom_, right_, bottom_, kInk);
  }

  template <typename YOf>
  void draw_along(PlotCanvas& canvas, const PlotAxis& below, YOf y_of) {
    const double width = (right_ - left_) / static_cast<double>(below.scale.steps);
    for (std::size_t i = 0; i < plot_.marks.size(); ++i) {
      const PlotMark& mark = plot_.marks[i];
      const double x = left_ + width * (static_cast<double>(i) + 0.5);
      canvas.text(x, top_ - 6, "n " + count_text(mark.n), 10, TextAlign::centre, kGrey);
      if (!std::isfinite(mark.value)) continue;
      if (std::isfinite(mark.low)) {
        canvas.line(x, y_of(mark.low), x, y_of(mark.high), kOrange, 2);
        canvas.line(x - 5, y_of(mark.low), x + 5, y_of(mark.low), kOrange, 2);
        canvas.line(x - 5, y_of(mark.high), x + 5, y_of(mark.high), kOrange, 2);
      }
      if (plot_.share) {
        canvas.dot(x, y_of(mark.value), 5, kOrange);
      } else {
        canvas.diamond(x, y_of(mark.value), 6, kOrange);
      }
    }
  }

  // A row a group, what is measured along the axis below.
  void draw_rows(PlotCanvas& canvas) {
    const bool counts = plot_.form == Plot::Form::counts;
    const PlotAxis axis = value_axis(plot_, 8);
    double labels = 30, sides = 0;
    std::vector<std::string> names, numbers;
    for (const PlotMark& mark : plot_.marks) {
      names.push_back(canvas.fitting(mark.label, kTextSize, 230));
      numbers.push_back(counts ? count_text(mark.runs) + " (" + share_text(mark) + ")" : "n " + count_text(mark.n));
      labels = std::max(labels, canvas.text_width(names.back(), kTextSize));
      sides = std::max(sides, canvas.text_width(numbers.back(), kTextSize));
    }
    left_ = kEdge + 20 + labels + 10;
    right_ = kWidth - kEdge - sides - 12;
    const auto x_of = [&](double value) { return left_ + (right_ - left_) * axis.at(value); };
    double free_from = 0;
    for (std::size_t i = 0; i <= axis.scale.steps; ++i) {
      const double x = left_ + (right_ - left_) * axis.scale.at(axis.scale.line(i));
      canvas.line(x, top_, x, bottom_, kGrid);
      const std::string text = axis.line_text(i);
      const double half = canvas.text_width(text, kTextSize) / 2;
      if (x - half < free_from) continue;
      canvas.text(x, bottom_ + 18, text, kTextSize, TextAlign::centre, kInk);
      free_from = x + half + 8;
    }
    canvas.text((left_ + right_) / 2, bottom_ + 38, axis.title(), kTextSize, TextAlign::centre, kInk);
    const std::string side = counts ? plot_.field : plot_.by;
    canvas.text(kEdge + 8, (top_ + bottom_) / 2, canvas.fitting(side, kTextSize, bottom_ - top_), kTextSize,
                TextAlign::centre, kInk, false, true);
    for (std::size_t i = 0; i < plot_.marks.size(); ++i) {
      const double y = top_ + 4 + kRowHeight * (static_cast<double>(i) + 0.5);
      canvas.text(left_ - 10, y + 4, names[i], kTextSize, TextAlign::right, kInk);
      canvas.text(kWidth - kEdge, y + 4, numbers[i], kTextSize, TextAlign::right, kGrey);
      draw_mark(canvas, plot_.marks[i], y, x_of);
    }
    canvas.line(left_, bottom_, right_, bottom_, kInk);
  }

  template <typename XOf>
  void draw_mark(PlotCanvas& canvas, const PlotMark& mark, double y, XOf x_of) {
    if (plot_.form == Plot::Form::counts) {
      canvas.box(left_, y - 8, x_of(mark.value) - left_, 16, kBlue);
      return;
    }
    if (!std::isfinite(mark.value)) return;
    if (!plot_.share) {
      const ValueSpread& spread = mark.spread;
      canvas.line(x_of(spread.p5), y, x_of(spread.p95), y, kBlue, 1);
      canvas.box(x_of(spread.q1), y - 7, std::max(x_of(spread.q3) - x_of(spread.q1), 1.0), 14, kPale);
      canvas.line(x_of(spread.median), y - 7, x_of(spread.median), y + 7, kBlue, 2.5);
    }
    const Colour& colour = plot_.share ? kBlue : kOrange;
    if (std::isfinite(mark.low)) {
      canvas.line(x_of(mark.low), y, x_of(mark.high), y, colour, 2.5);
      if (plot_.share) {
        canvas.line(x_of(mark.low), y - 5, x_of(mark.low), y + 5, colour, 2);
        canvas.line(x_of(mark.high), y - 5, x_of(mark.high), y + 5, colour, 2);
      }
    }
    if (plot_.share) {
      canvas.dot(x_of(mark.value), y, 5, colour);
    } else {
      canvas.diamond(x_of(mark.value), y, 5, colour);
    }
  }

  std::string share_text(const PlotMark& mark) const {
    return ratio_text(static_cast<double>(mark.runs) / static_cast<double>(std::max<std::uint64_t>(plot_.runs, 1)));
  }

  static bool is_within(const PlotAxis& axis, double value) {
    const double shown = value * axis.shown.factor;
    return shown >= axis.scale.low && shown <= axis.scale.high;
  }

  void note_points() {
    const PlotAxis below = bins_axis(plot_), left = value_axis(plot_, 6);
    std::uint64_t beyond = 0;
    for (const auto& [x, y] : plot_.points) beyond += !is_within(below, x) || !is_within(left, y);
    const std::uint64_t both = plot_.n - plot_.missing_by.sum();
    std::string note = "Points: ";
    note += plot_.points.size() < both ? count_text(plot_.points.size()) + " of " + counted(both, "run", "runs")
                                       : "all " + counted(both, "run", "runs");
    if (beyond > 0) note += ", " + count_text(beyond) + " of them beyond the axes";
    notes_.push_back(note + ".");
  }

  const Plot& plot_;
  PlotFormat format_;
  bool upright_;
  std::vector<std::string> notes_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
};

/// Behind the tag of the whole: cairo writes neither.
std::string with_words(std::string svg, const Plot& plot) {
  const std::size_t tag = svg.find("<svg "), end = tag == std::string::npos ? tag : svg.find('>', tag);
  if (end == std::string::npos) return svg;
  const auto words = [](const std::string& text) { return html_escaped(safe(text).text()); };
  svg.insert(end + 1, "\n<title id=\"title\">" + words(plot_title(plot)) + "</title>\n<desc id=\"desc\">" +
                          words(plot_description(plot)) + "</desc>");
  svg.insert(tag + 5, "role=\"img\" aria-labelledby=\"title desc\" ");
  return svg;
}

}  // namespace

std::optional<PlotFormat> plot_format(std::string_view path) {
  for (const Ending& ending : kEndings) {
    if (path.size() > ending.name.size() && path.ends_with(ending.name)) return ending.format;
  }
  return std::nullopt;
}

std::string plot_formats() { return ".svg, .png or .pdf"; }

bool begins_as(PlotFormat format, std::string_view bytes) {
  for (const Ending& ending : kEndings) {
    if (ending.format != format) continue;
    return bytes.starts_with(ending.begin) && (format != PlotFormat::svg || bytes.find("<svg") != bytes.npos);
  }
  return false;
}

std::string plot_image(const Plot& plot, PlotFormat format) {
  std::string bytes = Drawing(plot, format).bytes();
  return format == PlotFormat::svg ? with_words(std::move(bytes), plot) : bytes;
}

}  // namespace assay
