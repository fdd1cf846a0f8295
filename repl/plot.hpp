#pragma once
// A plot as figures: what is counted, what is measured, what is missing. Made of columns, drawn by plot_view (terminal)
// and plot_file (SVG, PNG, PDF). Pure functions; any thread.
//
//   FIELD of numbers alone          bars: how many runs lie in each bin
//   FIELD of texts alone            bars: how many runs have each text
//   a number by texts               a row a text: mean with 95 % interval, quartiles, 5 % and 95 %
//   score by texts                  a row a text: share with 95 % interval
//   either by numbers               the same by value where these are few, else by bin along an axis of numbers

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/statistics/histogram.hpp"
#include "core/text/json.hpp"
#include "repl/plot_columns.hpp"

namespace assay {

/// What numbers are multiplied by to stand at an axis, and what they are then: ms, s, min, h, days; %; USD.
struct ShownIn {
  double factor = 1;
  std::string unit;  // "" for none
};
/// `size`: what most of them are not beyond.
ShownIn shown_in(PlotUnit unit, double size);

/// An axis of numbers with its lines at round places of the unit they are shown in.
struct PlotAxis {
  std::string name;
  ShownIn shown;
  RoundScale scale;  // in the unit shown
  double at(double value) const { return scale.at(value * shown.factor); }
  /// What stands at line `i`.
  std::string line_text(std::size_t i) const;
  /// "time (s)"
  std::string title() const { return shown.unit.empty() ? name : name + " (" + shown.unit + ")"; }
};
/// Holds both ends, which are finite.
PlotAxis plot_axis(std::string name, const ShownIn& shown, double low, double high, std::size_t most_steps);

/// "1.42 s", "$0.01", "49.3 %", "12,345", "0.0314".
std::string plot_number(double value, PlotUnit unit);

/// A group or a bin.
struct PlotMark {
  std::string label;
  double from = kUndefined, to = kUndefined;   // of a bin; `to` infinite: it is open
  std::uint64_t runs = 0;                      // in it
  std::uint64_t n = 0;                         // of them with a value
  double value = kUndefined;                   // count, share or mean
  double low = kUndefined, high = kUndefined;  // 95 % interval of share or mean
  ValueSpread spread = {};                     // of a number
};

/// Why runs have no value, by what they are.
struct PlotMissing {
  std::uint64_t ready = 0, incomplete = 0, fail = 0, complete = 0, no_number = 0;
  std::uint64_t sum() const { return ready + incomplete + fail + complete + no_number; }
};

struct Plot {
  enum class Form { counts, bins, groups };
  Form form = Form::counts;
  std::string field, by;  // by "" for none
  PlotUnit unit = PlotUnit::number, by_unit = PlotUnit::number;
  ShownIn shown, by_shown;  // at the axes of field and by
  bool share = false;       // groups: shares of right answers, else means of numbers
  bool along = false;       // groups: the marks are bins of numbers, in order, that touch
  std::uint64_t runs = 0, n = 0;
  PlotMissing missing, missing_by;  // missing_by: have a value, and nothing to group it by
  Figure all;                       // share or mean of all runs
  ValueSpread spread;               // of all, of numbers
  std::vector<PlotMark> marks;
  std::size_t more = 0;  // groups not shown
  std::uint64_t more_runs = 0;
  std::vector<std::pair<double, double>> points;  // along: some of the runs themselves (by, field), for files
  std::string method;                             // of the intervals: "Wilson, 95 %"
};

struct PlotOrder {
  std::size_t most = 20;  // groups shown: those with the most runs
  enum class By { appearance, name, n, value } by = By::appearance;
};

/// Figures of the runs; `by` empty: none. `advance` is told how far the reading, then the groups are. Throws Error
/// "empty" when no run has a value, "usage" for texts by something.
Plot make_plot(Experiment& experiment, const std::vector<RunId>& runs, const std::string& field, const std::string& by,
               const PlotOrder& order, const Advance& advance);

/// The axis of what is measured: counts from 0, shares within 0 and 1, numbers from the lowest to the highest that the
/// marks show. And that along which bins stand: its lines are their edges.
PlotAxis value_axis(const Plot& plot, std::size_t most_steps);
PlotAxis bins_axis(const Plot& plot);

/// "score by category, 1,000 runs"
std::string plot_title(const Plot& plot);
/// What the drawing leaves to words: n, median, mean, what is missing and why, groups that are not shown. A line each.
std::vector<std::string> plot_notes(const Plot& plot);
/// The whole in a few sentences, for those who don't see it.
std::string plot_description(const Plot& plot);
Json plot_json(const Plot& plot);

}  // namespace assay
