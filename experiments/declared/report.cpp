#include "experiments/declared/report.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/proportion.hpp"
#include "core/text/utf8.hpp"
#include "experiments/declared/parameters.hpp"
#include "experiments/declared/runner.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

constexpr std::size_t kMostAnswers = 1000, kShownAnswers = 12, kAnswerWidth = 60;

Json value_or_null(double value) { return std::isnan(value) ? Json() : Json(value); }

struct Values {
  std::vector<double> all;
};

struct StepCount {
  std::uint64_t asked = 0, skipped = 0;
};

class Collector {
 public:
  Collector(const BatchView& batch, const Study& study)
      : study_(study), own_(own_values(study, batch.info().params.is_object() ? batch.info().params : Json::object())) {
    batch.each(true, [&](const RunView& run) { add(run); });
  }

  Json figures() const;

 private:
  void add(const RunView& run);
  Json answer_figures() const;
  Json metric_figures() const;

  const Study& study_;
  const Json own_;
  QaTally all_;
  Ordered<std::uint32_t> items_;
  std::vector<Ordered<QaTally>> groups_;
  Ordered<std::uint64_t> answers_;
  std::uint64_t answered_ = 0, other_answers_ = 0;
  Ordered<Values> metrics_;
  Ordered<StepCount> steps_;
  UsageSum usage_;
};

void Collector::add(const RunView& view) {
  Run run;
  run.id = view.run_id;
  run.data = view.data.is_object() ? view.data : Json::object();
  NoRandom random;
  const bool gold = study_.score.can_score(study_variables(study_, own_, run), random);
  const std::string id = item_id(run.data, view.run_id);
  items_[id];
  const auto item = static_cast<std::uint32_t>(items_.position(id));
  all_.add(view, gold, item);
  groups_.resize(study_.by.size());
  for (std::size_t i = 0; i < study_.by.size(); ++i) {
    const auto value = run.data.find(study_.by[i]);
    const bool text = value != run.data.end() && value->is_string();
    groups_[i][value == run.data.end() ? ""
               : text                  ? value->get<std::string>()
                                       : dump_json(*value)]
        .add(view, gold, item);
  }
  usage_ += view.usage;
  if (view.status != Status::complete) return;
  if (view.answer.is_object() && view.answer.contains("value") && view.answer["value"].is_string()) {
    ++answered_;
    const std::string shown = truncate_to_width(view.answer["value"].get<std::string>(), kAnswerWidth);
    const bool known = std::any_of(answers_.entries().begin(), answers_.entries().end(),
                                   [&](const auto& one) { return one.first == shown; });
    if (known || answers_.entries().size() < kMostAnswers) {
      ++answers_[shown];
    } else {
      ++other_answers_;
    }
  }
  for (const StudyMetric& metric : study_.metrics) {
    double value = std::nan("");
    for (const auto& [name, figure] : view.score.metrics) {
      if (name == metric.name) value = figure;
    }
    metrics_[metric.name].all.push_back(value);
  }
  for (const StudyStep& step : study_.steps) {
    const bool asked = std::any_of(view.context.begin(), view.context.end(), [&](const ContextMessage& message) {
      return step_of_message(message) == step.name;
    });
    ++(asked ? steps_[step.name].asked : steps_[step.name].skipped);
  }
}

Json Collector::answer_figures() const {
  auto entries = answers_.entries();
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  Json list = Json::array();
  for (const auto& [answer, n] : entries) {
    const Figure share = wilson(n, answered_);
    list.push_back({{"answer", answer}, {"n", n}, {"share", share.value}, {"ci95", low_high(share)}});
  }
  return list;
}

Json Collector::metric_figures() const {
  Json list = Json::array();
  for (const auto& [name, values] : metrics_.entries()) {
    std::vector<double> there;
    std::copy_if(values.all.begin(), values.all.end(), std::back_inserter(there),
                 [](double v) { return !std::isnan(v); });
    const Figure mean = student_t(there);
    const auto ends = std::minmax_element(there.begin(), there.end());
    list.push_back({{"metric", name},
                    {"n", there.size()},
                    {"missing", values.all.size() - there.size()},
                    {"mean", value_or_null(mean.value)},
                    {"ci95", low_high(mean)},
                    {"least", there.empty() ? Json() : Json(*ends.first)},
                    {"most", there.empty() ? Json() : Json(*ends.second)}});
  }
  return list;
}

Json Collector::figures() const {
  Json f = tally_figures(all_);
  for (std::size_t i = 0; i < groups_.size(); ++i) f["by"][study_.by[i]] = category_figures(groups_[i]);
  f["answered"] = answered_;
  f["answers"] = answer_figures();
  f["other_answers"] = other_answers_;
  f["metrics"] = metric_figures();
  f["steps"] = Json::array();
  for (const auto& [name, count] : steps_.entries()) {
    f["steps"].push_back({{"step", name}, {"asked", count.asked}, {"skipped", count.skipped}});
  }
  f["tokens_in"] = usage_.in;
  f["tokens_out"] = usage_.out;
  f["cost_usd"] = to_usd(usage_.cost);
  return f;
}

void add_answers(Report& report) {
  const Json& answers = report.figures["answers"];
  if (answers.empty()) return;
  ReportTable table{
      "answers",
      {{"answer", Form::text}, {"n", Form::count}, {"share", Form::ratio}, {"low", Form::ratio}, {"high", Form::ratio}},
      {}};
  for (const Json& one : answers) {
    table.rows.push_back({one["answer"], one["n"], one["share"], element(one["ci95"], 0), element(one["ci95"], 1)});
  }
  table.shown = kShownAnswers;
  report.table(std::move(table));
}

void add_metrics(Report& report) {
  const Json& metrics = report.figures["metrics"];
  if (metrics.empty()) return;
  ReportTable table{"metrics",
                    {{"metric", Form::text},
                     {"n", Form::count},
                     {"missing", Form::count},
                     {"mean", Form::number},
                     {"low", Form::number},
                     {"high", Form::number},
                     {"least", Form::number},
                     {"most", Form::number}},
                    {}};
  for (const Json& one : metrics) {
    table.rows.push_back({one["metric"], one["n"], one["missing"], one["mean"], element(one["ci95"], 0),
                          element(one["ci95"], 1), one["least"], one["most"]});
  }
  report.table(std::move(table));
}

void add_steps(Report& report) {
  const Json& steps = report.figures["steps"];
  const bool some_skipped =
      std::any_of(steps.begin(), steps.end(), [](const Json& one) { return one["skipped"] != 0; });
  if (!some_skipped) return;
  ReportTable table{"steps", {{"step", Form::text}, {"asked", Form::count}, {"not asked", Form::count}}, {}};
  for (const Json& one : steps) table.rows.push_back({one["step"], one["asked"], one["skipped"]});
  report.table(std::move(table));
}

}  // namespace

Report declared_report(const BatchView& batch, const Study& study) {
  Report report;
  report.figures = Collector(batch, study).figures();
  const BatchInfo& info = batch.info();
  report.heading(1, "declared: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  if (!study.description.empty()) report.text(study.description);
  if (study.score.scores()) {
    report.text(accuracy_line(report.figures));
    report.table(overview_table(report.figures));
    for (const std::string& column : study.by) {
      report.table(category_table(report.figures["by"][column], "by " + column, column));
    }
  } else {
    report.text(counted_figure(report, "n") + " runs: " + counted_figure(report, "answered") + " answered, " +
                counted_figure(report, "unextracted") + " without an answer, " + counted_figure(report, "failed") +
                " failed, " + counted_figure(report, "not_run") + " not run; the file says no way to score");
  }
  add_answers(report);
  add_metrics(report);
  add_steps(report);
  report.text(counted_figure(report, "tokens_in") + " tokens in, " + counted_figure(report, "tokens_out") + " out");
  if (study.score.scores()) add_left_out(report, "replies in which nothing was found");
  return report;
}

}  // namespace assay
