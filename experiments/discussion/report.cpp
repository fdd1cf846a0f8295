#include "experiments/discussion/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/report_figures.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

/// More rows or lines than these are in --json only.
constexpr std::size_t kMostRows = 50, kMostUsers = 12;

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

Json element(const Json& pair, std::size_t index) { return pair.is_array() ? pair[index] : Json(); }

std::string counted_runs(const Json& runs) {
  std::string text = counted(runs["total"].get<std::uint64_t>(), "discussion", "discussions") + ": " +
                     dump_json(runs["complete"]) + " COMPLETE";
  const auto add = [&](const char* key, const char* status) {
    if (runs[key] != 0) text += ", " + dump_json(runs[key]) + " " + status;
  };
  add("fail", "FAIL");
  add("incomplete", "INCOMPLETE");
  add("ready", "READY");
  if (runs["complete"] != runs["total"] && runs["complete"] != 0)
    text += "; what is not COMPLETE is left out of all figures below";
  return text;
}

void add_design(Report& report) {
  const Json& design = report.figures["design"];
  ReportTable table{"design", {{"", Form::text}, {"", Form::text}}, {}};
  for (const auto& [key, value] : design.items()) {
    if (!value.is_null()) table.rows.push_back({key, text_of(value)});
  }
  if (!table.rows.empty()) report.table(std::move(table));
}

void add_overview(Report& report) {
  const Json& f = report.figures;
  const Json &p = f["participation"], &text = f["text"], &turns = f["turns"];
  ReportTable table{"",
                    {{"turns", Form::count},
                     {"silent", Form::count},
                     {"participation", Form::ratio},
                     {"moderator calls", Form::count},
                     {"silent", Form::count},
                     {"intervention", Form::ratio},
                     {"evenness", Form::number},
                     {"comments", Form::count},
                     {"words", Form::number},
                     {"diversity", Form::number},
                     {"sd", Form::number}},
                    {}};
  table.rows.push_back({p["user_turns"], p["user_silent"], p["participation"], p["moderator_calls"],
                        p["moderator_silent"], p["intervention"], p["evenness"], text["comments"], text["words"],
                        text["diversity"], text["diversity_sd"]});
  report.table(std::move(table));

  ReportTable order{
      "who speaks again",
      {{"", Form::text}, {"n", Form::count}, {"of", Form::count}, {"rate", Form::ratio}, {"expected", Form::ratio}},
      {}};
  const Json &previous = turns["same_previous"], &before = turns["same_two_before"];
  order.rows.push_back({"the same as one turn before", previous["n"], previous["of"], previous["rate"], nullptr});
  order.rows.push_back({"the same as two turns before", before["n"], before["of"], before["rate"], before["expected"]});
  report.table(std::move(order));

  if (!f["stops"].empty()) {
    ReportTable stops{"how they ended", {{"reason", Form::text}, {"discussions", Form::count}}, {}};
    for (const auto& [reason, n] : f["stops"].items()) stops.rows.push_back({reason, n});
    report.table(std::move(stops));
  }
}

void add_cost(Report& report) {
  const Json& cost = report.figures["cost"];
  if (cost["calls"] == 0) return;
  ReportTable table{"what it took",
                    {{"calls", Form::count},
                     {"tokens in", Form::count},
                     {"tokens out", Form::count},
                     {"cost", Form::usd},
                     {"per discussion", Form::usd}},
                    {}};
  table.rows.push_back(
      {cost["calls"], cost["input_tokens"], cost["output_tokens"], cost["usd"], cost["per_discussion_usd"]});
  report.table(std::move(table));
}

void add_variants(Report& report) {
  const Json& variants = report.figures["variants"];
  if (variants.size() < 2) return;
  ReportTable table{report.figures.contains("grid") ? "cells of the grid" : "by folder",
                    {{"", Form::text},
                     {"complete", Form::count},
                     {"of", Form::count},
                     {"turns", Form::count},
                     {"participation", Form::ratio},
                     {"intervention", Form::ratio},
                     {"evenness", Form::number},
                     {"words", Form::number},
                     {"diversity", Form::number},
                     {"two before", Form::ratio},
                     {"expected", Form::ratio}},
                    {}};
  for (const auto& [name, f] : variants.items()) {
    const Json &p = f["participation"], &before = f["turns"]["same_two_before"];
    table.rows.push_back({name, f["runs"]["complete"], f["runs"]["total"], p["user_turns"], p["participation"],
                          p["intervention"], p["evenness"], f["text"]["words"], f["text"]["diversity"], before["rate"],
                          before["expected"]});
  }
  report.table(std::move(table));
}

void add_grid_tables(Report& report) {
  if (!report.figures.contains("grid")) return;
  const Json& cells = report.figures["grid"]["cells"];
  const bool any = std::any_of(cells.begin(), cells.end(), [](const Json& cell) { return cell["complete"] != 0; });
  if (cells.size() < 2 || !any) return;
  report.heading(2, "cells compared");
  report.text("mean of each COMPLETE discussion's figure with its 95 % bootstrap interval; differences to " +
              text_of(cells[0]["cell"]) +
              " are of the discussions with the same id (Student's t; p by permutation, "
              "Holm's for the number of comparisons)");
  for (const RowMetric& metric : row_metrics()) {
    const std::string name(metric.name);
    ReportTable table{name,
                      {{"cell", Form::text},
                       {"n", Form::count},
                       {"mean", metric.form},
                       {"low", metric.form},
                       {"high", metric.form},
                       {"pairs", Form::count},
                       {"difference", metric.form},
                       {"low", metric.form},
                       {"high", metric.form},
                       {"p", Form::number},
                       {"p (Holm)", Form::number}},
                      {}};
    ReportChart chart{name + " by cell", "cell", metric.form, false, {{name, {}}}};
    for (const Json& cell : cells) {
      const Json &m = cell["metrics"][name], &all = cell["differences"];
      const Json d = all.contains(name) ? all[name] : Json::object();
      const auto of = [&](const char* key) { return d.contains(key) ? d[key] : Json(); };
      table.rows.push_back({cell["cell"], m["n"], m["mean"], element(m["ci95"], 0), element(m["ci95"], 1), of("n"),
                            of("mean"), element(of("ci95"), 0), element(of("ci95"), 1), of("p"), of("p_holm")});
      if (!m["mean"].is_number()) continue;
      ReportChart::Point point{text_of(cell["cell"]), m["mean"].get<double>()};
      if (m["ci95"].is_array()) {
        point.low = m["ci95"][0].get<double>();
        point.high = m["ci95"][1].get<double>();
      }
      chart.series[0].points.push_back(point);
    }
    if (chart.series[0].points.empty()) continue;
    report.table(std::move(table));
    const auto& points = chart.series[0].points;
    const bool differ =
        std::any_of(points.begin(), points.end(), [&](const auto& point) { return point.value != points[0].value; });
    if (differ) report.chart(std::move(chart));
  }
}

void add_fork_tables(Report& report) {
  if (!report.figures.contains("forks")) return;
  const Json& forks = report.figures["forks"];
  std::string parents, steps;
  for (const Json& parent : forks["parents"]) parents += (parents.empty() ? "" : ", ") + text_of(parent);
  for (const Json& step : forks["steps"]) steps += (steps.empty() ? "" : ", ") + dump_json(step);
  report.heading(2, "forks and the discussions they come from");
  std::string line = "forked after turn " + steps + (parents.empty() ? "" : " of " + parents) + ": " +
                     counted(forks["pairs"].get<std::uint64_t>(), "pair", "pairs");
  if (forks["unpaired"] != 0) line += ", " + dump_json(forks["unpaired"]) + " without (one of the two is not COMPLETE)";
  report.text(line + "; the turns that a pair shares count in both");
  if (forks["pairs"] == 0) return;
  ReportTable table{"fork against parent, pair by pair",
                    {{"figure", Form::text},
                     {"pairs", Form::count},
                     {"parent", Form::number},
                     {"fork", Form::number},
                     {"difference", Form::number},
                     {"low", Form::number},
                     {"high", Form::number},
                     {"p", Form::number},
                     {"p (Holm)", Form::number}},
                    {}};
  for (const auto& [name, m] : forks["metrics"].items()) {
    if (m["n"] == 0) continue;
    table.rows.push_back({name, m["n"], m["parent"], m["fork"], m["difference"], element(m["ci95"], 0),
                          element(m["ci95"], 1), m["p"], m["p_holm"]});
  }
  report.table(std::move(table));
}

/// Who spoke how often, over all discussions, by name.
void add_users(Report& report, const DiscussionRows& made) {
  struct Sum {
    std::size_t discussions = 0, turns = 0, comments = 0;
  };
  std::map<std::string, Sum> users;
  std::size_t all = 0;
  for (const DiscussionRow& row : made.rows) {
    for (const auto& user : row.metrics.users) {
      Sum& sum = users[user.name];
      ++sum.discussions;
      sum.turns += user.turns;
      sum.comments += user.comments;
      all += user.comments;
    }
  }
  std::vector<std::pair<std::string, Sum>> ranked(users.begin(), users.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second.comments > b.second.comments; });
  ReportTable table{"comments per user",
                    {{"user", Form::text},
                     {"discussions", Form::count},
                     {"turns", Form::count},
                     {"comments", Form::count},
                     {"share", Form::ratio}},
                    {}};
  ReportChart chart{"comments per user", "user", Form::count, true, {{"comments", {}}}};
  for (std::size_t i = 0; i < ranked.size() && i < kMostUsers; ++i) {
    const auto& [name, sum] = ranked[i];
    table.rows.push_back(
        {name, sum.discussions, sum.turns, sum.comments, number_or_null(CountOf{sum.comments, all}.rate())});
    chart.series[0].points.push_back({name, static_cast<double>(sum.comments)});
  }
  if (table.rows.empty()) return;
  if (ranked.size() > kMostUsers)
    table.title += ", the first " + std::to_string(kMostUsers) + " of " + std::to_string(ranked.size());
  report.table(std::move(table));
  if (chart.series[0].points.size() > 1) report.chart(std::move(chart));
}

void add_turn_chart(Report& report, const DiscussionRows& made) {
  std::vector<CountOf> turns;
  for (const DiscussionRow& row : made.rows) {
    const auto& spoke = row.metrics.spoke;
    if (turns.size() < spoke.size()) turns.resize(spoke.size());
    for (std::size_t i = 0; i < spoke.size(); ++i) turns[i] += {spoke[i] ? std::size_t{1} : 0, 1};
  }
  ReportChart chart{"participation by turn", "turn", Form::ratio, false, {{"participation", {}}}};
  for (std::size_t i = 0; i < turns.size(); ++i)
    chart.series[0].points.push_back({std::to_string(i + 1), turns[i].rate()});
  // Nothing to see where nobody is ever silent.
  const bool silent = std::any_of(turns.begin(), turns.end(), [](const CountOf& turn) { return turn.n < turn.of; });
  if (turns.size() > 1 && silent) report.chart(std::move(chart));
}

void add_discussions(Report& report) {
  ReportTable table{"by discussion",
                    {{"run", Form::text},
                     {"status", Form::text},
                     {"turns", Form::count},
                     {"silent", Form::count},
                     {"moderator", Form::count},
                     {"silent", Form::count},
                     {"comments", Form::count},
                     {"words", Form::number},
                     {"diversity", Form::number},
                     {"evenness", Form::number},
                     {"ended", Form::text}},
                    {}};
  const Json& rows = report.figures["discussions"];
  for (const Json& row : rows) {
    if (table.rows.size() == kMostRows) break;
    const auto of = [&](const char* key) { return row.contains(key) ? row[key] : Json(); };
    table.rows.push_back({row["run"], row["status"], of("turns"), of("user_silent"), of("moderator_calls"),
                          of("moderator_silent"), of("comments"), of("words"), of("diversity"), of("evenness"),
                          of("stop_reason")});
  }
  if (rows.size() > kMostRows)
    table.title +=
        ", the first " + std::to_string(kMostRows) + " of " + std::to_string(rows.size()) + " (--json has all)";
  report.table(std::move(table));
}

}  // namespace

Report discussion_report(const BatchView& batch) {
  const DiscussionRows made = discussion_rows(batch);
  Report report;
  report.figures = discussion_figures(batch, made);
  const BatchInfo& info = batch.info();
  report.heading(1, "discussion: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  report.text(counted_runs(report.figures["runs"]));
  add_design(report);
  if (made.left.all().calls.high > 0) {
    report.text((report.figures["runs"]["complete"] == 0 ? "" : "what is left: ") +
                estimate_line(made.left, made.prices));
  }
  if (report.figures["runs"]["complete"] != 0) {
    add_overview(report);
    add_cost(report);
    add_turn_chart(report, made);
    add_users(report, made);
  }
  add_variants(report);
  add_grid_tables(report);
  add_fork_tables(report);
  if (report.figures["runs"]["complete"] != 0) add_discussions(report);
  return report;
}

}  // namespace assay
