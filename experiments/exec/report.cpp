#include "experiments/exec/report.hpp"

#include <cmath>

#include "core/statistics/proportion.hpp"
#include "core/statistics/score_line.hpp"

namespace assay {
namespace {

struct Sum {
  std::uint64_t n = 0;
  double sum = 0;
};

Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

}  // namespace

Report exec_report(const BatchView& batch) {
  std::uint64_t n = 0, complete = 0, failed = 0, scored = 0, correct = 0;
  std::vector<std::pair<std::string, Sum>> metrics;  // in the order of their first appearance
  batch.each(false, [&](const RunView& run) {
    ++n;
    if (run.status == Status::fail) ++failed;
    if (run.status != Status::complete) return;
    ++complete;
    if (run.score.verdict != Verdict::none) ++scored;
    if (run.score.verdict == Verdict::correct) ++correct;
    for (const auto& [name, value] : run.score.metrics) {
      if (std::isnan(value)) continue;
      auto found = metrics.begin();
      while (found != metrics.end() && found->first != name) ++found;
      if (found == metrics.end()) found = metrics.insert(found, {name, {}});
      ++found->second.n;
      found->second.sum += value;
    }
  });
  const Figure accuracy = wilson(correct, scored);
  const Bounds limits = bounds(static_cast<double>(correct), scored, n - scored);

  Report report;
  Json means = Json::object();
  ReportTable table{"", {{"metric"}, {"runs", ReportTable::Form::count}, {"mean", ReportTable::Form::number}}, {}};
  for (const auto& [name, sum] : metrics) {
    const double mean = sum.sum / static_cast<double>(sum.n);
    means[name] = Json::object({{"n", sum.n}, {"mean", mean}});
    table.rows.push_back({name, sum.n, mean});
  }
  report.figures = {{"n", n},
                    {"complete", complete},
                    {"failed", failed},
                    {"not_run", n - complete - failed},
                    {"scored", scored},
                    {"unscored", complete - scored},
                    {"correct", correct},
                    {"accuracy", number(accuracy.value)},
                    {"ci95", scored == 0 ? Json() : Json::array({accuracy.low, accuracy.high})},
                    {"bounds", n == 0 ? Json() : Json::array({limits.worst, limits.best})},
                    {"metrics", std::move(means)}};
  const BatchInfo& info = batch.info();
  report.heading(1, "exec: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  report.text("accuracy " + score_line(accuracy, n, limits));
  if (!table.rows.empty()) report.table(std::move(table));
  report.text("the accuracy leaves out " + std::to_string(failed) + " failed, " +
              std::to_string(n - complete - failed) + " not run, " + std::to_string(complete - scored) + " unscored");
  return report;
}

}  // namespace assay
