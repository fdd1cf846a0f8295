#include "experiments/qa/tally.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/proportion.hpp"

namespace assay {
namespace {

bool has_metric(const RunView& run, std::string_view name) {
  return std::any_of(run.score.metrics.begin(), run.score.metrics.end(),
                     [&](const auto& metric) { return metric.first == name && metric.second == 1; });
}

}  // namespace

bool is_unextracted(const RunView& run) { return has_metric(run, "unextracted"); }
bool is_out_of_options(const RunView& run) { return has_metric(run, "out_of_options"); }

void QaTally::add(const RunView& run, bool has_gold, std::uint32_t item) {
  ++n;
  if (has_gold) ++gold;
  if (run.damaged && run.data.is_null() && run.score.verdict == Verdict::none) ++unreadable;
  const bool complete = run.status == Status::complete;
  if (run.status == Status::fail) ++failed;
  if (run.status == Status::ready || run.status == Status::incomplete) ++not_run;
  if (!complete) {
    if (has_gold) ++open;
    return;
  }
  const bool nothing = is_unextracted(run);
  if (nothing) ++unextracted;
  if (is_out_of_options(run)) ++out_of_options;
  if (run.score.verdict == Verdict::none) {
    ++unscored;
    if (has_gold) ++open;
    return;
  }
  ++scored;
  if (nothing) ++unextracted_scored;
  if (run.score.verdict == Verdict::correct) ++correct;
  if (nothing && has_gold) ++open;
  values.push_back(run.score.verdict == Verdict::correct ? 1 : 0);
  items.push_back(item);
}

Json QaTally::interval() const {
  const Figure figure = proportion(values, items, Quantile::z);
  if (std::isnan(figure.low)) return nullptr;
  return Json::array({figure.low, figure.high});
}

Json QaTally::accuracy() const {
  if (scored == 0) return nullptr;
  return static_cast<double>(correct) / static_cast<double>(scored);
}

Json QaTally::bounds() const {
  if (gold == 0) return nullptr;
  const Bounds limits = assay::bounds(static_cast<double>(correct), gold - open, open + unreadable);
  return Json::array({limits.worst, limits.best});
}

void Repeats::add(const RunView& run, const Item& item, const Scorer& scorer) {
  ++runs;
  if (run.status != Status::complete || item.answer.is_null()) return;
  if (run.score.verdict != Verdict::none) ++scored_runs;
  if (run.score.verdict == Verdict::correct) ++correct_runs;
  if (!run.answer.is_object() || !run.answer.contains("samples")) return;
  for (const Json& sample : run.answer["samples"]) {
    ++samples;
    const auto value = sample.find("value");
    if (value == sample.end() || !value->is_string()) continue;
    const auto& text = value->get_ref<const std::string&>();
    const auto [at, fresh] = right.try_emplace(text, false);
    if (fresh) {
      at->second = scorer.matches(item, text);
      votes.emplace_back(text, 0);
    }
    if (at->second) ++correct_samples;
    ++std::find_if(votes.begin(), votes.end(), [&](const auto& vote) { return vote.first == text; })->second;
  }
}

std::optional<std::string> Repeats::majority() const {
  if (votes.empty()) return std::nullopt;
  return std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

bool Repeats::tied() const {
  if (votes.empty()) return false;
  std::uint64_t most = 0;
  for (const auto& vote : votes) most = std::max(most, vote.second);
  return std::count_if(votes.begin(), votes.end(), [&](const auto& vote) { return vote.second == most; }) > 1;
}

}  // namespace assay
