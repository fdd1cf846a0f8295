#pragma once
// From a judge's reply to its verdict, or to why there is none. Only the answer's text is read, never the reasoning; a
// verdict that can't be read is never a score. Specs: judge.md 6, 7.3. Pure functions: any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runners/judge/verdict.hpp"

namespace assay {

/// A token of the reply with the alternatives that stood at its place; natural logarithms.
struct JudgedToken {
  std::string token;
  double logprob = 0;
  std::vector<std::pair<std::string, double>> alternatives;
};

struct ReplyToRead {
  std::string_view text;
  bool cut = false;      ///< stopped for length
  bool refused = false;  ///< flagged refused or filtered
  /// With their alternatives: the verdict is weighted (7.3). nullptr: it was not asked for. Empty, or without
  /// alternatives at the verdict: they did not come; then there is no value (NaN) and the mass is 0.
  const std::vector<JudgedToken>* tokens = nullptr;
};

/// Linear in the text. A compatibility parser (6.3) returns what its tool returns, also of a reply that was cut: only
/// what it does not find is `truncated` then. Where the mode has no such tool (check_reading) it is read as strict.
/// Throws Error "usage" for rules whose pattern is no RE2 (parse=regex); nothing on account of the text.
Reading read_verdict(const ReadingRules& rules, const ReplyToRead& reply);

/// The place of the token at which the accepted verdict begins, for records that keep its alternatives only; npos:
/// there is none.
std::size_t verdict_token(const ReadingRules& rules, std::string_view text, const std::vector<JudgedToken>& tokens);

/// What stood at a token's place, the token itself included where its provider lists only others; empty: nothing did.
std::vector<std::pair<std::string, double>> alternatives_of(const JudgedToken& token);

/// For load and `evaluate`: throws Error "usage" where `parse` does not go with the mode or its labels, or patterns of
/// parse=regex are wrong: no RE2, no label of the alphabet.
void check_reading(const ReadingRules& rules);

/// Weighs a verdict that was read by what stood at its token (7.3): `probabilities`, `mass`, `value`, `weighted`.
/// pairwise, binary, choice and score; score only where no number of the scale begins with another (1 of 10): else, and
/// in the other modes, the plain value stays and `weighted` is false. No mass: the value is NaN.
void weigh(const ReadingRules& rules, const std::vector<std::pair<std::string, double>>& alternatives,
           Reading& reading);

/// A label as people and files write it ("A", "A>>B", "Yes", "tie", "positive"); nullptr: none of the alphabet.
const VerdictLabel* label_of(const VerdictLabels& labels, std::string_view text);
/// A text that is a number of judge.md 6.2: NUMBER, n/d and n out of d with d the upper end. nullopt: it is none.
std::optional<double> judged_number(std::string_view text, const Scale& scale);
/// The verdict of two numbers: A, B, tie within `delta`.
std::string compared(double a, double b, double delta);

/// Steps of the rules, for others that read verdicts (critics): the text without <think> blocks, trimmed; judge.md 6's
/// bare(); the text without MARKUP.
std::string without_thinking(std::string_view text);
std::string_view bare(std::string_view text, bool keep_arrows = false);

}  // namespace assay
