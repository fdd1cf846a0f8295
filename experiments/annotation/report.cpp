#include "experiments/annotation/report.hpp"

#include <algorithm>

#include "core/text/words.hpp"
#include "experiments/annotation/report_figures.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

/// More rows than these are in --json only.
constexpr std::size_t kMostRows = 50;
constexpr const char* kAlphas[] = {"nominal", "ordinal", "interval"};

Json element(const Json& pair, std::size_t index) { return pair.is_array() ? pair[index] : Json(); }

std::string counted_json(const Json& n, const char* one, const char* many) {
  return counted(n.get<std::uint64_t>(), one, many);
}

void add_heading(Report& report, const BatchInfo& info) {
  const Json& runs = report.figures["runs"];
  report.heading(1, "annotation: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  std::string text = counted_json(runs["total"], "run", "runs") +
                     " (one annotator on one discussion): " + dump_json(runs["complete"]) + " COMPLETE";
  const auto add = [&](const char* key, const char* status) {
    if (runs[key] != 0) text += ", " + dump_json(runs[key]) + " " + status;
  };
  add("fail", "FAIL");
  add("incomplete", "INCOMPLETE");
  add("ready", "READY");
  if (runs["complete"] != runs["total"] && runs["complete"] != 0)
    text += "; what is not COMPLETE is left out of all figures below";
  report.text(text);
}

void add_overview(Report& report) {
  const Json& f = report.figures;
  ReportTable table{"",
                    {{"discussions", Form::count},
                     {"annotators", Form::count},
                     {"files", Form::count},
                     {"comments", Form::count},
                     {"annotations", Form::count},
                     {"missing", Form::count},
                     {"malformed", Form::count},
                     {"out of scale", Form::count}},
                    {}};
  table.rows.push_back({f["discussions"], f["annotators"], f["files"], f["comments"], f["annotations"], f["missing"],
                        f["malformed"], f["out_of_scale"]});
  report.table(std::move(table));
  if (f["without_discussion"] != 0) {
    report.text(counted_json(f["without_discussion"], "file", "files") +
                " without discussion in this experiment: their comments are told apart by position; `load discussion` "
                "brings the discussions");
  }
  if (f["unjoined"] != 0) {
    report.text(counted_json(f["unjoined"], "file", "files") +
                " left out: neither all comments of their discussion nor all but the moderator's are theirs");
  }
  if (!f["rare_keys"].empty()) {
    ReportTable rare{"keys in fewer than 5 % of the annotations: not analysed",
                     {{"key", Form::text}, {"annotations", Form::count}},
                     {}};
    for (const auto& [key, n] : f["rare_keys"].items()) {
      if (rare.rows.size() == kMostRows) break;
      rare.rows.push_back({key, n});
    }
    report.table(std::move(rare));
  }
}

void add_values(Report& report) {
  const Json& keys = report.figures["keys"];
  ReportTable table{"values",
                    {{"key", Form::text},
                     {"values", Form::count},
                     {"missing", Form::count},
                     {"mean", Form::number},
                     {"low", Form::number},
                     {"high", Form::number},
                     {"nDFU", Form::number},
                     {"comments above 0", Form::count},
                     {"nDFU (SynDisco)", Form::number}},
                    {}};
  std::vector<std::pair<double, std::string>> found;
  for (const auto& [key, f] : keys.items()) {
    const Json& ndfu = f["ndfu"];
    table.rows.push_back({key, f["values"], f["missing"], f["mean"], element(f["ci95"]["mean"], 0),
                          element(f["ci95"]["mean"], 1), ndfu["fixed"], ndfu["comments_above_0"], ndfu["legacy"]});
    for (const auto& [value, n] : f["distribution"].items())
      found.emplace_back(std::strtod(value.c_str(), nullptr), value);
  }
  report.table(std::move(table));
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  ReportTable counts{"how often each value was given", {{"key", Form::text}}, {}};
  ReportChart chart{"distribution of the values", "key", Form::ratio, true, {}};
  constexpr std::size_t kMostValues = 12;
  if (found.empty() || found.size() > kMostValues) return;  // no scale of a few steps
  for (const auto& [number, value] : found) {
    counts.columns.push_back({value, Form::count});
    chart.series.push_back({value, {}});
  }
  for (const auto& [key, f] : keys.items()) {
    std::vector<Json> row{key};
    const auto all = f["values"].get<double>();
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Json& counted_values = f["distribution"];
      const auto n = counted_values.value(found[i].second, std::uint64_t{0});
      row.push_back(n);
      chart.series[i].points.push_back({key, all > 0 ? static_cast<double>(n) / all : 0});
    }
    counts.rows.push_back(std::move(row));
  }
  report.table(std::move(counts));
  report.chart(std::move(chart));
}

void add_agreement(Report& report) {
  ReportTable alphas{
      "Krippendorff's alpha, 95 % bootstrap intervals", {{"key", Form::text}, {"comments", Form::count}}, {}};
  ReportTable others{"other agreement",
                     {{"key", Form::text},
                      {"Fleiss' kappa", Form::number},
                      {"complete comments", Form::count},
                      {"Cohen's kappa", Form::number},
                      {"linear", Form::number},
                      {"quadratic", Form::number},
                      {"pairs", Form::count},
                      {"percent agreement", Form::ratio}},
                     {}};
  for (const char* metric : kAlphas) {
    alphas.columns.push_back({metric, Form::number});
    alphas.columns.push_back({"low", Form::number});
    alphas.columns.push_back({"high", Form::number});
  }
  ReportChart chart{"Krippendorff's alpha", "key", Form::number, false, {}};
  for (const char* metric : kAlphas) chart.series.push_back({metric, {}});
  std::vector<std::string> undefined;
  for (const auto& [key, f] : report.figures["keys"].items()) {
    std::vector<Json> row{key, f["units"]};
    for (std::size_t i = 0; i < std::size(kAlphas); ++i) {
      const Json &alpha = f["alpha"][kAlphas[i]], &ci = f["ci95"][kAlphas[i]];
      row.insert(row.end(), {alpha, element(ci, 0), element(ci, 1)});
      if (!alpha.is_number()) continue;
      ReportChart::Point point{key, alpha.get<double>()};
      if (ci.is_array()) {
        point.low = ci[0].get<double>();
        point.high = ci[1].get<double>();
      }
      chart.series[i].points.push_back(point);
    }
    alphas.rows.push_back(std::move(row));
    const Json& cohen = f["cohen"];
    others.rows.push_back({key, f["fleiss"], f["units_complete"], cohen["unweighted"], cohen["linear"],
                           cohen["quadratic"], cohen["pairs"], f["percent_agreement"]});
    if (f["why"].is_string()) undefined.push_back(key + ": " + f["why"].get<std::string>());
  }
  report.table(std::move(alphas));
  for (const std::string& line : undefined) report.text("alpha is not defined for " + line);
  report.table(std::move(others));
  if (!chart.series[0].points.empty()) report.chart(std::move(chart));
}

void add_discussions(Report& report) {
  if (report.figures["discussions"].get<std::size_t>() < 2) return;
  report.heading(2, "by discussion");
  for (const auto& [key, f] : report.figures["keys"].items()) {
    const Json& discussions = f["per_discussion"];
    ReportTable table{key,
                      {{"discussion", Form::text},
                       {"values", Form::count},
                       {"mean", Form::number},
                       {"alpha nominal", Form::number},
                       {"ordinal", Form::number},
                       {"low", Form::number},
                       {"high", Form::number},
                       {"interval", Form::number},
                       {"Fleiss", Form::number},
                       {"percent", Form::ratio},
                       {"nDFU", Form::number}},
                      {}};
    for (const auto& [name, d] : discussions.items()) {
      if (table.rows.size() == kMostRows) break;
      const Json &alpha = d["alpha"], &ci = d["ci95"]["ordinal"];
      table.rows.push_back({name, d["values"], d["mean"], alpha["nominal"], alpha["ordinal"], element(ci, 0),
                            element(ci, 1), alpha["interval"], d["fleiss"], d["percent_agreement"],
                            d["ndfu"]["fixed"]});
    }
    if (discussions.size() > kMostRows) {
      table.title += ", the first " + std::to_string(kMostRows) + " of " + std::to_string(discussions.size()) +
                     " (--json has all)";
    }
    report.table(std::move(table));
  }
}

}  // namespace

Report annotation_report(const BatchView& batch) {
  Report report;
  AnnotationFigures made = annotation_figures(batch);
  report.figures = std::move(made.figures);
  add_heading(report, batch.info());
  const Json& f = report.figures;
  if (!made.estimate.empty()) report.text((f["runs"]["complete"] == 0 ? "" : "what is left: ") + made.estimate);
  if (f["runs"]["complete"] == 0) return report;
  add_overview(report);
  if (f["keys"].empty()) {
    report.text("no KEY=NUMBER pair was found in any annotation: `evaluate parse=REGEX` reads them by another pattern");
    return report;
  }
  report.heading(2, "agreement, all discussions together");
  add_agreement(report);
  add_values(report);
  add_discussions(report);
  return report;
}

}  // namespace assay
