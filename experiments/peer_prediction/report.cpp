#include "experiments/peer_prediction/report.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/words.hpp"
#include "experiments/peer_prediction/figures.hpp"
#include "experiments/peer_prediction/spread.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

/// Pairs that can't be told apart and are said one by one; the others are counted.
constexpr std::size_t kMostSaid = 3;
/// Above it a number of tasks says nothing but "never".
constexpr std::uint64_t kMostTasks = 1'000'000'000;

/// Three decimals; what is 0 but for rounding has no sign.
std::string shown(const Json& value) {
  if (!value.is_number()) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value.get<double>());
  return std::string_view(text) == "-0.000" ? "0.000" : text;
}

/// A cell of a table of such numbers; of p-values, which are never 0.
Json cell(const Json& value) { return value.is_number() ? Json(shown(value)) : Json(); }
Json p_cell(const Json& value) {
  return value.is_number() && value.get<double>() < 0.001 ? Json("<0.001") : cell(value);
}

std::string between(const Json& low, const Json& high) { return "[" + shown(low) + ", " + shown(high) + "]"; }

/// Agents as rows and, by number, as columns; the diagonal is no figure.
ReportTable matrix_table(std::string title, const Json& agents, const Json& matrix) {
  ReportTable table{std::move(title), {{"agent", Form::text}}, {}};
  for (std::size_t j = 0; j < agents.size(); ++j) table.columns.push_back({std::to_string(j + 1), Form::number});
  for (std::size_t i = 0; i < agents.size(); ++i) {
    std::vector<Json> row{std::to_string(i + 1) + " " + agents[i].get<std::string>()};
    for (std::size_t j = 0; j < agents.size(); ++j) row.push_back(i == j ? Json() : cell(matrix[i][j]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

void add_overview(Report& report) {
  const Json& f = report.figures;
  std::string line =
      counted(f["tasks"].get<std::uint64_t>(), "task", "tasks") + ", " + counted(f["agents"].size(), "agent", "agents");
  if (f["exp_type"].is_string()) line += ", " + f["exp_type"].get<std::string>();
  line += "; critic: " + f["critic"].get<std::string>();
  if (f["critic_models"].is_array()) line += " " + joined(f["critic_models"].get<std::vector<std::string>>(), " + ");
  line += ", judge: " + f["judged_by"].get<std::string>();
  if (f["judge_model"].is_string()) line += " " + f["judge_model"].get<std::string>();
  line += ", pairing: " + f["pairing"].get<std::string>();
  report.text(line);
  for (const auto& [key, words] : {std::pair("failed", " failed"), std::pair("not_run", " not run")}) {
    const auto count = f[key].get<std::uint64_t>();
    if (count > 0) report.text(counted(count, "task has", "tasks have") + words + ": not part of the figures");
  }
}

void add_counts(Report& report) {
  ReportTable table{"what was asked",
                    {{"calls", Form::text},
                     {"planned", Form::count},
                     {"answered", Form::count},
                     {"unparsed", Form::count},
                     {"failed", Form::count},
                     {"missing", Form::count}},
                    {}};
  for (const auto& [key, words] :
       {std::pair("responses", "responses"), std::pair("p", "p (same task)"), std::pair("q", "q (other tasks)"),
        std::pair("judge_with_context", "judge, with the context"),
        std::pair("judge_without_context", "judge, without"), std::pair("logp", "log-probabilities")}) {
    const Json& counts = report.figures["counts"][key];
    if (counts["planned"] == 0) continue;
    table.rows.push_back(
        {words, counts["planned"], counts["answered"], counts["unparsed"], counts["failed"], counts["missing"]});
  }
  if (!table.rows.empty()) report.table(std::move(table));
}

bool has_number(const Json& matrix) {
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    for (std::size_t j = 0; j < matrix.size(); ++j) {
      if (i != j && matrix[i][j].is_number()) return true;
    }
  }
  return false;
}

void add_agents(Report& report) {
  std::vector<Json> rows(report.figures["agents_table"].begin(), report.figures["agents_table"].end());
  // By score, those without one last; where nothing was compared, in their order.
  std::stable_sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    if (!a["tvd_mi"].is_number() || !b["tvd_mi"].is_number()) {
      return a["tvd_mi"].is_number() && !b["tvd_mi"].is_number();
    }
    return a["tvd_mi"].get<double>() > b["tvd_mi"].get<double>();
  });
  const std::pair<const char*, const char*> columns[] = {{"tvd_mi", "TVD-MI"},
                                                         {"low", "low"},
                                                         {"high", "high"},
                                                         {"bidirectional", "both ways"},
                                                         {"seed_row_mean", "row / n"},
                                                         {"judge_with_context", "judge, context"},
                                                         {"judge_without_context", "judge, none"},
                                                         {"judge_symmetric", "judge, symmetric"},
                                                         {"mi", "MI"},
                                                         {"mi_n", "MI, n"},
                                                         {"gppm", "GPPM"},
                                                         {"gppm_n", "GPPM, n"},
                                                         {"gppm_per_token", "GPPM/token"},
                                                         {"length", "characters"}};
  ReportTable table{"agents, by score", {{"agent", Form::text}}, {}};
  const bool grouped = std::any_of(rows.begin(), rows.end(), [](const Json& row) { return row["group"].is_string(); });
  if (grouped) table.columns.push_back({"group", Form::text});
  std::vector<const char*> keys;
  for (const auto& [key, words] : columns) {
    if (std::none_of(rows.begin(), rows.end(), [&k = key](const Json& row) {
          // Numbers of items are of interest where there are some.
          return row[k].is_number_integer() ? row[k] > 0 : row[k].is_number();
        })) {
      continue;
    }
    keys.push_back(key);
    table.columns.push_back({words, Form::number});
  }
  for (const Json& row : rows) {
    std::vector<Json> cells{row["agent"]};
    if (grouped) cells.push_back(row["group"]);
    for (const char* key : keys) {
      cells.push_back(row[key].is_number_integer() ? row[key] : cell(row[key]));
    }
    table.rows.push_back(std::move(cells));
  }
  report.table(std::move(table));
}

void add_objective(Report& report) {
  const Json& f = report.figures;
  if (!f["objective"].is_number()) return;
  report.text("objective (mean score of the agents) " + shown(f["objective"]) +
              "; with the zero diagonal counted, as the seed prints it, " + shown(f["objective_seed"]));
  const Json& needed = f["needed_tasks"];
  if (needed["for_half_width"].is_number()) {
    report.text("intervals of +-" + shown(needed["half_width"]) + " would take " +
                counted(needed["for_half_width"].get<std::uint64_t>(), "task", "tasks"));
  }
  if (needed["constant"] == true) report.text("the scores are constant: no task differs from another");
  std::size_t said = 0, more = 0;
  for (const Json& pair : needed["neighbours"]) {
    if (pair["told_apart"].get<bool>()) continue;
    if (++said > kMostSaid) {
      ++more;
      continue;
    }
    if (std::abs(pair["difference"].get<double>()) < kEqualFigures) {
      report.text(pair["agents"][0].get<std::string>() + " and " + pair["agents"][1].get<std::string>() +
                  " come out equal");
      continue;
    }
    std::string line = pair["agents"][0].get<std::string>() + " and " + pair["agents"][1].get<std::string>() +
                       " differ by " + shown(pair["difference"]);
    if (pair["low"].is_number()) line += " " + between(pair["low"], pair["high"]);
    line += ": " + counted(f["tasks"].get<std::uint64_t>(), "task is", "tasks are") + " too few";
    if (pair["tasks"].is_number() && pair["tasks"].get<std::uint64_t>() > kMostTasks) {
      line += ", more than a billion would be needed";
    } else if (pair["tasks"].is_number()) {
      line += ", about " + counted(pair["tasks"].get<std::uint64_t>(), "would do", "would do");
    }
    report.text(line);
  }
  if (more > 0) {
    report.text(counted(more, "more neighbour of this order is", "more neighbours in this order are") +
                " as little told apart");
  }
}

void add_truth(Report& report) {
  const Json& f = report.figures;
  if (f["truth"].is_object()) {
    report.table(matrix_table("truth: TVD-MI of the distribution", f["agents"], f["truth"]["tvd_mi"]));
  }
  if (const Json& quality = f["critic_quality"]; quality.is_object()) {
    report.text("the critic says yes to " + shown(quality["tpr"]) + " of true pairs and no to " +
                shown(quality["tnr"]) + " of pairs of different tasks");
  }
}

void add_correlations(Report& report) {
  ReportTable table{"TVD-MI against the judge",
                    {{"judge", Form::text},
                     {"over", Form::text},
                     {"n", Form::count},
                     {"Pearson", Form::number},
                     {"Pearson p", Form::number},
                     {"Spearman", Form::number},
                     {"Spearman p", Form::number}},
                    {}};
  for (const auto& [key, words] :
       {std::pair("with_context", "with the context"), std::pair("without_context", "without")}) {
    const Json& both = report.figures["correlation"][key];
    if (!both.is_object()) continue;
    for (const auto& [part, over] : {std::pair("matrix", "pairs"), std::pair("agents", "agents")}) {
      const Json& c = both[part];
      if (!c["pearson"].is_number() && !c["spearman"].is_number()) continue;
      table.rows.push_back({words, over, c["n"], cell(c["pearson"]), p_cell(c["pearson_p"]), cell(c["spearman"]),
                            p_cell(c["spearman_p"])});
    }
  }
  if (!table.rows.empty()) report.table(std::move(table));
}

void add_effects(Report& report) {
  const Json& effects = report.figures["effect"];
  if (effects.empty()) return;
  ReportTable table{"good faith against problematic agents, by item",
                    {{"mechanism", Form::text},
                     {"items", Form::count},
                     {"d", Form::number},
                     {"d low", Form::number},
                     {"d high", Form::number},
                     {"p", Form::number},
                     {"difference", Form::number},
                     {"diff. low", Form::number},
                     {"diff. high", Form::number},
                     {"AUC", Form::number}},
                    {}};
  const bool lost =
      std::any_of(effects.begin(), effects.end(), [](const Json& row) { return row["lost_low"].is_number(); });
  if (lost) {
    table.columns.push_back({"lost low", Form::number});
    table.columns.push_back({"lost high", Form::number});
  }
  for (const Json& e : effects) {
    std::vector<Json> row{e["mechanism"], e["n"]};
    for (const char* key : {"d", "d_low", "d_high"}) row.push_back(cell(e[key]));
    row.push_back(p_cell(e["p_value"]));
    for (const char* key : {"difference", "difference_low", "difference_high", "auc_item"}) row.push_back(cell(e[key]));
    if (lost) {
      row.push_back(cell(e["lost_low"]));
      row.push_back(cell(e["lost_high"]));
    }
    table.rows.push_back(std::move(row));
  }
  report.table(std::move(table));
}

}  // namespace

Report peer_report(const BatchView& batch) {
  const PeerSettings settings = peer_settings(batch.info().params);
  PeerTally tally(settings);
  batch.each(true, [&](const RunView& run) { tally.add(peer_task(settings, run)); });
  Report report;
  report.figures = tally.figures();
  const Json& f = report.figures;
  report.heading(1, "peer prediction: " + batch.info().name);
  add_overview(report);
  for (const Json& line : f["warnings"]) report.text("warning: " + line.get<std::string>());
  add_counts(report);
  if (has_number(f["tvd_mi"]["matrix"])) report.table(matrix_table("TVD-MI", f["agents"], f["tvd_mi"]["matrix"]));
  if (f["tvd_mi"]["corrected"].is_array() && has_number(f["tvd_mi"]["corrected"])) {
    report.table(
        matrix_table("TVD-MI, corrected for joint pairs in q (M T/(T-1))", f["agents"], f["tvd_mi"]["corrected"]));
  }
  for (const auto& [key, title] : {std::pair("with_context", "judge with the context: share of wins over the column"),
                                   std::pair("without_context", "judge without the context: share of wins")}) {
    if (f["judge"][key].is_object()) report.table(matrix_table(title, f["agents"], f["judge"][key]["matrix"]));
  }
  add_agents(report);
  add_objective(report);
  add_truth(report);
  add_correlations(report);
  add_effects(report);
  return report;
}

}  // namespace assay
