#include "repl/report_facts.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/score_line.hpp"
#include "core/text/duration.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

constexpr std::size_t kErrorsShown = 20;

Json known(double value) { return std::isfinite(value) ? Json(value) : Json(); }

}  // namespace

BatchFacts facts_of(const BatchView& batch, std::uint64_t unpriced) {
  BatchFacts facts;
  facts.info = batch.info();
  facts.unpriced = unpriced;
  batch.each(false, [&](const RunView& run) {
    facts.tally.add(run.status, run.score.verdict, run.usage.cost);
    facts.usage += run.usage;
    if (run.damaged) ++facts.unreadable;
    if (run.status == Status::fail) ++facts.errors[{run.error.kind, run.error.message}];
  });
  return facts;
}

std::string cost_words(const BatchFacts& facts) {
  const UsageSum& usage = facts.usage;
  if (usage.calls == 0) return {};
  if (facts.unpriced > 0 && usage.cost == 0 && usage.possible == 0)
    return "not known: " + counted(facts.unpriced, "call", "calls") + " of models without a price";
  std::string words = format_usd(usage.cost);
  if (usage.possible > 0) words += ", and possibly " + format_usd(usage.possible) + " more";
  if (facts.unpriced > 0) words += "; the price of " + counted(facts.unpriced, "call", "calls") + " is not known";
  return words;
}

std::string calls_words(const UsageSum& usage) {
  if (usage.calls == 0) return "no call is recorded";
  return counted(usage.calls, "call", "calls") + ", " + format_count(usage.in) + " tokens in, " +
         format_count(usage.out) + " out";
}

std::string status_words(const Tally& tally) {
  std::vector<std::string> parts;
  for (const auto& [count, name] : {std::pair(tally.complete, "COMPLETE"), std::pair(tally.fail, "FAIL"),
                                    std::pair(tally.incomplete, "INCOMPLETE"), std::pair(tally.ready, "READY")}) {
    if (count > 0) parts.push_back(count_text(count) + " " + name);
  }
  return counted(tally.n, "run", "runs") + (parts.empty() ? "" : ": " + joined(parts, ", "));
}

std::string score_words(const Tally& tally) {
  if (tally.scored() > 0) return tally_words(tally).plain();
  return no_score_line(tally.fail, tally.ready + tally.incomplete, tally.unscored);
}

std::string unreadable_words(std::uint64_t runs) {
  if (runs == 0) return {};
  return counted(runs, "run", "runs") +
         " can't be read back in full (`check` names the records): what is missing is in no figure, and is counted as "
         "unscored in the bounds";
}

ReportTable batches_table(const std::vector<BatchFacts>& batches) {
  ReportTable table{"the batches",
                    {{"batch", Form::text},
                     {"kind", Form::text},
                     {"model", Form::text},
                     {"runs", Form::count},
                     {"scored", Form::count},
                     {"score", Form::ratio},
                     {"low", Form::ratio},
                     {"high", Form::ratio},
                     {"worst", Form::ratio},
                     {"best", Form::ratio},
                     {"cost", Form::usd},
                     {"unpriced calls", Form::count}},
                    {}};
  for (const BatchFacts& facts : batches) {
    const Tally& tally = facts.tally;
    const auto [low, high] = tally.interval();
    const bool scored = tally.scored() > 0;
    const bool no_price = facts.usage.calls == 0 || (facts.unpriced > 0 && facts.usage.cost == 0);
    table.rows.push_back({facts.info.name, facts.info.kind, facts.info.model, tally.n, tally.scored(),
                          known(tally.score()), known(low), known(high), scored ? known(tally.worst()) : Json(),
                          scored ? known(tally.best()) : Json(), no_price ? Json() : Json(to_usd(facts.usage.cost)),
                          facts.unpriced});
  }
  return table;
}

ReportTable facts_table(const BatchFacts& facts) {
  ReportTable table{"", {{"batch", Form::text}, {facts.info.name, Form::text}}, {}};
  const std::vector<std::pair<const char*, std::string>> rows{
      {"kind", facts.info.kind},           {"model", facts.info.model},
      {"source", facts.info.source},       {"loaded", time_text(facts.info.created_at)},
      {"runs", status_words(facts.tally)}, {"score", score_words(facts.tally)},
      {"calls", calls_words(facts.usage)}, {"cost", cost_words(facts)}};
  for (const auto& [name, value] : rows) {
    if (!value.empty()) table.rows.push_back({name, value});
  }
  return table;
}

ReportTable errors_table(const BatchFacts& facts) {
  ReportTable table{
      "why runs FAILed", {{"kind", Form::text}, {"message", Form::text}, {"runs", Form::count}}, {}, kErrorsShown};
  std::vector<std::pair<std::pair<std::string, std::string>, std::uint64_t>> sorted(facts.errors.begin(),
                                                                                    facts.errors.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [error, count] : sorted) table.rows.push_back({error.first, error.second, count});
  return table;
}

}  // namespace assay
