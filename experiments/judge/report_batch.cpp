#include "experiments/judge/report_batch.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "experiments/judge/answer_lengths.hpp"

namespace assay {
namespace {

/// Below this share of probability on the labels a weighted verdict says little.
constexpr double kLowMass = 0.5;

/// A>>B and A>B as A.
std::string coarse(const std::string& verdict) {
  if (verdict == "A=B") return "tie";
  if (verdict.starts_with("A>") || verdict.starts_with("B>")) return verdict.substr(0, 1);
  return verdict;
}

Json field_of(const JudgeItem& item, const std::string& name) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  if (name.empty() || name == "cluster") return item.cluster;
  if (name == "id") return text(item.id);
  if (name == "category") return text(item.category);
  if (name == "question") return text(item.question);
  if (name == "model") return text(item.model);
  if (name == "model_a") return text(item.model_a);
  if (name == "model_b") return text(item.model_b);
  if (name == "turn") return item.turn == 0 ? Json() : Json(item.turn);
  return item.extra.is_object() ? item.extra.value(name, Json()) : Json();
}

/// The id of the run that was judged: several judgements of one question share it.
Json source_id(const Json& source) {
  if (source.is_array() && !source.empty()) return source_id(source.front());
  return source.is_object() ? source.value("id", Json()) : Json();
}

double as_number(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  return value.is_number() ? value.get<double>() : kUndefined;
}

}  // namespace

Names::Names(std::initializer_list<const char*> first) {
  for (const char* name : first) number(name);
}

std::uint32_t Names::number(const std::string& name) {
  const auto [at, fresh] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (fresh) names_.push_back(name);
  return at->second;
}

JudgedBatch::JudgedBatch(const JudgeSettings& given) : settings(given) {
  for (const std::string& judge : given.judges) judges.number(judge);
  tallies.resize(judges.size());
}

std::uint32_t JudgedBatch::label(const std::string& verdict) { return labels.number(coarse(verdict)); }

Said JudgedBatch::said(const Json& value) {
  Said result;
  if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
    result.label = label(value.get_ref<const std::string&>());
  } else {
    result.number = as_number(value);
  }
  return result;
}

std::uint32_t JudgedBatch::cluster_of(const JudgeRecord& record) {
  Json key = field_of(record.item, record.settings.cluster);
  if (key.is_null() && record.settings.cluster.empty()) {
    key = field_of(record.item, "question_id");
    if (key.is_null()) key = source_id(record.item.source);
  }
  // Items without one are alone; a null byte is in no JSON text.
  const std::string text = key.is_null() ? std::string(1, '\0') + std::to_string(items.size()) : dump_json(key);
  return cluster_numbers_.try_emplace(text, static_cast<std::uint32_t>(cluster_numbers_.size())).first->second;
}

Opinion JudgedBatch::opinion(const PooledVerdict& pooled, const std::vector<Judgement>& judgements) {
  Opinion result;
  result.given = pooled.has_verdict();
  result.dropped = pooled.why == "dropped";
  if (result.given) {
    result.label = label(pooled.verdict);
    result.value = pooled.value;
  }
  result.ab = label(pooled.ab);
  result.ba = label(pooled.ba);
  result.games = pooled.games;
  if (pooled.values) std::tie(result.value_a, result.value_b) = *pooled.values;
  for (const auto& [name, value] : pooled.scores) result.scores.emplace_back(criteria.number(name), value);
  for (const Judgement& judgement : judgements) {
    if (judgement.judge != pooled.judge) continue;
    (judgement.order == JudgeOrder::ab ? result.asked_ab : result.asked_ba) = true;
    if (!judgement.reading.has_verdict()) ++result.unread;
  }
  return result;
}

void JudgedBatch::tally(const Judgement& judgement) {
  const std::uint32_t judge = judges.number(judgement.judge);
  tallies.resize(judges.size());
  for (JudgeTally* one : {&all, &tallies[judge]}) {
    ++one->judgements;
    ++one->statuses.at(static_cast<std::size_t>(judgement.reading.status));
    if (judgement.fallback) ++one->fallback;
    if (judgement.reask > 0) ++one->reask;
    if (judgement.reading.mass < kLowMass) ++one->low_mass;
    if (judgement.attempts > 0 || judgement.tokens_in > 0 || judgement.tokens_out > 0)
      one->calls += 1 + judgement.reask;
    one->tokens_in += judgement.tokens_in;
    one->tokens_out += judgement.tokens_out;
    one->cost_usd += judgement.cost_usd;
  }
  if (judgement.model_used.empty()) return;
  const auto [at, fresh] = used_numbers_.try_emplace({judge, judgement.model_used}, used.size());
  if (fresh) used.push_back({judge, judgement.model_used});
  ModelUsed& model = used[at->second];
  ++model.judgements;
  if (judgement.fallback) ++model.fallback;
  if (!judgement.reading.has_verdict() || std::isnan(judgement.reading.value)) return;
  ++model.read;
  const bool turned = judgement.order == JudgeOrder::ba && has_two_answers(settings.mode);
  model.value_sum += turned ? 1 - judgement.reading.value : judgement.reading.value;
}

void JudgedBatch::add_repeats(const JudgeRecord& record, const JudgedItem& item) {
  std::map<std::pair<std::uint32_t, JudgeOrder>, std::vector<double>> groups;
  for (const Judgement& judgement : record.judgements) {
    double said = kUndefined;
    if (judgement.reading.has_verdict())
      said = has_numbers() ? judgement.reading.value : static_cast<double>(label(judgement.reading.verdict));
    groups[{judges.number(judgement.judge), judgement.order}].push_back(said);
  }
  for (auto& [key, samples] : groups) {
    if (samples.size() < 2) continue;
    JudgeTally& own = tallies[key.first];
    own.repeats.push_back(std::move(samples));
    own.repeat_items.push_back(static_cast<std::uint32_t>(items.size()));
    own.repeat_clusters.push_back(item.cluster);
  }
}

void JudgedBatch::add(const JudgeRecord& record, bool first_is_baseline) {
  const bool probe = !record.item.probe.empty();
  if (!settled_ && record.status == Status::complete) {
    settings = record.settings;
    settled_ = true;
  }
  JudgedItem item;
  item.id = record.id;
  item.probe = record.item.probe;
  item.category = categories.number(record.item.category);
  item.turn = record.item.turn;
  item.score = record.score.verdict;
  item.gold = said(record.gold);
  for (const auto& [rater, verdict] : record.item.human) {
    const Said one = said(gold_verdict(record.reading, verdict));
    const std::uint32_t number = raters.number(rater);
    if (one.label != kNoLabel || !std::isnan(one.number)) item.human.emplace_back(number, one);
  }
  if (probe) {
    // Whose answers they are is of no interest.
  } else if (has_two_answers(record.settings.mode)) {
    item.model_a = models.number(record.item.model_a.empty() ? "A" : record.item.model_a);
    item.model_b = models.number(record.item.model_b.empty() ? "B" : record.item.model_b);
    std::tie(item.len_a, item.len_b) = answer_lengths(record.item);
    if (first_is_baseline) {
      baselines_.resize(models.size());
      baselines_[item.model_a] = true;
    }
  } else {
    item.model_a = item.model_b = models.number(record.item.model);
  }
  if (record.status == Status::complete) {
    item.panel = opinion(record.pooled.panel, {});
    for (const PooledVerdict& pooled : record.pooled.judges)
      item.judges.emplace_back(judges.number(pooled.judge), opinion(pooled, record.judgements));
    // A panel short of its quorum because of what swap_rule=drop took from it misses nothing.
    const auto& said_by = item.judges;
    const auto dropped = [](const auto& one) { return one.second.dropped; };
    const auto there = [](const auto& one) { return one.second.dropped || one.second.given; };
    if (!item.panel.given && std::any_of(said_by.begin(), said_by.end(), dropped) &&
        std::all_of(said_by.begin(), said_by.end(), there))
      item.panel.dropped = true;
  } else {
    // What is recorded of it is no verdict of the run: it is missing for all who were asked.
    for (const std::string& judge : record.settings.judges) item.judges.emplace_back(judges.number(judge), Opinion{});
  }
  tallies.resize(judges.size());
  if (probe) {
    probes.push_back(std::move(item));
    return;
  }
  item.cluster = cluster_of(record);
  clusters = cluster_numbers_.size();
  count(record, item);
  double upstream = 0;
  std::size_t n = 0;
  for (const Judgement& judgement : record.judgements) {
    const double value = as_number(judgement.reading.upstream);
    if (std::isnan(value)) continue;
    upstream += value;
    ++n;
  }
  if (n > 0) item.upstream = upstream / static_cast<double>(n);
  items.push_back(std::move(item));
}

void JudgedBatch::count(const JudgeRecord& record, const JudgedItem& item) {
  ++runs;
  if (record.status == Status::complete) {
    ++complete;
  } else if (record.status == Status::fail) {
    ++fail;
  } else {
    ++not_run;
  }
  if (record.stale) ++stale;
  for (const Judgement& judgement : record.judgements) tally(judgement);
  if (record.status == Status::complete) add_repeats(record, item);
}

std::vector<std::uint32_t> JudgedBatch::voters() const {
  std::vector<std::uint32_t> list;
  if (has_panel()) list.push_back(kPanel);
  for (std::uint32_t judge = 0; judge < judges.size(); ++judge) list.push_back(judge);
  return list;
}

std::vector<JudgedBatch::Vote> JudgedBatch::votes(std::uint32_t judge) const {
  std::vector<Vote> list;
  for (const JudgedItem& item : items) {
    if (judge == kPanel) {
      list.push_back({&item, &item.panel});
      continue;
    }
    for (const auto& [number, opinion] : item.judges) {
      if (number == judge) list.push_back({&item, &opinion});
    }
  }
  return list;
}

bool JudgedBatch::is_baseline(std::uint32_t model) const {
  if (!settings.baseline.empty() && models[model] == settings.baseline) return true;
  return model < baselines_.size() && baselines_[model];
}

}  // namespace assay
