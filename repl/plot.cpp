#include "repl/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <unordered_map>

#include "core/statistics/accumulator.hpp"
#include "core/statistics/proportion.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr std::size_t kHistogramBins = 20, kBinsAlong = 10, kFewValues = 12;
constexpr std::size_t kMostPoints = 4000;

void count_missing(PlotMissing& missing, const RunTable::Reader& table, RunId run) {
  switch (table.row(run).status) {
    case Status::ready:
      ++missing.ready;
      break;
    case Status::incomplete:
      ++missing.incomplete;
      break;
    case Status::fail:
      ++missing.fail;
      break;
    case Status::complete:
      ++missing.complete;
      break;
  }
}

/// The item that each run repeats, as a number; empty where no batch repeats its items.
std::vector<std::uint32_t> items_of(Experiment& experiment, const std::vector<RunId>& runs) {
  const RunTable::Reader table = experiment.table().read();
  std::vector<bool> repeated;
  for (const BatchInfo& batch : table.batches()) {
    const auto epochs = batch.params.is_object() ? batch.params.find("epochs") : batch.params.end();
    repeated.push_back(batch.params.is_object() && epochs != batch.params.end() && epochs->is_number() &&
                       epochs->get<double>() > 1);
  }
  if (std::none_of(runs.begin(), runs.end(), [&](RunId run) { return repeated[table.row(run).batch]; })) return {};
  std::unordered_map<std::string_view, std::uint32_t> index;
  std::vector<std::uint32_t> items;
  items.reserve(runs.size());
  for (const RunId run : runs) {
    std::string_view name = table.name(run);
    if (repeated[table.row(run).batch]) name = name.substr(0, name.rfind('@'));
    items.push_back(index.try_emplace(name, static_cast<std::uint32_t>(index.size())).first->second);
  }
  return items;
}

/// The runs of one mark that have a value.
struct Members {
  std::vector<double> values;
  std::vector<std::uint32_t> items;
  std::uint64_t n = 0, right = 0;  // of shares without repeats: the values themselves are not needed

  void add(double value, bool share, const std::vector<std::uint32_t>& all_items, std::size_t i) {
    ++n;
    if (share && all_items.empty()) {
      right += value > 0.5 ? 1 : 0;
      return;
    }
    values.push_back(value);
    if (!all_items.empty()) items.push_back(all_items[i]);
  }
};

void measure(PlotMark& mark, Members members, bool share) {
  mark.n = members.n;
  Figure figure;
  if (share && members.items.empty()) {
    figure = wilson(members.right, members.n);
  } else if (share) {
    figure = proportion(members.values, members.items, Quantile::z);
  } else if (members.items.empty()) {
    Accumulator sum;
    for (const double value : members.values) sum.add(value);
    figure = sum.figure();
  } else {
    figure = cluster_mean(members.values, members.items, Quantile::t).figure;
  }
  mark.value = figure.value;
  if (std::isfinite(figure.low) && std::isfinite(figure.high)) {
    mark.low = figure.low;
    mark.high = figure.high;
  }
  if (!share) mark.spread = spread_of(std::move(members.values));
}

/// Drawn: at most kMostPoints, evenly through the runs.
void keep_points(Plot& plot, const PlotColumn& y, const PlotColumn& x) {
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < y.numbers.size(); ++i) pairs += !std::isnan(y.numbers[i]) && !std::isnan(x.numbers[i]);
  const std::size_t each = pairs / kMostPoints + 1;
  std::size_t k = 0;
  for (std::size_t i = 0; i < y.numbers.size(); ++i) {
    if (std::isnan(y.numbers[i]) || std::isnan(x.numbers[i]) || k++ % each != 0) continue;
    plot.points.emplace_back(x.numbers[i], y.numbers[i]);
  }
}

bool drawable(double value) { return std::fabs(value) <= kLargestOnScale; }

/// Bins that are round in the unit shown.
Histogram bins_of(const std::vector<double>& values, double factor, std::size_t most) {
  if (factor == 1) return histogram(values, most);
  std::vector<double> shown(values);
  for (double& value : shown) value *= factor;
  Histogram bins = histogram(shown, most);
  bins.low /= factor;
  bins.width /= factor;
  return bins;
}

double usual_size(const ValueSpread& spread) { return std::max(std::fabs(spread.p5), std::fabs(spread.p95)); }

ShownIn shown_of(const PlotColumn& column) {
  if (column.unit != PlotUnit::seconds) return shown_in(column.unit, 1);
  std::vector<double> values;
  for (const double value : column.numbers) {
    if (drawable(value)) values.push_back(value);
  }
  return shown_in(column.unit, usual_size(spread_of(std::move(values))));
}

/// Which mark each run belongs to; kNone: none.
std::vector<std::uint32_t> place_runs(Plot& plot, const PlotColumn& x) {
  std::vector<std::uint32_t> place(plot.runs, PlotColumn::kNone);
  if (!x.is_number) {
    std::optional<std::uint32_t> none;
    for (const std::string& name : x.names) plot.marks.push_back({name});
    for (std::size_t i = 0; i < place.size(); ++i) {
      place[i] = x.texts[i];
      if (place[i] != PlotColumn::kNone) continue;
      if (!none) {
        none = static_cast<std::uint32_t>(plot.marks.size());
        plot.marks.push_back({"(none)"});
      }
      place[i] = *none;
    }
    return place;
  }
  std::vector<double> distinct;
  for (const double value : x.numbers) {
    if (!drawable(value)) continue;
    const auto at = std::lower_bound(distinct.begin(), distinct.end(), value);
    if (at != distinct.end() && *at == value) continue;
    distinct.insert(at, value);
    if (distinct.size() > kFewValues) break;
  }
  if (distinct.size() <= kFewValues) {
    for (const double value : distinct) plot.marks.push_back({plot_number(value, x.unit), value, value});
    for (std::size_t i = 0; i < place.size(); ++i) {
      if (!drawable(x.numbers[i])) continue;
      place[i] = static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), x.numbers[i]) -
                                            distinct.begin());
    }
    return place;
  }
  plot.along = true;
  plot.by_shown = shown_of(x);
  const Histogram bins = bins_of(x.numbers, plot.by_shown.factor, kBinsAlong);
  const auto last = bins.counts.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const double from = bins.low + bins.width * static_cast<double>(i);
    plot.marks.push_back({"", from, bins.above > 0 && i == last ? INFINITY : from + bins.width});
  }
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (!drawable(x.numbers[i])) continue;
    const double at = std::floor((x.numbers[i] - bins.low) / bins.width + 1e-9);
    place[i] = static_cast<std::uint32_t>(std::clamp(at, 0.0, static_cast<double>(last)));
  }
  return place;
}

/// The largest of them, in the order asked for.
void choose_marks(Plot& plot, const PlotOrder& order) {
  std::vector<std::size_t> all(plot.marks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const bool numbers =
      std::any_of(plot.marks.begin(), plot.marks.end(), [](const PlotMark& m) { return m.from == m.from; });
  if (plot.marks.size() > order.most && !plot.along) {
    std::stable_sort(all.begin(), all.end(),
                     [&](std::size_t a, std::size_t b) { return plot.marks[a].runs > plot.marks[b].runs; });
    for (std::size_t i = order.most; i < all.size(); ++i) plot.more_runs += plot.marks[all[i]].runs;
    plot.more = all.size() - order.most;
    all.resize(order.most);
    std::sort(all.begin(), all.end());
  }
  if (!numbers) {
    std::stable_sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) {
      const PlotMark &left = plot.marks[a], &right = plot.marks[b];
      switch (order.by) {
        case PlotOrder::By::name:
          return left.label < right.label;
        case PlotOrder::By::n:
          return left.runs > right.runs;
        case PlotOrder::By::value:
          return std::isnan(right.value) ? !std::isnan(left.value) : left.value > right.value;
        case PlotOrder::By::appearance:
          break;
      }
      return plot.form == Plot::Form::counts && left.runs > right.runs;
    });
  }
  std::vector<PlotMark> chosen;
  for (const std::size_t i : all) chosen.push_back(std::move(plot.marks[i]));
  plot.marks = std::move(chosen);
}

/// "0 - 2": bins have the words of their axis.
void label_bins(Plot& plot, bool whole) {
  const PlotAxis axis = bins_axis(plot);
  for (std::size_t i = 0; i < plot.marks.size(); ++i) {
    PlotMark& mark = plot.marks[i];
    const std::string from = axis.line_text(i);
    mark.label = whole && !std::isinf(mark.to) ? from
                 : std::isinf(mark.to)         ? from + " .."
                                               : from + " - " + axis.line_text(i + 1);
  }
}

void make_bins(Plot& plot, const PlotColumn& column) {
  plot.form = Plot::Form::bins;
  const Histogram bins = bins_of(column.numbers, plot.shown.factor, kHistogramBins);
  plot.n = bins.n;
  for (std::size_t i = 0; i < bins.counts.size(); ++i) {
    const double from = bins.low + bins.width * static_cast<double>(i);
    PlotMark mark{"", from, bins.above > 0 && i + 1 == bins.counts.size() ? INFINITY : from + bins.width};
    mark.runs = mark.n = bins.counts[i];
    mark.value = static_cast<double>(bins.counts[i]);
    plot.marks.push_back(std::move(mark));
  }
  label_bins(plot, bins.whole);
}

void measure_all(Plot& plot, const PlotColumn& column, const std::vector<std::uint32_t>& items) {
  Members all;
  if (!column.is_score) all.values.reserve(column.numbers.size());
  for (std::size_t i = 0; i < column.numbers.size(); ++i) {
    if (!drawable(column.numbers[i])) continue;
    all.add(column.numbers[i], column.is_score, items, i);
  }
  PlotMark mark;
  measure(mark, std::move(all), column.is_score);
  plot.n = mark.n;
  plot.spread = mark.spread;
  plot.shown = shown_in(column.unit, usual_size(mark.spread));
  plot.all.value = mark.value;
  plot.all.low = mark.low;
  plot.all.high = mark.high;
  plot.all.n = mark.n;
  plot.method = column.is_score ? items.empty() ? "Wilson" : "clustered by item"
                : items.empty() ? "Student's t"
                                : "clustered by item";
}

void make_groups(Plot& plot, const PlotColumn& y, const PlotColumn& x, const std::vector<std::uint32_t>& items,
                 const PlotOrder& order, const Advance& advance) {
  plot.form = Plot::Form::groups;
  plot.share = y.is_score;
  plot.by_unit = x.unit;
  const std::vector<std::uint32_t> place = place_runs(plot, x);
  std::vector<Members> members(plot.marks.size());
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] == PlotColumn::kNone) continue;
    ++plot.marks[place[i]].runs;
    if (!drawable(y.numbers[i])) continue;
    members[place[i]].add(y.numbers[i], plot.share, items, i);
  }
  for (std::size_t i = 0; i < plot.marks.size(); ++i) {
    if (advance) advance(i, plot.marks.size());
    measure(plot.marks[i], std::move(members[i]), plot.share);
  }
  if (plot.along) {
    label_bins(plot, false);
    if (!plot.share) keep_points(plot, y, x);
  }
  choose_marks(plot, order);
}

void make_counts(Plot& plot, const PlotColumn& column, const PlotOrder& order) {
  plot.form = Plot::Form::counts;
  const std::vector<std::uint32_t> place = place_runs(plot, column);
  for (const std::uint32_t mark : place) ++plot.marks[mark].runs;
  for (PlotMark& mark : plot.marks) {
    mark.n = mark.runs;
    mark.value = static_cast<double>(mark.runs);
  }
  choose_marks(plot, order);
}

[[noreturn]] void refuse_empty(const Plot& plot, const PlotMissing& missing, const std::string& field) {
  std::vector<std::string> why;
  const auto add = [&](std::uint64_t n, const char* what) {
    if (n > 0) why.push_back(count_text(n) + what);
  };
  add(missing.ready, " READY");
  add(missing.incomplete, " INCOMPLETE");
  add(missing.fail, " FAIL");
  add(missing.complete, " COMPLETE without one");
  add(missing.no_number, " with something that is no number");
  const bool to_run = missing.ready + missing.incomplete == plot.runs;
  throw Error(
      "empty",
      "none of the " + counted(plot.runs, "run", "runs") + " has a value of " + field + ": " + joined(why, ", "), {},
      to_run ? "`run_n N` executes them" : "`detail RUN` shows what one has");
}

}  // namespace

Plot make_plot(Experiment& experiment, const std::vector<RunId>& runs, const std::string& field, const std::string& by,
               const PlotOrder& order, const Advance& advance) {
  std::vector<PlotField> fields{{field, !by.empty()}};
  if (!by.empty()) fields.push_back({by, false});
  const std::vector<PlotColumn> columns = read_columns(experiment, runs, fields, advance);
  const PlotColumn& y = columns.front();
  Plot plot;
  plot.field = field;
  plot.by = by;
  plot.unit = y.unit;
  plot.runs = runs.size();
  const bool any_text =
      std::any_of(y.texts.begin(), y.texts.end(), [](auto text) { return text != PlotColumn::kNone; });
  {
    const RunTable::Reader table = experiment.table().read();
    const PlotColumn* x = by.empty() ? nullptr : &columns.back();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const bool here = y.is_number ? drawable(y.numbers[i]) : y.texts[i] != PlotColumn::kNone;
      if (!here) {
        count_missing(plot.missing, table, runs[i]);
      } else if (x != nullptr && x->is_number && !drawable(x->numbers[i])) {
        count_missing(plot.missing_by, table, runs[i]);
      }
    }
    plot.missing.no_number = std::min(y.not_numbers, plot.missing.complete);
    plot.missing.complete -= plot.missing.no_number;
  }
  if (!y.is_number && (any_text || !by.empty())) {
    if (!any_text) refuse_empty(plot, plot.missing, field);
    if (!by.empty()) {
      throw Error("usage", "plot " + field + " by " + by + ": " + field + " is text, which has no mean", {},
                  "`plot score by " + field + "`, `stats by " + field + "`, or a number by " + by);
    }
    plot.n = plot.runs - plot.missing.sum();
    make_counts(plot, y, order);
    if (field == "score") {
      const auto runs_with = [&](Verdict verdict) {
        const auto found = std::find_if(plot.marks.begin(), plot.marks.end(),
                                        [&](const PlotMark& mark) { return mark.label == to_text(verdict); });
        return found == plot.marks.end() ? 0 : found->runs;
      };
      const std::uint64_t correct = runs_with(Verdict::correct);
      plot.all = wilson(correct, correct + runs_with(Verdict::incorrect));
    }
    return plot;
  }
  if (plot.missing.sum() >= plot.runs) refuse_empty(plot, plot.missing, field);
  const std::vector<std::uint32_t> items = items_of(experiment, runs);
  measure_all(plot, y, items);
  if (by.empty()) {
    make_bins(plot, y);
    return plot;
  }
  if (columns.back().is_number && plot.missing_by.sum() >= plot.n) refuse_empty(plot, plot.missing_by, by);
  make_groups(plot, y, columns.back(), items, order, advance);
  return plot;
}

}  // namespace assay
