#pragma once
// How values are shown, and their JSON shapes (shell.md 8): one place, so that every command says it the same way.
// Pure functions; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/job.hpp"
#include "core/model/report.hpp"
#include "core/model/run_table.hpp"
#include "core/model/run_turn.hpp"
#include "core/model/score.hpp"
#include "core/statistics/figure.hpp"
#include "repl/command.hpp"

namespace assay {

/// "12,345".
std::string count_text(std::uint64_t n);
/// 0.4925 -> "49.3 %".
std::string ratio_text(double ratio);
/// Local date and time, "2026-11-21 14:02:11"; "" for 0.
std::string time_text(WallTime at);
/// "14:02:11.123" in local time.
std::string time_of_day(WallTime at);
std::string seconds_text(double seconds);
/// Up to 6 significant digits, no trailing zeros.
std::string number_text(double value);

/// A p-value: "0.0412", "3.1e-07", "-".
std::string p_text(double p);

/// `waits`: for other runs of its batch.
StyledText status_cell(Status status, bool in_flight, bool waits = false);
StyledText verdict_cell(Verdict verdict);

/// Counts of a set of runs, and the score drawn from them: what is scored, what is not, and what that could hide.
struct Tally {
  std::uint64_t n = 0, ready = 0, incomplete = 0, complete = 0, fail = 0;
  std::uint64_t correct = 0, incorrect = 0, unscored = 0;  // unscored: COMPLETE without a verdict
  Pico cost = 0;
  void add(const RunRow& row);
  void add(Status status, Verdict verdict, Pico money);
  std::uint64_t scored() const { return correct + incorrect; }
  double score() const;                        // NaN when nothing is scored
  Figure figure() const;                       // Wilson, 95 %; missing: what is not scored
  std::pair<double, double> interval() const;  // its ends
  double worst() const;                        // all that is not scored counted wrong
  double best() const;                         // .. counted right
};
/// "81.7 % [79.9, 83.4]  n 1,946/2,000  bounds 79.5-82.2", as core/statistics writes it.
std::string tally_line(const Tally& tally);
/// The same, and what the rest is: "(40 FAIL, 4 unscored, 10 not run)".
StyledText tally_words(const Tally& tally);
Json tally_json(const Tally& tally);  // n, complete, fail, scored, unscored, correct, score, low, high, worst, best

/// A score that is still growing: "81.2 % [74.1, 87.0]  n 118/120"; "-" when no run has a score.
std::string sequence_text(const Figure& sequence);

/// What is shown of an answer: the verdict or the value alone where the kind keeps it beside how it was found; "-" for
/// none.
std::string answer_text(const Json& answer);

Json job_json(const JobFacts& facts);
std::string job_state_text(const JobFacts& facts);
std::string job_type_text(JobType type);

/// A report as lines. `whole`: tables with all their rows, not with those that a terminal shows.
void draw_report(const Report& report, Reply& reply, bool whole = false);

}  // namespace assay
