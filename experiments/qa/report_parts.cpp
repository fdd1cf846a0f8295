#include "experiments/qa/report_parts.hpp"

#include <array>
#include <cmath>

#include "core/statistics/proportion.hpp"
#include "core/statistics/score_line.hpp"
#include "core/text/duration.hpp"

namespace assay {

using Form = ReportTable::Form;

Json low_high(const Figure& figure) {
  if (std::isnan(figure.low) || std::isnan(figure.high)) return nullptr;
  return Json::array({figure.low, figure.high});
}

Json element(const Json& pair, std::size_t index) { return pair.is_array() ? pair[index] : Json(); }

Json tally_figures(const QaTally& tally) {
  Json figures = {{"n", tally.n},
                  {"scored", tally.scored},
                  {"correct", tally.correct},
                  {"accuracy", tally.accuracy()},
                  {"ci95", tally.interval()},
                  {"unextracted", tally.unextracted},
                  {"unextracted_scored", tally.unextracted_scored},
                  {"failed", tally.failed},
                  {"not_run", tally.not_run},
                  {"unscored", tally.unscored},
                  {"bounds", tally.bounds()}};
  if (tally.unreadable > 0) figures["unreadable"] = tally.unreadable;
  return figures;
}

ReportTable overview_table(const Json& f) {
  ReportTable table{"",
                    {{"runs", Form::count},
                     {"scored", Form::count},
                     {"correct", Form::count},
                     {"accuracy", Form::ratio},
                     {"low", Form::ratio},
                     {"high", Form::ratio},
                     {"worst", Form::ratio},
                     {"best", Form::ratio}},
                    {}};
  table.rows.push_back({f["n"], f["scored"], f["correct"], f["accuracy"], element(f["ci95"], 0), element(f["ci95"], 1),
                        element(f["bounds"], 0), element(f["bounds"], 1)});
  return table;
}

std::string accuracy_line(const Json& f) {
  if (f["scored"] == 0) {
    const auto of = [&](const char* name) { return f[name].get<std::uint64_t>(); };
    return no_score_line(of("failed"), of("not_run"), of("unscored"));
  }
  const auto number = [](const Json& value) { return value.is_number() ? value.get<double>() : kUndefined; };
  Figure figure;
  figure.value = number(f["accuracy"]);
  figure.low = number(element(f["ci95"], 0));
  figure.high = number(element(f["ci95"], 1));
  figure.n = f["scored"].get<std::size_t>();
  figure.why = figure.n == 0 ? Why::empty : std::isnan(figure.low) ? Why::single : Why::ok;
  return "accuracy " + score_line(figure, f["n"].get<std::uint64_t>(),
                                  {number(element(f["bounds"], 0)), number(element(f["bounds"], 1))});
}

Json category_figures(const Ordered<QaTally>& categories) {
  Json list = Json::array();
  for (const auto& [name, tally] : categories.entries()) {
    list.push_back({{"category", name},
                    {"n", tally.n},
                    {"scored", tally.scored},
                    {"correct", tally.correct},
                    {"accuracy", tally.accuracy()},
                    {"ci95", tally.interval()},
                    {"unextracted", tally.unextracted},
                    {"bounds", tally.bounds()}});
  }
  return list;
}

ReportTable category_table(const Json& figures, const std::string& title, const std::string& column) {
  ReportTable table{title,
                    {{column, Form::text},
                     {"n", Form::count},
                     {"scored", Form::count},
                     {"correct", Form::count},
                     {"accuracy", Form::ratio},
                     {"low", Form::ratio},
                     {"high", Form::ratio},
                     {"unextracted", Form::count},
                     {"worst", Form::ratio},
                     {"best", Form::ratio}},
                    {}};
  for (const Json& c : figures) {
    table.rows.push_back({c["category"], c["n"], c["scored"], c["correct"], c["accuracy"], element(c["ci95"], 0),
                          element(c["ci95"], 1), c["unextracted"], element(c["bounds"], 0), element(c["bounds"], 1)});
  }
  return table;
}

void add_categories(Report& report) {
  if (report.figures["categories"].size() < 2) return;
  report.table(category_table(report.figures["categories"], "by category", "category"));
}

std::string percent(const Json& ratio) {
  if (!ratio.is_number()) return "-";
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.1f %%", ratio.get<double>() * 100);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string counted_figure(const Report& report, const char* name) {
  return format_count(report.figures.at(name).get<std::int64_t>());
}

void add_left_out(Report& report, const char* unextracted) {
  if (report.figures["scored"] == 0) return;  // the first line says what there is instead
  const Json& bounds = report.figures["bounds"];
  report.text("the accuracy leaves out " + counted_figure(report, "failed") + " failed, " +
              counted_figure(report, "not_run") + " not run, " + counted_figure(report, "unscored") +
              " unscored; in it, " + counted_figure(report, "unextracted_scored") + " " + unextracted +
              " count as wrong; with all of these it lies between " + percent(element(bounds, 0)) + " and " +
              percent(element(bounds, 1)));
}

}  // namespace assay
