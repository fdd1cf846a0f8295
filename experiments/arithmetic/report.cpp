#include "experiments/arithmetic/report.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/proportion.hpp"
#include "core/statistics/score_line.hpp"

namespace assay {
namespace {

bool is_unparsed(const RunView& run) {
  return std::any_of(run.score.metrics.begin(), run.score.metrics.end(),
                     [](const auto& metric) { return metric.first == "unparsed" && metric.second == 1; });
}

Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

}  // namespace

Report arithmetic_report(const BatchView& batch) {
  std::uint64_t n = 0, scored = 0, correct = 0, unparsed = 0, failed = 0, not_run = 0, unscored = 0;
  batch.each(false, [&](const RunView& run) {
    ++n;
    if (run.status == Status::fail) {
      ++failed;
    } else if (run.status != Status::complete) {
      ++not_run;
    } else if (run.score.verdict == Verdict::none) {
      ++unscored;
    } else {
      ++scored;
      if (run.score.verdict == Verdict::correct) ++correct;
      if (is_unparsed(run)) ++unparsed;
    }
  });
  const Figure accuracy = wilson(correct, scored);
  const Bounds limits = bounds(static_cast<double>(correct), scored - unparsed, n - scored + unparsed);

  Report report;
  report.figures = {{"n", n},
                    {"scored", scored},
                    {"correct", correct},
                    {"accuracy", number(accuracy.value)},
                    {"ci95", scored == 0 ? Json() : Json::array({accuracy.low, accuracy.high})},
                    {"bounds", n == 0 ? Json() : Json::array({limits.worst, limits.best})},
                    {"unparsed", unparsed},
                    {"failed", failed},
                    {"not_run", not_run},
                    {"unscored", unscored}};
  using Form = ReportTable::Form;
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
  table.rows.push_back({n, scored, correct, number(accuracy.value), number(accuracy.low), number(accuracy.high),
                        number(limits.worst), number(limits.best)});
  const BatchInfo& info = batch.info();
  report.heading(1, "arithmetic: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  report.text(scored == 0 ? no_score_line(failed, not_run, unscored) : "accuracy " + score_line(accuracy, n, limits));
  report.table(std::move(table));
  if (scored == 0) return report;
  report.text("the accuracy leaves out " + std::to_string(failed) + " failed, " + std::to_string(not_run) +
              " not run, " + std::to_string(unscored) + " unscored; in it, " + std::to_string(unparsed) +
              " replies without a number count as wrong");
  return report;
}

}  // namespace assay
