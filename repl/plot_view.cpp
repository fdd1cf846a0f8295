#include "repl/plot_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/words.hpp"
#include "repl/views.hpp"
#include "repl/wrapped.hpp"

namespace assay {
namespace {

constexpr std::size_t kUsualWidth = 100, kLeastBar = 12, kMostBar = 64, kWidestLabel = 28;

/// The pieces of rows; one column each.
struct Pieces {
  std::array<std::string_view, 9> eighths;  // of a column, from the left; [0] is empty
  std::string_view line, left, right, box, median, mean, dot;
};
constexpr Pieces kBlocks = {{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}, "─", "├", "┤", "▒", "┃", "◆", "●"};
constexpr Pieces kAscii = {{"", "", "", "", "#", "#", "#", "#", "#"}, "-", "[", "]", "=", "|", "*", "o"};

std::string bar_of(double share, std::size_t width, const Pieces& pieces) {
  const auto parts =
      static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width) * 8));
  std::string bar;
  for (std::size_t i = 0; i < parts / 8; ++i) bar += pieces.eighths[8];
  bar += pieces.eighths.at(parts % 8);
  // Something is there, if little.
  if (bar.empty() && share > 0) bar = pieces.eighths[1].empty() ? "." : pieces.eighths[1];
  return bar;
}

/// Columns of one row, later ones over earlier ones.
class Row {
 public:
  Row(const PlotAxis& axis, std::size_t width, const Pieces& pieces)
      : axis_(axis), pieces_(pieces), cells_(width, " ") {}

  void span(double from, double to, std::string_view what, bool ends) {
    if (!std::isfinite(from) || !std::isfinite(to)) return;
    const std::size_t first = column(from), last = column(to);
    for (std::size_t i = first; i <= last; ++i) cells_[i] = what;
    if (!ends || first == last) return;
    cells_[first] = pieces_.left;
    cells_[last] = pieces_.right;
  }
  void point(double at, std::string_view what) {
    if (std::isfinite(at)) cells_[column(at)] = what;
  }
  std::string text() const {
    std::string out;
    std::size_t end = cells_.size();
    while (end > 0 && cells_[end - 1] == " ") --end;
    for (std::size_t i = 0; i < end; ++i) out += cells_[i];
    return out;
  }

 private:
  std::size_t column(double value) const {
    return static_cast<std::size_t>(std::lround(axis_.at(value) * static_cast<double>(cells_.size() - 1)));
  }
  const PlotAxis& axis_;
  const Pieces& pieces_;
  std::vector<std::string_view> cells_;
};

std::string row_of(const PlotMark& mark, const Plot& plot, const PlotAxis& axis, std::size_t width,
                   const Pieces& pieces) {
  Row row(axis, width, pieces);
  if (plot.share) {
    row.span(mark.low, mark.high, pieces.line, true);
    row.point(mark.value, pieces.dot);
  } else {
    row.span(mark.spread.p5, mark.spread.p95, pieces.line, true);
    row.span(mark.spread.q1, mark.spread.q3, pieces.box, false);
    row.point(mark.spread.median, pieces.median);
    row.point(mark.value, pieces.mean);
  }
  return row.text();
}

/// The lines of the axis that have room, above their columns.
std::string axis_text(const PlotAxis& axis, std::size_t width) {
  std::string out;
  for (std::size_t i = 0; i <= axis.scale.steps; ++i) {
    std::string text = axis.line_text(i);
    if (i == axis.scale.steps && !axis.shown.unit.empty()) text += " " + axis.shown.unit;
    const auto column =
        static_cast<std::size_t>(std::lround(axis.scale.at(axis.scale.line(i)) * static_cast<double>(width - 1)));
    std::size_t begin = column;
    if (i > 0) begin -= std::min(begin, i == axis.scale.steps ? axis.line_text(i).size() - 1 : text.size() / 2);
    if (!out.empty() && begin < out.size() + 1) continue;
    out.append(begin - out.size(), ' ');
    out += text;
  }
  return out;
}

std::string interval_text(const PlotMark& mark, PlotUnit unit) {
  if (!std::isfinite(mark.low) || !std::isfinite(mark.high)) return "";
  return "[" + plot_number(mark.low, unit) + ", " + plot_number(mark.high, unit) + "]";
}

/// Whole where nothing is cut, but for a text as long as an answer.
StyledText label_cell(const PlotMark& mark, TextRole role) {
  constexpr std::size_t kLongest = 200;
  return StyledText().add(mark.label, role).truncated(kLongest);
}

void draw_counts(const Plot& plot, std::size_t width, const Pieces& pieces, Reply& reply) {
  std::uint64_t most = 1;
  std::size_t label = 4, count = 4;
  for (const PlotMark& mark : plot.marks) {
    most = std::max(most, mark.runs);
    label = std::max(label, StyledText().add(mark.label).width());
    count = std::max(count, count_text(mark.runs).size());
  }
  const bool bins = plot.form == Plot::Form::bins;
  const std::string heading = bins ? bins_axis(plot).title() : plot.field;
  label = std::min(std::max(label, StyledText().add(heading).width()), std::min(kWidestLabel, width / 2));
  const std::size_t others = label + count + 8 + 6;
  const std::size_t bar = std::clamp(width > others ? width - others : 0, kLeastBar, kMostBar);
  Table table({{heading, bins, true, 8, true}, {"runs", true, false}, {"", true, false}, {"", false, false}});
  for (const PlotMark& mark : plot.marks) {
    const double share = plot.runs == 0 ? 0 : static_cast<double>(mark.runs) / static_cast<double>(plot.runs);
    table.row(
        {label_cell(mark, bins ? TextRole::plain : TextRole::name), count_cell(static_cast<std::int64_t>(mark.runs)),
         cell(ratio_text(share), TextRole::dim),
         cell(bar_of(static_cast<double>(mark.runs) / static_cast<double>(most), bar, pieces), TextRole::number)});
  }
  reply.table(table);
}

void draw_groups(const Plot& plot, std::size_t width, const Pieces& pieces, Reply& reply) {
  const std::string heading = plot.along ? bins_axis(plot).title() : plot.by;
  std::size_t label = StyledText().add(heading).width(), n = 1, value = 5, interval = 0;
  for (const PlotMark& mark : plot.marks) {
    label = std::max(label, StyledText().add(mark.label).width());
    n = std::max(n, count_text(mark.n).size());
    value = std::max(value, StyledText().add(plot_number(mark.value, plot.unit)).width());
    interval = std::max(interval, StyledText().add(interval_text(mark, plot.unit)).width());
  }
  label = std::min(label, std::min(kWidestLabel, width / 3));
  const std::size_t least = label + n + value + 6;
  // The interval is drawn: its figures go first where there is little room.
  const bool figures = interval > 0 && width >= least + interval + 2 + 24;
  const std::size_t others = least + (figures ? interval + 2 : 0);
  const std::size_t bar = std::clamp(width > others + 6 ? width - others - 6 : 0, kLeastBar, kMostBar);
  const PlotAxis axis = value_axis(plot, std::max<std::size_t>(bar / 10, 2));
  std::vector<Column> columns{
      {heading, plot.along, true, 8, true}, {"n", true, false}, {plot.share ? "score" : "mean", true, false}};
  if (figures) columns.push_back({"[95 %]", false, false});
  columns.push_back({axis_text(axis, bar), false, false});
  Table table(std::move(columns));
  for (const PlotMark& mark : plot.marks) {
    std::vector<StyledText> cells{label_cell(mark, TextRole::name), count_cell(static_cast<std::int64_t>(mark.n)),
                                  cell(plot_number(mark.value, plot.unit), TextRole::number)};
    if (figures) cells.push_back(cell(interval_text(mark, plot.unit)));
    cells.push_back(cell(row_of(mark, plot, axis, bar, pieces)));
    table.row(std::move(cells));
  }
  reply.table(table);
  std::string legend;
  if (plot.share) {
    legend = std::string(pieces.dot) + " share of right answers, " + std::string(pieces.left) +
             std::string(pieces.line) + std::string(pieces.right) + " its 95 % interval (" + plot.method + ")";
  } else {
    legend = std::string(pieces.mean) + " mean, " + std::string(pieces.median) + " median, " + std::string(pieces.box) +
             " the middle half, " + std::string(pieces.left) + std::string(pieces.line) + std::string(pieces.right) +
             " 5 % to 95 %; intervals of means: " + plot.method;
  }
  wrapped(legend, "", reply.width, reply, TextRole::dim);
}

}  // namespace

bool shows_unicode(const TerminalEnvironment& environment) {
  if (environment("TERM") == "dumb") return false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = ascii_lower(environment(name));
    if (!locale.empty()) return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

void draw_plot(const Plot& plot, bool unicode, Reply& reply) {
  const std::size_t width = reply.width == 0 ? kUsualWidth : reply.width;
  const Pieces& pieces = unicode ? kBlocks : kAscii;
  reply.line(StyledText().add(plot_title(plot), TextRole::title));
  if (plot.form == Plot::Form::groups) {
    draw_groups(plot, width, pieces, reply);
  } else {
    draw_counts(plot, width, pieces, reply);
  }
  for (const std::string& note : plot_notes(plot)) wrapped(note, "", reply.width, reply);
}

}  // namespace assay
