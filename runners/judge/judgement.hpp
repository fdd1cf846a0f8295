#pragma once
// One judgement of a run: which call it was, and what came of it; the form in which run.answer holds it. Specs:
// judge.md 5. Values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runners/judge/reading.hpp"
#include "runners/judge/verdict.hpp"

namespace assay {

enum class JudgeOrder : std::uint8_t { ab, ba };  ///< ab: the item's first answer is shown first
std::string_view to_text(JudgeOrder order);

struct Judgement {
  std::string judge;  ///< the judge's name as the person gave it
  JudgeOrder order = JudgeOrder::ab;
  std::uint32_t sample = 0;
  /// As displayed; ReadStatus::error: the call failed, `error` says how.
  Reading reading;
  /// What was said; nullopt: a recorded judgement that keeps only its verdict (then nothing is read anew).
  std::optional<std::string> raw;
  std::string stop_reason;  ///< "stop", "max_tokens", ..; "" unknown
  std::string model_used;   ///< "" unknown (recorded)
  bool fallback = false;
  std::uint32_t reask = 0;     ///< how often it was asked again
  std::uint32_t attempts = 0;  ///< sendings of the last call
  std::int64_t tokens_in = 0, tokens_out = 0;
  double cost_usd = 0;
  std::string error;  ///< "KIND: message" of a failed call
  /// At the token where the verdict began: kept so that other labels can weigh it.
  std::vector<std::pair<std::string, double>> alternatives;
};
/// {"judge","order","sample","status","verdict","value","values","scores","probabilities","mass","raw","stop_reason",
/// "model_used","fallback","reask","attempts","tokens_in","tokens_out","cost_usd","upstream"}, then "games",
/// "weighted", "error", "alternatives" where they say something. Absent verdicts and numbers are null.
Json to_json(const Judgement& judgement);
/// The inverse. Throws Error "file" for what is no judgement.
Judgement judgement_from(const Json& value);

/// Reads it anew from what it keeps: `raw` (with stop_reason, and alternatives for the weights); one without raw, or
/// whose call failed, stays as it is.
void read_again(const ReadingRules& rules, Judgement& judgement);

}  // namespace assay
