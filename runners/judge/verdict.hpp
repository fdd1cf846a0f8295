#pragma once
// What a judge may say: modes, alphabets of verdicts, scales, and what a reply was read as. Specs: judge.md 2, 3, 6.
// Values; any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/text/json.hpp"

namespace assay {

enum class JudgeMode : std::uint8_t { binary, choice, score, rubric, pairwise, compare };
std::string_view to_text(JudgeMode mode);
/// nullopt: no mode. "correctness" is binary: its prompt and labels are set by the caller.
std::optional<JudgeMode> judge_mode(std::string_view text);
/// pairwise and compare: two answers, which may be shown in two orders.
inline bool has_two_answers(JudgeMode mode) { return mode == JudgeMode::pairwise || mode == JudgeMode::compare; }

/// One verdict of an alphabet. `verdict` is what records and reports call it: "positive", "negative"; "A", "B", "tie";
/// of `choices` and, in binary, `x:` the label itself. AB5 has two labels for A and two for B: how clearly is in
/// `games`. `value`: 1 and 0; of pairwise for the answer shown first; of a choice its value. `games`: how many games it
/// counts in ratings (3 for >> of AB5).
struct VerdictLabel {
  std::vector<std::string> texts;  ///< what a judge writes, lower-case unless `match_case`
  std::string verdict;
  double value = 0;
  int games = 1;
};
struct VerdictLabels {
  std::string name;         ///< 01, yesno, AB, AB2, AB5, mM, x:.., choices
  bool match_case = false;  ///< mM
  bool arrows = false;      ///< AB5: inner blanks are removed, < and > not stripped
  std::vector<VerdictLabel> labels;
  bool has_tie() const;
  const VerdictLabel* find(std::string_view verdict) const;  ///< by `verdict`: the first that has it
};
/// Throws Error "usage" (place `labels` or `choices`) for an alphabet that does not go with the mode. `choices`:
/// "A:1,B:0.5,C:0"; "" for other modes. `name` "": the default of the mode. ties = false: an alphabet with a tie is
/// refused when it was named, else AB becomes AB2.
VerdictLabels verdict_labels(std::string_view name, JudgeMode mode, bool ties, std::string_view choices);

/// lo-hi of score, compare, rubric; nullopt: scale=none.
using Scale = std::optional<std::pair<double, double>>;
/// "1-10", "none", "-1-1". Throws Error "usage".
Scale judge_scale(std::string_view text);

/// How replies are read: everything that `evaluate` can change without a call, but for the pooling (pooling.hpp).
struct ReadingRules {
  JudgeMode mode = JudgeMode::binary;
  VerdictLabels labels;                         ///< binary, choice, pairwise
  Scale scale = std::pair(1.0, 10.0);           ///< score, compare, rubric
  std::vector<std::string> criteria;            ///< rubric
  double tie_delta = 0.1;                       ///< compare
  std::string parse = "strict";                 ///< strict, or a rule of judge.md 6.3
  std::map<std::string, std::string> patterns;  ///< parse=regex: verdict label -> RE2
  bool ties = true;                             ///< compare: a tie is a verdict; pairwise: as the labels have one
  /// The reply is an object whose "verdict" is read, by the strict rules only; without such an object all of the text.
  bool verdict_in_object = false;

  /// Whether a tie is a verdict; where it is none, a reply that says so is `failed`.
  bool takes_tie() const { return mode == JudgeMode::pairwise ? labels.has_tie() : ties; }
};

enum class ReadStatus : std::uint8_t {
  exact,
  lenient,
  ambiguous,
  out_of_range,
  partial,
  failed,
  empty,
  truncated,
  refused,
  error
};
std::string_view to_text(ReadStatus status);
std::optional<ReadStatus> read_status(std::string_view text);
/// Whether a verdict can come of it.
inline bool is_read(ReadStatus status) {
  return status == ReadStatus::exact || status == ReadStatus::lenient || status == ReadStatus::partial;
}

/// What one reply was read as. As displayed: A is the answer shown first. Without a verdict all is empty, NaN or null.
struct Reading {
  ReadStatus status = ReadStatus::failed;
  std::string verdict;        ///< VerdictLabel::verdict; compare: A, B, tie; score and rubric: ""
  double value = kUndefined;  ///< of the verdict, or the probability (7.3); score: the number; rubric: the mean
  int games = 1;
  std::optional<std::pair<double, double>> values;     ///< compare: of the answer shown first, second
  std::vector<std::pair<std::string, double>> scores;  ///< rubric: per criterion, in its order; NaN: missing
  std::vector<std::string> unknown;                    ///< rubric: keys that are no criterion
  Json upstream;  ///< parse=lmms: what that tool returns, its defaults included; null else
  /// Weighted verdicts: verdict -> probability at the token where the verdict begins; empty: not asked for.
  std::vector<std::pair<std::string, double>> probabilities;
  double mass = kUndefined;
  bool weighted = false;
  bool has_verdict() const { return is_read(status) && (value == value || !scores.empty()); }
};

}  // namespace assay
