#pragma once
// The report on judgements as a person reads it: counts, findings with the worst first, then what was won or scored; at
// most one screen. Specs: judge.md 10. Pure: any thread.

#include <string>
#include <vector>

#include "core/model/report.hpp"

namespace assay {

struct Finding {
  double severity = 0;  ///< 0 .. 1
  std::string text;     ///< with its n and what it leaves out
};
/// Of the tables of report_tables.hpp, the worst first.
std::vector<Finding> judge_findings(const Json& figures);

/// Fills the blocks of a report from its figures. `title` "judge: NAME, ..".
void write_judge_report(Report& report, const std::string& title);

}  // namespace assay
