#include "repl/estimate_view.hpp"

#include <cmath>

#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

std::string tokens_text(double tokens) { return count_text(static_cast<std::uint64_t>(std::llround(tokens))); }
std::string usd_text(double pico) { return format_usd(static_cast<std::int64_t>(std::llround(pico))); }

/// "330 (200 to 550)".
template <typename Text>
std::string range_text(const EstimateRange& range, Text text) {
  const std::string low = text(range.low), expected = text(range.expected), high = text(range.high);
  return low == high ? expected : expected + " (" + low + " to " + high + ")";
}

Json range_json(const EstimateRange& range, double unit) {
  return Json::object({{"low", range.low * unit}, {"expected", range.expected * unit}, {"high", range.high * unit}});
}

std::string money_text(const Estimate& made) {
  if (made.calls_unpriced == made.calls) return "not known: no price is known for its model";
  const std::string unpriced =
      "price unknown for " + count_text(made.calls_unpriced) + " of " + counted(made.calls, "call", "calls");
  if (made.calls_unpriced > 0 && made.cost && made.cost->high < 1) return unpriced + "; the others cost nothing";
  std::string text =
      made.cost ? range_text(*made.cost, usd_text) + " expected" : "not known: nothing bounds the answers";
  text += made.cost_most ? ", at most " + usd_text(*made.cost_most)
                         : ", not bounded [max_tokens, or max_output: N in models.yaml]";
  if (made.calls_unpriced > 0) text += "; " + unpriced + ", which are not in it";
  return text;
}

void tell(const Estimate& made, Reply& reply) {
  if (made.runs == 0) {
    reply.line("nothing to run: what is selected is COMPLETE (`rerun` executes it again)");
    return;
  }
  const auto line = [&](const char* name, const std::string& text) {
    reply.line(StyledText().add(name, TextRole::dim).add(text));
  };
  line("calls       ",
       count_text(made.calls) + " for " + count_text(made.runs) + (made.runs == 1 ? " run" : " runs") +
           (made.rendered < made.runs ? " (" + count_text(made.rendered) + " first prompts rendered)" : ""));
  line("tokens in   ",
       range_text(made.tokens_in, tokens_text) + (made.finished > 0 ? "" : ", from the length of the first prompts"));
  if (!made.tokens_out) {
    line("tokens out  ", "not known: nothing bounds the answers, and no run has finished");
  } else {
    line("tokens out  ", range_text(*made.tokens_out, tokens_text) +
                             (made.finished > 0 ? ", as in " + count_text(made.finished) + " finished runs"
                                                : ", which is max_tokens: no run has finished"));
  }
  line("money       ", money_text(made));
  line("time        ", made.seconds ? seconds_text(*made.seconds) + ": " + made.seconds_by
                                    : "not known: no limit is known, and no run has finished");
  for (const std::string& problem : made.problems) reply.line(StyledText().add(problem, TextRole::warn));
  reply.line(StyledText().add("0 requests were made", TextRole::dim));
}

}  // namespace

void show_estimate(const Estimate& made, Reply& reply) {
  tell(made, reply);
  Json& result = reply.result;
  result["runs"] = made.runs;
  result["rendered"] = made.rendered;
  result["calls"] = made.calls;
  result["requests"] = 0;
  result["tokens_in"] = range_json(made.tokens_in, 1);
  result["tokens_out"] = made.tokens_out ? range_json(*made.tokens_out, 1) : Json();
  result["cost_usd"] = made.cost ? range_json(*made.cost, 1e-12) : Json();
  result["cost_most_usd"] = made.cost_most ? Json(*made.cost_most * 1e-12) : Json();
  result["calls_unpriced"] = made.calls_unpriced;
  result["finished"] = made.finished;
  result["seconds"] = made.seconds ? Json(*made.seconds) : Json();
  result["seconds_by"] = made.seconds_by;
  result["problems"] = made.problems;
}

}  // namespace assay
