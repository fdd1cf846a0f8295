// Plots in words and figures: axes, numbers, titles, notes, JSON.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "repl/plot.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

std::string printed(const char* format, int digits, double value) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, digits, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

/// Four digits; whole numbers with commas.
std::string short_number(double value) {
  if (std::fabs(value) < 1e12 && value == std::round(value)) return format_count(std::llround(value));
  if (std::fabs(value) >= 1e4 && std::fabs(value) < 1e12) return format_count(std::llround(value));
  return printed("%.*g", 4, value);
}

Json or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::vector<std::string> missing_words(const PlotMissing& missing, const std::string& nothing) {
  std::vector<std::string> words;
  const auto add = [&](std::uint64_t n, const std::string& what) {
    if (n > 0) words.push_back(count_text(n) + what);
  };
  add(missing.ready, " READY");
  add(missing.incomplete, " INCOMPLETE");
  add(missing.fail, " FAIL");
  add(missing.complete, " COMPLETE without " + nothing);
  add(missing.no_number, " with something that is no number");
  return words;
}

Json missing_json(const PlotMissing& missing) {
  return Json::object({{"READY", missing.ready},
                       {"INCOMPLETE", missing.incomplete},
                       {"FAIL", missing.fail},
                       {"COMPLETE", missing.complete},
                       {"no_number", missing.no_number}});
}

std::string interval_words(double low, double high, PlotUnit unit) {
  if (!std::isfinite(low) || !std::isfinite(high)) return "";
  return " [" + plot_number(low, unit) + ", " + plot_number(high, unit) + "]";
}

}  // namespace

ShownIn shown_in(PlotUnit unit, double size) {
  switch (unit) {
    case PlotUnit::share:
      return {100, "%"};
    case PlotUnit::usd:
      return {1, "USD"};
    case PlotUnit::seconds:
      if (!(size > 0)) return {1, "s"};
      if (size < 1) return {1000, "ms"};
      if (size < 180) return {1, "s"};
      if (size < 3 * 3600) return {1.0 / 60, "min"};
      return size < 72 * 3600 ? ShownIn{1.0 / 3600, "h"} : ShownIn{1.0 / 86400, "days"};
    case PlotUnit::number:
    case PlotUnit::count:
      break;
  }
  return {};
}

std::string PlotAxis::line_text(std::size_t i) const {
  const double value = scale.line(i);
  const double size = std::max(std::fabs(scale.low), std::fabs(scale.high));
  if (size >= 1e9 || scale.step < 1e-6) return printed("%.*g", 6, value);
  const int digits = scale.step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(scale.step) - 1e-9));
  if (digits == 0) return format_count(std::llround(value));
  const std::string text = printed("%.*f", digits, value);
  return text.find_first_not_of("-0.") == std::string::npos && text.front() == '-' ? text.substr(1) : text;
}

PlotAxis plot_axis(std::string name, const ShownIn& shown, double low, double high, std::size_t most_steps) {
  return {std::move(name), shown, round_scale(low * shown.factor, high * shown.factor, most_steps)};
}

PlotAxis value_axis(const Plot& plot, std::size_t most_steps) {
  double low = INFINITY, high = -INFINITY;
  const auto hold = [&](double value) {
    if (!std::isfinite(value) || std::fabs(value) > kLargestOnScale) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const PlotMark& mark : plot.marks) {
    for (const double value : {mark.value, mark.low, mark.high, mark.spread.p5, mark.spread.p95}) hold(value);
  }
  if (plot.form != Plot::Form::groups) {
    PlotAxis axis = plot_axis("runs", {}, 0, std::max(high, 1.0), most_steps);
    if (axis.scale.step < 1) axis.scale = {0, 1, 1, 1};
    return axis;
  }
  if (!std::isfinite(low)) low = 0, high = 1;
  if (plot.share) {
    // All of the range, but for shares that keep close to each other.
    if (high - low > 0.4 || plot.marks.size() == 1) low = 0, high = 1;
  } else if (low > 0 && low < 0.35 * high) {
    low = 0;
  }
  return plot_axis(plot.field, plot.shown, low, high, most_steps);
}

PlotAxis bins_axis(const Plot& plot) {
  const bool alone = plot.form == Plot::Form::bins;
  PlotAxis axis{alone ? plot.field : plot.by, alone ? plot.shown : plot.by_shown, {}};
  if (plot.marks.empty()) return axis;
  const double low = plot.marks.front().from;
  const double width = (plot.marks.size() > 1 ? plot.marks[1].from : plot.marks.front().to) - low;
  const auto n = plot.marks.size();
  axis.scale = {low * axis.shown.factor, (low + width * static_cast<double>(n)) * axis.shown.factor,
                width * axis.shown.factor, n};
  return axis;
}

std::string plot_number(double value, PlotUnit unit) {
  if (!std::isfinite(value)) return "-";
  switch (unit) {
    case PlotUnit::seconds:
      // Two digits after the point under ten seconds: means of many runs differ by less than a tenth.
      if (std::fabs(value) >= 1 && std::fabs(value) < 10) return printed("%.*f", 2, value) + " s";
      if (std::fabs(value) > 1e9) break;
      return seconds_text(value);
    case PlotUnit::usd:
      if (std::fabs(value) > 1e6) break;
      return format_usd(std::llround(value * 1e12));
    case PlotUnit::share:
      return ratio_text(value);
    case PlotUnit::number:
    case PlotUnit::count:
      break;
  }
  return short_number(value);
}

std::string plot_title(const Plot& plot) {
  return plot.field + (plot.by.empty() ? "" : " by " + plot.by) + ", " + counted(plot.runs, "run", "runs");
}

std::vector<std::string> plot_notes(const Plot& plot) {
  std::vector<std::string> notes;
  if (plot.more > 0) {
    notes.push_back("+" + count_text(plot.more) + " more with " + counted(plot.more_runs, "run", "runs") +
                    ": shown are the largest");
  }
  const std::string of = "n " + count_text(plot.n) + (plot.n == plot.runs ? "" : " of " + count_text(plot.runs));
  if (plot.form == Plot::Form::counts) {
    if (plot.n < plot.runs) notes.push_back(of);
    if (plot.all.n > 0) {
      notes.push_back("right: " + plot_number(plot.all.value, PlotUnit::share) +
                      interval_words(plot.all.low, plot.all.high, PlotUnit::share) + " of " + count_text(plot.all.n) +
                      " scored");
    }
  } else if (plot.share) {
    notes.push_back("all: " + plot_number(plot.all.value, PlotUnit::share) +
                    interval_words(plot.all.low, plot.all.high, PlotUnit::share) + ", " + of);
  } else {
    notes.push_back(of + "; median " + plot_number(plot.spread.median, plot.unit) + ", mean " +
                    plot_number(plot.all.value, plot.unit) + interval_words(plot.all.low, plot.all.high, plot.unit) +
                    ", from " + plot_number(plot.spread.least, plot.unit) + " to " +
                    plot_number(plot.spread.most, plot.unit));
  }
  if (plot.missing.sum() > 0) {
    notes.push_back("without " + plot.field + ": " + joined(missing_words(plot.missing, "one"), ", "));
  }
  if (plot.missing_by.sum() > 0) {
    notes.push_back("not shown, without " + plot.by + ": " + joined(missing_words(plot.missing_by, "one"), ", "));
  }
  return notes;
}

std::string plot_description(const Plot& plot) {
  std::string text = plot_title(plot) + ". ";
  std::vector<std::string> marks;
  for (const PlotMark& mark : plot.marks) {
    const bool counts = plot.form != Plot::Form::groups;
    marks.push_back(mark.label + ": " +
                    (counts ? counted(mark.runs, "run", "runs")
                            : plot_number(mark.value, plot.unit) + interval_words(mark.low, mark.high, plot.unit) +
                                  ", n " + count_text(mark.n)));
  }
  text += joined(marks, "; ") + ".";
  for (const std::string& note : plot_notes(plot)) text += " " + note + ".";
  return text;
}

Json plot_json(const Plot& plot) {
  Json json = Json::object({{"field", plot.field}, {"by", plot.by.empty() ? Json() : Json(plot.by)}});
  const bool counts = plot.form != Plot::Form::groups;
  json["form"] = plot.form == Plot::Form::counts ? "counts" : plot.form == Plot::Form::bins ? "histogram" : "groups";
  json["runs"] = plot.runs;
  json["n"] = plot.n;
  json["missing"] = missing_json(plot.missing);
  if (!plot.by.empty()) json["without_by"] = missing_json(plot.missing_by);
  const auto spread_into = [](Json& into, const ValueSpread& spread) {
    for (const auto& [name, value] :
         {std::pair("min", spread.least), std::pair("p5", spread.p5), std::pair("q1", spread.q1),
          std::pair("median", spread.median), std::pair("q3", spread.q3), std::pair("p95", spread.p95),
          std::pair("max", spread.most)}) {
      into[name] = or_null(value);
    }
  };
  if (plot.form != Plot::Form::counts) {
    Json all = Json::object(
        {{"value", or_null(plot.all.value)}, {"low", or_null(plot.all.low)}, {"high", or_null(plot.all.high)}});
    if (!plot.share) spread_into(all, plot.spread);
    json["all"] = std::move(all);
    json["interval"] = plot.method + ", 95 %";
  }
  Json marks = Json::array();
  for (const PlotMark& mark : plot.marks) {
    Json one = Json::object({{"group", mark.label}});
    if (!std::isnan(mark.from)) {
      one["from"] = mark.from;
      one["to"] = or_null(mark.to);
    }
    one["runs"] = mark.runs;
    if (!counts) {
      one["n"] = mark.n;
      one["value"] = or_null(mark.value);
      one["low"] = or_null(mark.low);
      one["high"] = or_null(mark.high);
      if (!plot.share) spread_into(one, mark.spread);
    }
    marks.push_back(std::move(one));
  }
  json["groups"] = std::move(marks);
  json["more_groups"] = plot.more;
  json["more_runs"] = plot.more_runs;
  return json;
}

}  // namespace assay
