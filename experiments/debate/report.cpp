#include "experiments/debate/report.hpp"

#include <cmath>
#include <optional>

#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "experiments/debate/report_figures.hpp"
#include "experiments/debate/turns.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

/// More lines than these can't be told apart in a chart.
constexpr std::size_t kMostLines = 6;

constexpr const char* kFlips[] = {"right->right", "right->wrong", "wrong->right", "wrong->wrong"};

std::string points(const Json& difference) {
  std::string text = percent(difference);
  if (!difference.is_number()) return text;
  text.resize(text.size() - 2);
  return (difference.get<double>() > 0 ? "+" : "") + text + " points";
}

std::string p_text(const Json& p) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", p.get<double>());
  return text;
}

void add_overview(Report& report) {
  const Json& f = report.figures;
  report.text(accuracy_line(f));
  report.table(overview_table(f));
  const Json& b = f["baselines"];
  // Beside a judge it is a verdict, no vote.
  const std::string first =
      f.contains("majority") ? "the verdict of round 1" : "the vote of round 1 (self-consistency)";
  report.text("one agent alone " + percent(b["single"]) + ", " + first + " " + percent(b["self_consistency"]) +
              ", the debate " + percent(b["debate"]));
  if (const Json last = f["rounds"].empty() ? Json::object() : f["rounds"].back();
      last.contains("accuracy") && last["n"] == f["scored"] && last["accuracy"] != f["accuracy"]) {
    report.text("this score is not that of the last round, " + percent(last["accuracy"]) +
                ": `evaluate` has read another round, or by another rule; a plain `evaluate` takes it back");
  }
  if (f.contains("majority")) {
    report.text("beside the judge, the vote of the debaters: " + percent(f["majority"]["accuracy"]));
  }
  const Json& e = f["effect"];
  if (!e.is_object()) return;
  const Json& interval = e["ci95"];
  const std::string between =
      interval.is_array() ? " [" + percent(interval[0]) + ", " + percent(interval[1]) + "]" : std::string();
  report.text("round " + dump_json(e["to"]) + " against round " + dump_json(e["from"]) + ", on the same " +
              counted(e["n"].get<std::uint64_t>(), "question", "questions") + ": " + points(e["difference"]) + between +
              "; gained " + dump_json(e["gained"]) + ", lost " + dump_json(e["lost"]) +
              ", p = " + p_text(e["p_exact"]));
}

void add_rounds(Report& report) {
  ReportTable table{"by round",
                    {{"round", Form::text},
                     {"n", Form::count},
                     {"correct", Form::count},
                     {"accuracy", Form::ratio},
                     {"low", Form::ratio},
                     {"high", Form::ratio},
                     {"any right", Form::count},
                     {"unanimous", Form::count},
                     {"disagree", Form::count},
                     {"tied", Form::count},
                     {"no answer", Form::count},
                     {"unextracted", Form::count},
                     {"missing", Form::count}},
                    {}};
  ReportTable cost{"what rounds took",
                   {{"round", Form::text},
                    {"calls", Form::count},
                    {"tokens in", Form::count},
                    {"tokens out", Form::count},
                    {"cost", Form::usd}},
                   {}};
  for (const Json& r : report.figures["rounds"]) {
    const std::string name = r.contains("phase") ? "critique" : dump_json(r["round"]);
    cost.rows.push_back({name, r["calls"], r["tokens_in"], r["tokens_out"], r["cost_usd"]});
    if (r.contains("phase")) continue;
    table.rows.push_back({name, r["n"], r["correct"], r["accuracy"], element(r["ci95"], 0), element(r["ci95"], 1),
                          r["any_correct"], r["unanimous"], r["disagree"], r["tied"], r["no_answer"], r["unextracted"],
                          r["missing"]});
  }
  if (table.rows.empty()) return;
  report.table(std::move(table));
  report.table(std::move(cost));
}

std::size_t most_agents(const Json& rounds) {
  std::size_t most = 0;
  for (const Json& r : rounds) {
    if (r.contains("per_agent")) most = std::max(most, r["per_agent"].size());
  }
  return most;
}

Json accuracy_of(const Json& round, std::size_t agent) {
  if (!round.contains("per_agent") || agent >= round["per_agent"].size()) return nullptr;
  return round["per_agent"][agent]["accuracy"];
}

/// Rounds in which all agents speak: of critic and synthesizer the first alone.
Json rounds_of_agents(const Json& rounds) {
  Json kept = Json::array();
  for (const Json& r : rounds) {
    if (r.contains("phase")) break;
    kept.push_back(r);
  }
  return kept;
}

void add_agents(Report& report, const BatchInfo& batch) {
  const Json rounds = rounds_of_agents(report.figures["rounds"]);
  ReportTable table{"right answers by agent", {{"agent", Form::text}}, {}};
  for (const Json& r : rounds) {
    table.columns.push_back({"round " + dump_json(r["round"]), Form::ratio});
  }
  for (std::size_t i = 0; i < most_agents(rounds); ++i) {
    std::vector<Json> row{debate_agent_name(batch, i)};
    for (const Json& r : rounds) row.push_back(accuracy_of(r, i));
    table.rows.push_back(std::move(row));
  }
  if (!table.rows.empty()) report.table(std::move(table));
}

void add_flips(Report& report) {
  const Json &flips = report.figures["flips"], &questions = report.figures["question_flips"];
  if (flips.empty() || rounds_of_agents(report.figures["rounds"]).size() < 2) return;
  ReportTable table{"changes of mind (agents), and what became of the answers",
                    {{"rounds", Form::text},
                     {kFlips[0], Form::count},
                     {kFlips[1], Form::count},
                     {kFlips[2], Form::count},
                     {kFlips[3], Form::count},
                     {"gained", Form::count},
                     {"lost", Form::count},
                     {"p", Form::number}},
                    {}};
  ReportChart chart{"changes of mind", "rounds", Form::count, true, {}};
  for (const char* kind : kFlips) chart.series.push_back({kind, {}});
  for (std::size_t i = 0; i < flips.size(); ++i) {
    const std::string label = dump_json(flips[i]["from"]) + " to " + dump_json(flips[i]["to"]);
    std::vector<Json> row{label};
    for (std::size_t k = 0; k < std::size(kFlips); ++k) {
      row.push_back(flips[i][kFlips[k]]);
      chart.series[k].points.push_back({label, flips[i][kFlips[k]].get<double>()});
    }
    for (const char* key : {"gained", "lost", "p_exact"}) row.push_back(questions[i][key]);
    table.rows.push_back(std::move(row));
  }
  report.table(std::move(table));
  report.chart(std::move(chart));
}

void add_accuracy_chart(Report& report, const BatchInfo& batch) {
  const Json& rounds = report.figures["rounds"];
  ReportChart chart{"accuracy by round", "round", Form::ratio, false, {{"answer", {}}}};
  const std::size_t speaking = most_agents(rounds_of_agents(rounds));
  const std::size_t agents = speaking < kMostLines && rounds_of_agents(rounds).size() > 1 ? speaking : 0;
  for (std::size_t i = 0; i < agents; ++i) chart.series.push_back({debate_agent_name(batch, i), {}});
  for (const Json& r : rounds) {
    if (r.contains("phase")) continue;
    const std::string label = dump_json(r["round"]);
    if (r["accuracy"].is_number()) {
      ReportChart::Point point{label, r["accuracy"].get<double>()};
      if (r["ci95"].is_array()) {
        point.low = r["ci95"][0].get<double>();
        point.high = r["ci95"][1].get<double>();
      }
      chart.series[0].points.push_back(point);
    }
    for (std::size_t i = 0; i < agents; ++i) {
      const Json accuracy = accuracy_of(r, i);
      if (accuracy.is_number()) chart.series[i + 1].points.push_back({label, accuracy.get<double>()});
    }
  }
  if (chart.series[0].points.size() > 1) report.chart(std::move(chart));
}

void add_early_stop(Report& report) {
  if (report.figures["early_stop"].empty() || report.figures["rounds"].size() < 2) return;
  ReportTable table{
      "had it stopped early",
      {{"rule", Form::text}, {"calls", Form::count}, {"calls without", Form::count}, {"correct", Form::count}},
      {}};
  for (const auto& [rule, e] : report.figures["early_stop"].items()) {
    table.rows.push_back({rule, e["calls"], e["calls_without"], e["correct"]});
  }
  report.table(std::move(table));
}

void add_rules(Report& report) {
  if (report.figures["rules"].empty()) return;
  ReportTable table{"the last round read by other rules",
                    {{"extractor", Form::text},
                     {"correct", Form::count},
                     {"accuracy", Form::ratio},
                     {"unextracted", Form::count},
                     {"no answer", Form::count}},
                    {}};
  std::string apart;
  const Json& interval = report.figures["ci95"];
  for (const auto& [rule, r] : report.figures["rules"].items()) {
    table.rows.push_back({rule, r["correct"], r["accuracy"], r["unextracted"], r["no_answer"]});
    const double accuracy = r["accuracy"].get<double>();
    if (interval.is_array() && (accuracy < interval[0].get<double>() || accuracy > interval[1].get<double>())) {
      apart += (apart.empty() ? "" : ", ") + rule;
    }
  }
  report.table(std::move(table));
  if (apart.empty()) return;
  const std::string warning = "warning: " + apart +
                              " differ from the reported accuracy by more than its interval: the rule decides the "
                              "figure";
  report.figures["warnings"].push_back(warning);
  report.text(warning);
}

void add_cost(Report& report) {
  const Json& whole = report.figures["cost"];
  ReportTable table{"cost",
                    {{"", Form::text},
                     {"calls", Form::count},
                     {"tokens", Form::count},
                     {"cost", Form::usd},
                     {"calls/correct", Form::number},
                     {"tokens/correct", Form::number},
                     {"cost/correct", Form::usd}},
                    {}};
  for (const auto& [name, c] : {std::pair<const char*, const Json&>{"debate", whole}, {"round 1", whole["round_1"]}}) {
    table.rows.push_back({name, c["calls"], c["tokens"], c["cost_usd"], c["calls_per_correct"], c["tokens_per_correct"],
                          c["cost_per_correct"]});
  }
  report.table(std::move(table));
  if (whole["tokens"].is_null()) report.text("no call is recorded here: replies are counted instead");
}

}  // namespace

Report debate_report(const BatchView& batch) {
  Report report;
  report.figures = debate_figures(batch);
  const BatchInfo& info = batch.info();
  report.heading(1, "debate: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  add_overview(report);
  add_rounds(report);
  add_accuracy_chart(report, info);
  add_agents(report, info);
  add_flips(report);
  add_early_stop(report);
  add_rules(report);
  add_cost(report);
  add_categories(report);
  const auto number = [&](const char* name) { return report.figures[name].get<std::int64_t>(); };
  if (number("dropped") > 0) {
    report.text(counted(static_cast<std::uint64_t>(number("dropped")), "reply was", "replies were") +
                " given up (on_agent_fail=drop), or not in the file");
  }
  add_left_out(report, "questions without an answer");
  return report;
}

}  // namespace assay
