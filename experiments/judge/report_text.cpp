#include "experiments/judge/report_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "core/statistics/figure.hpp"
#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/settings.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

/// Lines of a screen, and how many of them findings and the rows of one table may take.
constexpr std::size_t kScreen = 24, kMostFindings = 8, kMostRows = 6;

std::string shown(const Json& n) { return format_count(n.get<std::int64_t>()); }

void add_part(std::string& line, const std::string& part) { line += (line.empty() ? "" : ", ") + part; }

std::string runs_line(const Json& counts) {
  std::string parts;
  for (const auto& [key, word] : {std::pair("complete", "COMPLETE"), {"fail", "FAIL"}, {"not_run", "not run"}}) {
    if (counts[key] != 0) add_part(parts, shown(counts[key]) + " " + word);
  }
  for (const char* key : {"source_missing", "stale", "probes"}) {
    if (counts.value(key, 0U) != 0) add_part(parts, shown(counts[key]) + " " + key);
  }
  std::string line = counted(counts["runs"].get<std::uint64_t>(), "run", "runs");
  if (!parts.empty()) line += ": " + parts;
  return line;
}

std::string judgements_line(const Json& counts) {
  std::string parts;
  for (const char* key : {"exact", "lenient", "partial", "ambiguous", "out_of_range", "failed", "empty", "truncated",
                          "refused", "error", "fallback", "reask", "low_mass"}) {
    if (counts[key] != 0) add_part(parts, shown(counts[key]) + " " + key);
  }
  std::string line = counted(counts["judgements"].get<std::uint64_t>(), "judgement", "judgements");
  if (!parts.empty()) line += ": " + parts;
  return line;
}

/// 0.795 as "79.5".
std::string points(const Json& share) {
  std::string text = percent(share);
  if (text.ends_with(" %")) text.resize(text.size() - 2);
  return text;
}

void add_score(Report& report) {
  if (!report.figures.contains("score")) return;
  const Json& score = report.figures["score"];
  const std::string& mode = report.figures["mode"].get_ref<const std::string&>();
  // Of pairs, and of numbers, the score is how often the verdict is gold's.
  const bool by_value = mode == to_text(JudgeMode::binary) || mode == to_text(JudgeMode::choice);
  std::string line = by_value ? "score: " : "agrees with gold: ";
  if (score["value"].is_null()) {
    line += "- (" + score.value("why", std::string("empty")) + ")";
  } else {
    line += percent(score["value"]);
  }
  if (!score["low"].is_null()) line += " [" + points(score["low"]) + ", " + points(score["high"]) + "]";
  line += "  n " + shown(score["n"]) + "/" +
          format_count(score["n"].get<std::int64_t>() + score["missing"].get<std::int64_t>());
  if (!score["worst"].is_null()) line += "  bounds " + points(score["worst"]) + "-" + points(score["best"]);
  if (score.contains("upstream"))
    line += "  as upstream counts it " + percent(score["upstream"]) + " of " + shown(score["upstream_n"]);
  report.text(line);
}

/// Rows of a table that a screen has room for.
class Rows {
 public:
  Rows(const Json& table, std::string title) : table_(table), title_(std::move(title)) {}

  template <typename Keep>
  Rows& keep(const Keep& keep) {
    for (const Json& row : table_) {
      if (keep(row)) rows_.push_back(&row);
    }
    return *this;
  }
  Rows& sort_by(const char* key) {
    std::stable_sort(rows_.begin(), rows_.end(),
                     [&](const Json* a, const Json* b) { return rank(*a, key) > rank(*b, key); });
    return *this;
  }
  const std::vector<const Json*>& rows() const { return rows_; }
  /// Lines that it takes of `room`; 0: it is empty. Files have all rows, whatever the room.
  std::size_t add_to(Report& report, const std::vector<ReportTable::Column>& columns, std::size_t room) const {
    if (rows_.empty()) return 0;
    const std::size_t most = std::min(rows_.size(), kMostRows);
    ReportTable table{title_, columns, {}, room <= kMostRows / 2 + 3 ? 0 : most};
    for (const Json* row : rows_) {
      std::vector<Json> cells;
      for (const auto& column : columns) cells.push_back(row->value(column.name, Json()));
      table.rows.push_back(std::move(cells));
    }
    const std::size_t lines = table.shown == 0 ? 0 : most + 3;
    report.table(std::move(table));
    return lines;
  }

 private:
  static double rank(const Json& row, const char* key) { return row[key].is_number() ? row[key].get<double>() : -1; }

  const Json& table_;
  std::string title_;
  std::vector<const Json*> rows_;
};

/// The first judge of a table: the panel where there is one.
std::string first_judge(const Json& table) {
  return table.empty() ? std::string() : table[0].value("judge", std::string());
}

/// Of a model, where it has an interval: a fit of a few games is none.
Json controlled_rate(const Json& figures, const std::string& judge, const Json& model) {
  if (!figures.contains("length")) return nullptr;
  for (const Json& row : figures["length"]) {
    if (row["judge"] == judge && row["model"] == model && row["low"].is_number()) return row["controlled"];
  }
  return nullptr;
}

std::size_t add_wins(Report& report, std::size_t room) {
  if (!report.figures.contains("win_rate")) return 0;
  const Json& table = report.figures["win_rate"];
  const std::string judge = first_judge(table);
  std::size_t pairs = 0;
  for (const Json& row : table) {
    if (row["judge"] == judge && row["opponent"] != "*") ++pairs;
  }
  const bool by_pair = pairs <= 2;  // then what pools says the same once more
  Json wins = Json::array();
  bool missing = false, controlled = false;
  for (const Json& row : table) {
    if (row["judge"] != judge || (row["opponent"] == "*") == by_pair) continue;
    Json& shown_row = wins.emplace_back(row);
    if (row["missing"] != 0) missing = true;
    const Json rate = controlled_rate(report.figures, judge, row["model"]);
    if (rate.is_null()) continue;
    shown_row["controlled"] = rate;
    controlled = true;
  }
  Rows rows(wins, "win rates, " + judge);
  rows.keep([](const Json&) { return true; }).sort_by("rate");
  std::vector<ReportTable::Column> columns = {
      {"model", Form::text},         {"opponent", Form::text}, {"n", Form::count},
      {"wins", Form::count},         {"losses", Form::count},  {"ties", Form::count},
      {"inconsistent", Form::count}, {"missing", Form::count}, {"rate", Form::ratio},
      {"low", Form::ratio},          {"high", Form::ratio}};
  if (missing) columns.insert(columns.end(), {{"worst", Form::ratio}, {"best", Form::ratio}});
  if (controlled) columns.push_back({"controlled", Form::ratio});
  return rows.add_to(report, columns, room);
}

std::size_t add_ranking(Report& report, std::size_t room) {
  if (!report.figures.contains("ranking")) return 0;
  const Json& table = report.figures["ranking"];
  const std::string judge = first_judge(table);
  Rows rows(table, "ratings, " + judge);
  rows.keep([&](const Json& row) { return row["judge"] == judge; });
  if (rows.rows().size() < 3) return 0;  // of two, the win rate says it
  std::vector<ReportTable::Column> columns = {{"rank", Form::count}, {"model", Form::text},  {"rating", Form::number},
                                              {"low", Form::number}, {"high", Form::number}, {"n", Form::count}};
  if (std::any_of(rows.rows().begin(), rows.rows().end(), [](const Json* row) { return row->contains("why"); }))
    columns.push_back({"why", Form::text});
  return rows.add_to(report, columns, room);
}

std::size_t add_scores(Report& report, std::size_t room) {
  if (!report.figures.contains("scores")) return 0;
  const Json& table = report.figures["scores"];
  const std::string judge = first_judge(table);
  Rows rows(table, "scores, " + judge);
  rows.keep([&](const Json& row) { return row["judge"] == judge; });
  const Form form = report.figures["mode"] == to_text(JudgeMode::binary) ? Form::ratio : Form::number;
  return rows.add_to(report,
                     {{"criterion", Form::text},
                      {"model", Form::text},
                      {"category", Form::text},
                      {"turn", Form::text},
                      {"n", Form::count},
                      {"missing", Form::count},
                      {"mean", form},
                      {"low", form},
                      {"high", form}},
                     room);
}

/// Who answered in the place of a judge; only where someone did.
std::size_t add_models_used(Report& report, std::size_t room) {
  if (report.figures["counts"]["fallback"] == 0 || !report.figures.contains("models_used")) return 0;
  Rows rows(report.figures["models_used"], "models that answered");
  rows.keep([](const Json&) { return true; });
  return rows.add_to(report,
                     {{"judge", Form::text},
                      {"model", Form::text},
                      {"judgements", Form::count},
                      {"read", Form::count},
                      {"fallback", Form::count},
                      {"value", Form::number}},
                     room);
}

void add_cost(Report& report) {
  if (!report.figures.contains("cost")) return;
  std::int64_t calls = 0, in = 0, out = 0;
  double cost = 0;
  for (const Json& row : report.figures["cost"]) {
    calls += row["calls"].get<std::int64_t>();
    in += row["tokens_in"].get<std::int64_t>();
    out += row["tokens_out"].get<std::int64_t>();
    cost += row["cost_usd"].get<double>();
  }
  char usd[32];
  std::snprintf(usd, sizeof usd, "$%.4g", cost);
  report.text("cost: " + format_count(calls) + (calls == 1 ? " call, " : " calls, ") + format_count(in) +
              " tokens in, " + format_count(out) + " out, " + usd);
}

std::optional<double> bound(const Json& row, const char* key) {
  return row[key].is_number() ? std::optional(row[key].get<double>()) : std::nullopt;
}

/// Figures of several rows with their intervals; nothing for fewer than `least`, or for more than a screen has room
/// for.
std::optional<ReportChart> chart_of(const Json& table, const std::string& title, const char* name, const char* value,
                                    Form form, std::size_t least, const std::function<bool(const Json&)>& keep) {
  ReportChart chart{title, name, form, false, {{value, {}}}};
  for (const Json& row : table) {
    if (!keep(row) || !row[value].is_number()) continue;
    chart.series[0].points.push_back(
        {row[name].get<std::string>(), row[value].get<double>(), bound(row, "low"), bound(row, "high")});
  }
  const std::size_t points = chart.series[0].points.size();
  return points < least || points > kMostRows ? std::nullopt : std::optional(std::move(chart));
}

void add_charts(Report& report, std::size_t room) {
  const auto add = [&](const std::optional<ReportChart>& chart) {
    if (!chart) return;
    const std::size_t lines = chart->series[0].points.size() + 3;
    if (lines > room) return;
    room -= lines;
    report.chart(*chart);
  };
  const Json& f = report.figures;
  if (f.contains("position")) {
    add(chart_of(f["position"], "position bias: above 0 the answer shown first wins", "judge", "bias", Form::number, 2,
                 [](const Json&) { return true; }));
  }
  if (f.contains("win_rate")) {
    const std::string judge = first_judge(f["win_rate"]);
    add(chart_of(f["win_rate"], "win rates, " + judge, "model", "rate", Form::ratio, 3,
                 [&](const Json& row) { return row["judge"] == judge && row["opponent"] == "*"; }));
  }
}

}  // namespace

void write_judge_report(Report& report, const std::string& title) {
  const Json& counts = report.figures["counts"];
  report.heading(1, title);
  report.text(runs_line(counts));
  std::size_t lines = 3;
  if (counts["judgements"] != 0) {
    report.text(judgements_line(counts));
    ++lines;
  } else {
    report.text("no judgement yet: `run_n` judges what is not run");
    return;
  }
  if (report.figures.contains("score")) {
    add_score(report);
    ++lines;
  }
  std::vector<Finding> findings = judge_findings(report.figures);
  const std::size_t left_out = findings.size() > kMostFindings ? findings.size() - kMostFindings : 0;
  findings.resize(findings.size() - left_out);
  for (const Finding& finding : findings) report.text(finding.text);
  if (left_out > 0) report.text(counted(left_out, "more finding", "more findings") + " in --json");
  if (report.figures.contains("notes")) {
    for (const Json& note : report.figures["notes"]) {
      report.text(note.get<std::string>());
      ++lines;
    }
  }
  lines += findings.size();
  for (const auto& add : {add_models_used, add_wins, add_scores, add_ranking})
    lines += add(report, lines < kScreen ? kScreen - lines : 0);
  add_charts(report, lines < kScreen ? kScreen - lines : 0);
  add_cost(report);
}

}  // namespace assay
