#include "repl/views.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "core/statistics/proportion.hpp"
#include "core/statistics/score_line.hpp"
#include "core/text/duration.hpp"
#include "core/text/local_time.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "repl/chart_view.hpp"
#include "repl/report_cells.hpp"

namespace assay {
namespace {

std::string formatted(const char* format, double value) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, value);
  return {text.data(), static_cast<std::size_t>(length)};
}

Bounds limits(const Tally& tally) {
  return bounds(static_cast<double>(tally.correct), tally.scored(), tally.n - tally.scored());
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

}  // namespace

std::string count_text(std::uint64_t n) { return format_count(static_cast<std::int64_t>(n)); }
std::string ratio_text(double ratio) { return std::isfinite(ratio) ? formatted("%.1f %%", 100 * ratio) : "-"; }
std::string time_text(WallTime at) { return at == 0 ? std::string() : local_time(at, "%Y-%m-%d %H:%M:%S"); }
std::string time_of_day(WallTime at) {
  return local_time(at, "%H:%M:%S") + formatted(".%03.0f", std::floor(static_cast<double>(at % 1'000'000) / 1000));
}
std::string seconds_text(double seconds) {
  return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}
std::string number_text(double value) { return std::isfinite(value) ? formatted("%.6g", value) : "-"; }

std::string p_text(double p) { return std::isfinite(p) ? formatted(p < 0.0001 ? "%.1e" : "%.4g", p) : "-"; }

StyledText status_cell(Status status, bool in_flight, bool waits) {
  constexpr std::array<TextRole, 4> roles = {TextRole::dim, TextRole::warn, TextRole::good, TextRole::bad};
  StyledText text;
  text.add(to_text(status), roles.at(static_cast<std::size_t>(status)));
  if (in_flight) text.add("*", TextRole::warn);
  if (waits) text.add(" waiting for peers", TextRole::dim);
  return text;
}

StyledText verdict_cell(Verdict verdict) {
  constexpr std::array<TextRole, 3> roles = {TextRole::dim, TextRole::good, TextRole::bad};
  return StyledText().add(verdict == Verdict::none ? "-" : to_text(verdict),
                          roles.at(static_cast<std::size_t>(verdict)));
}

void Tally::add(const RunRow& row) { add(row.status, row.verdict, row.cost); }

void Tally::add(Status status, Verdict verdict, Pico money) {
  ++n;
  cost += money;
  switch (status) {
    case Status::ready:
      ++ready;
      break;
    case Status::incomplete:
      ++incomplete;
      break;
    case Status::complete:
      ++complete;
      break;
    case Status::fail:
      ++fail;
      break;
  }
  if (verdict == Verdict::correct) ++correct;
  if (verdict == Verdict::incorrect) ++incorrect;
  if (status == Status::complete && verdict == Verdict::none) ++unscored;
}

double Tally::score() const {
  return scored() == 0 ? std::numeric_limits<double>::quiet_NaN()
                       : static_cast<double>(correct) / static_cast<double>(scored());
}
Figure Tally::figure() const {
  Figure figure = wilson(correct, scored());
  figure.missing = n - scored();
  return figure;
}
std::pair<double, double> Tally::interval() const {
  const Figure made = figure();
  return {made.low, made.high};
}
double Tally::worst() const { return limits(*this).worst; }
double Tally::best() const { return limits(*this).best; }

std::string tally_line(const Tally& tally) {
  if (tally.scored() == 0) return tally.n == 0 ? "no runs" : "none of " + count_text(tally.n) + " scored yet";
  return score_line(tally.figure(), tally.n, limits(tally));
}

StyledText tally_words(const Tally& tally) {
  StyledText text;
  if (tally.scored() == 0) return text.add(tally_line(tally));
  text.add(tally_line(tally), TextRole::number);
  if (tally.n == tally.scored()) return text;
  return text.add("  (" + count_text(tally.fail) + " FAIL, " + count_text(tally.unscored) + " unscored, " +
                  count_text(tally.ready + tally.incomplete) + " not run)");
}

Json tally_json(const Tally& tally) {
  const auto [low, high] = tally.interval();
  Json json = Json::object();
  json["n"] = tally.n;
  json["complete"] = tally.complete;
  json["fail"] = tally.fail;
  json["scored"] = tally.scored();
  json["unscored"] = tally.unscored;
  json["not_run"] = tally.ready + tally.incomplete;
  json["correct"] = tally.correct;
  json["score"] = number_or_null(tally.score());
  json["low"] = number_or_null(low);
  json["high"] = number_or_null(high);
  json["worst"] = number_or_null(tally.worst());
  json["best"] = number_or_null(tally.best());
  return json;
}

std::string sequence_text(const Figure& sequence) {
  return sequence.n == 0 ? "-" : score_line(sequence, sequence.n + sequence.missing, {});
}

std::string answer_text(const Json& answer) {
  constexpr std::size_t most_of_record = 160;
  if (answer.is_object() && answer.contains("verdict") && answer.at("verdict").is_string())
    return answer.at("verdict").get<std::string>();
  const Json& shown = answer.is_object() && answer.contains("value") ? answer.at("value") : answer;
  if (shown.is_null()) return "-";
  const std::string text = content_text(shown);
  // Answers that hold a whole record are looked at with `detail`.
  return &shown == &answer && answer.is_structured() ? truncate_to_width(text, most_of_record) : text;
}

std::string job_state_text(const JobFacts& facts) {
  switch (facts.state) {
    case JobFacts::State::running:
      return "running";
    case JobFacts::State::paused:
      return facts.paused_because.empty() ? "paused" : "paused: " + facts.paused_because;
    case JobFacts::State::cancelled:
      return "cancelled";
    case JobFacts::State::done:
      break;
  }
  return "done";
}

std::string job_type_text(JobType type) {
  return type == JobType::execute ? "run" : type == JobType::rerun ? "rerun" : "evaluate";
}

Json job_json(const JobFacts& facts) {
  Json json = Json::object();
  json["job"] = facts.id;
  json["type"] = job_type_text(facts.type);
  json["state"] = job_state_text(facts);
  json["width"] = facts.width;
  json["selected"] = facts.selected;
  json["skipped"] = facts.skipped;
  json["complete"] = facts.complete;
  json["fail"] = facts.fail;
  json["incomplete"] = facts.incomplete;
  json["in_flight"] = facts.in_flight;
  json["waiting"] = facts.waiting;
  json["waiting_for_peers"] = facts.waiting_peers;
  json["correct"] = facts.correct;
  json["scored"] = facts.scored;
  json["enough"] = facts.enough;
  json["calls"] = facts.calls;
  json["cost_usd"] = to_usd(facts.cost);
  json["seconds"] = facts.seconds;
  return json;
}

void draw_report(const Report& report, Reply& reply, bool whole) {
  std::vector<std::string> left_out;
  for (const auto& block : report.blocks) {
    if (const auto* heading = std::get_if<ReportHeading>(&block)) {
      if (heading->level > 1 || !reply.lines.empty()) reply.line("");
      reply.line(StyledText().add(heading->text, TextRole::title));
    } else if (const auto* text = std::get_if<ReportText>(&block)) {
      reply.block(text->text);
    } else if (const auto* table_block = std::get_if<ReportTable>(&block)) {
      const ReportTable& drawn = *table_block;
      const std::size_t most = whole ? drawn.rows.size() : std::min(drawn.rows.size(), drawn.shown);
      if (most == 0 && !drawn.rows.empty()) {
        left_out.push_back(drawn.title + " (" + counted(drawn.rows.size(), "row", "rows") + ")");
        continue;
      }
      reply.line("");
      StyledText title;
      title.add(drawn.title, TextRole::title);
      if (most < drawn.rows.size()) {
        title.add(" (" + count_text(most) + " of " + counted(drawn.rows.size(), "row", "rows") +
                      "; `report BATCH FILE.html` has all)",
                  TextRole::dim);
      }
      if (!title.empty()) reply.line(title);
      std::vector<Column> columns;
      for (const auto& column : drawn.columns) {
        columns.push_back(
            {column.name, column.form != ReportTable::Form::text, column.form == ReportTable::Form::text});
        columns.back().keeps_ends = true;
      }
      Table table(std::move(columns));
      table.in_blocks();
      for (std::size_t r = 0; r < most; ++r) {
        const auto& row = drawn.rows[r];
        std::vector<StyledText> cells;
        for (std::size_t i = 0; i < row.size(); ++i)
          cells.push_back(cell(report_cell_text(row[i], drawn.columns.at(i).form)));
        table.row(std::move(cells));
      }
      reply.table(table);
    } else {
      draw_chart(std::get<ReportChart>(block), reply);
    }
  }
  if (!left_out.empty()) {
    reply.line(
        StyledText().add("not shown: " + joined(left_out, ", ") + "; `report BATCH FILE.html` has all", TextRole::dim));
  }
}

}  // namespace assay
