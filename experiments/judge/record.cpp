#include "experiments/judge/record.hpp"

#include <algorithm>
#include <cmath>

#include "runners/judge/reading_rules.hpp"

namespace assay {
namespace {

const Json* field(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_at(const Json& object, const char* name) {
  const Json* found = field(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

double number_at(const Json& object, const char* name) {
  const Json* found = field(object, name);
  return found != nullptr && found->is_number() ? found->get<double>() : kUndefined;
}

/// A verdict that names a model, or that was given of other places, in the item's own order.
Json in_items_order(const JudgeItem& item, const Json& verdict) {
  if (verdict.is_object()) {
    const std::string a = text_at(verdict, "a"), b = text_at(verdict, "b");
    const Json* said = field(verdict, "verdict");
    if (said == nullptr) return nullptr;
    const auto is = [](const std::string& given, const std::string& own) { return given.empty() || given == own; };
    const bool unknown = item.model_a.empty() && item.model_b.empty();
    if (unknown || (is(a, item.model_a) && is(b, item.model_b))) return *said;
    if (!is(a, item.model_b) || !is(b, item.model_a)) return nullptr;
    ReadingRules rules;
    rules.mode = JudgeMode::pairwise;
    const Json plain = gold_verdict(rules, *said);
    return plain.is_string() ? Json(unswapped(plain.get<std::string>())) : Json();
  }
  if (!verdict.is_string() || item.model_a == item.model_b) return verdict;
  const std::string& name = verdict.get_ref<const std::string&>();
  if (name.empty()) return verdict;
  if (name == item.model_a) return "A";
  return name == item.model_b ? Json("B") : verdict;
}

/// The verdict of a probability for the answer shown first, of a choice's value; a number of the mode has none.
std::string verdict_of(const ReadingRules& rules, double value) {
  if (has_two_answers(rules.mode)) return value > 0.5 ? "A" : value < 0.5 ? "B" : "tie";
  for (const VerdictLabel& label : rules.labels.labels) {
    const bool same = rules.mode == JudgeMode::binary
                          ? (label.value > 0.5 && value > 0.5) || (label.value < 0.5 && value < 0.5)
                          : std::abs(label.value - value) < 1e-9;
    if (same) return label.verdict;
  }
  return "";
}

bool on_scale(const Scale& scale, double value) {
  return std::isfinite(value) && (!scale || (value >= scale->first && value <= scale->second));
}

/// Whether a number can be what the mode says: of a scale, a probability, the value of a choice.
bool is_value_of(const ReadingRules& rules, double value) {
  if (rules.mode == JudgeMode::score || rules.mode == JudgeMode::rubric) return on_scale(rules.scale, value);
  if (rules.mode != JudgeMode::choice) return value >= 0 && value <= 1;
  // Beside its verdict it may be weighed by probabilities.
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const VerdictLabel& label : rules.labels.labels) {
    low = std::min(low, label.value);
    high = std::max(high, label.value);
  }
  return value >= low && value <= high;
}

Reading without_verdict(ReadStatus status) {
  Reading reading;
  reading.status = status;
  return reading;
}

Reading labelled(const ReadingRules& rules, const std::string& verdict, double value) {
  Reading reading;
  if (const VerdictLabel* label = label_of(rules.labels, verdict)) {
    reading.verdict = label->verdict;
    reading.value = label->value;
    reading.games = label->games;
  } else if (const Json known = has_two_answers(rules.mode) ? gold_verdict(rules, verdict) : Json(); !known.is_null()) {
    // A tie is none in an alphabet without one, unless probabilities alike say so.
    const bool has_tie = rules.takes_tie() || (rules.mode == JudgeMode::pairwise && value == 0.5);
    if (known == "tie" && !has_tie) return reading;
    reading.verdict = known.get<std::string>();
    reading.value = known == "A" ? 1 : known == "B" ? 0 : 0.5;
  }
  // A probability that stands beside its verdict.
  if (!reading.verdict.empty() && value == value) reading.value = value;
  return reading;
}

/// What a line keeps instead of a text. Nothing that can be read: `failed`.
Reading recorded_reading(const ReadingRules& rules, const Json& line) {
  const auto status = read_status(text_at(line, "status"));
  if (status && !is_read(*status)) return without_verdict(*status);
  Reading reading;
  const Json* values = field(line, "values");
  if (const Json* value = field(line, "value"); values == nullptr && value != nullptr && value->is_array())
    values = value;
  const Json* scores = field(line, "scores");
  std::string verdict = text_at(line, "verdict");
  double value = number_at(line, "value");
  if (rules.mode == JudgeMode::score && !(value == value)) {
    value = judged_number(bare(verdict), rules.scale).value_or(kUndefined);
    verdict.clear();
  }
  const bool by_criteria = rules.mode == JudgeMode::rubric && scores != nullptr;
  const bool by_pair = rules.mode == JudgeMode::compare && values != nullptr;
  if (value == value && !by_criteria && !by_pair && !is_value_of(rules, value))
    return without_verdict(ReadStatus::out_of_range);
  if (by_pair) {
    const double first = (*values)[0].get<double>(), second = (*values)[1].get<double>();
    if (!on_scale(rules.scale, first) || !on_scale(rules.scale, second))
      return without_verdict(ReadStatus::out_of_range);
    reading = labelled(rules, compared(first, second, rules.tie_delta), kUndefined);
    reading.values = std::pair(first, second);
  } else if (by_criteria) {
    reading = read_criteria(rules, *scores, true);
  } else if (!verdict.empty()) {
    reading = labelled(rules, verdict, value);
  } else if (value == value) {
    reading.value = value;
    reading.verdict = verdict_of(rules, value);
    if (rules.mode == JudgeMode::choice && reading.verdict.empty()) return without_verdict(ReadStatus::out_of_range);
  }
  if (field(line, "games") != nullptr) reading.games = static_cast<int>(number_at(line, "games"));
  reading.mass = number_at(line, "mass");
  if (reading.mass == 0) reading.value = kUndefined;
  if (rules.mode != JudgeMode::rubric || reading.status == ReadStatus::exact)
    reading.status = status.value_or(ReadStatus::exact);
  if (!reading.has_verdict() && reading.mass != 0) {
    reading = without_verdict(ReadStatus::failed);
  }
  return reading;
}

/// The verdict of weighed labels; of a choice the likeliest: the mean is seldom one.
std::string weighed_verdict(const ReadingRules& rules, const Reading& weighed) {
  if (rules.mode != JudgeMode::choice) return verdict_of(rules, weighed.value);
  const auto likeliest = std::max_element(weighed.probabilities.begin(), weighed.probabilities.end(),
                                          [](const auto& one, const auto& other) { return one.second < other.second; });
  return likeliest == weighed.probabilities.end() ? "" : likeliest->first;
}

/// Probabilities beside a recorded verdict, which they do not change; where there is none they are it, unless the line
/// says why there is none. AlpacaEval's rule for m and M.
void take_weights(const ReadingRules& rules, const Json& line, Judgement& judgement) {
  Reading& reading = judgement.reading;
  if (!judgement.alternatives.empty()) {
    Reading weighed;
    if (rules.labels.name == "mM" || rules.parse == "alpaca") {
      ReadingRules alpaca = rules;
      alpaca.parse = "alpaca";
      const std::vector<JudgedToken> tokens = {{"", 0, judgement.alternatives}};
      weighed = read_verdict(alpaca, {"", false, false, &tokens});
    } else {
      weigh(rules, judgement.alternatives, weighed);
      weighed.verdict = weighed.value == weighed.value ? weighed_verdict(rules, weighed) : "";
      weighed.status = weighed.value == weighed.value ? ReadStatus::exact : ReadStatus::failed;
    }
    const auto status = read_status(text_at(line, "status"));
    const bool none = (status && !is_read(*status)) || reading.status == ReadStatus::out_of_range;
    if (!none && (!reading.has_verdict() || rules.parse == "alpaca")) {
      reading = std::move(weighed);
      return;
    }
    reading.probabilities = std::move(weighed.probabilities);
    reading.mass = weighed.mass;
    reading.weighted = weighed.weighted;
  }
  const Json* probabilities = field(line, "probabilities");
  if (probabilities == nullptr) return;
  reading.probabilities.clear();
  for (const auto& [verdict, probability] : probabilities->items())
    reading.probabilities.emplace_back(verdict, probability.get<double>());
  reading.mass = number_at(line, "mass");
  if (const Json* weighted = field(line, "weighted")) reading.weighted = weighted->get<bool>();
}

Judgement recorded_judgement(const ReadingRules& rules, const Json& line) {
  // Everything but what was read is as in run.answer.
  Json kept = Json::object({{"status", "failed"}});
  for (const char* name : {"judge", "order", "sample", "raw", "stop_reason", "model_used", "fallback", "reask",
                           "attempts", "tokens_in", "tokens_out", "cost_usd", "error"}) {
    if (const Json* found = field(line, name)) kept[name] = *found;
  }
  if (!kept.contains("judge")) kept["judge"] = "judge";
  if (const Json* logprobs = field(line, "logprobs")) kept["alternatives"] = *logprobs;
  Judgement judgement = judgement_from(kept);
  const auto status = read_status(text_at(line, "status"));
  if (judgement.raw && status != ReadStatus::error) {
    judgement.reading.status = status.value_or(ReadStatus::failed);
    if (const Json* logprobs = field(line, "logprobs"); logprobs != nullptr && logprobs->empty())
      judgement.reading.mass = 0;
    read_again(rules, judgement);
    return judgement;
  }
  judgement.reading = recorded_reading(rules, line);
  take_weights(rules, line, judgement);
  return judgement;
}

}  // namespace

Json item_gold(const ReadingRules& rules, const JudgeItem& item) {
  return gold_verdict(rules, in_items_order(item, item.gold));
}

JudgeRecords::JudgeRecords(const BatchInfo& batch) : params_(batch.params), settings_(judge_settings(params_)) {}

JudgeRecord JudgeRecords::operator()(const RunView& run, const ExperimentView* experiment) const {
  JudgeRecord record;
  record.run = run.id;
  record.id = run.run_id;
  record.status = run.status;
  record.score = run.score;
  record.item = judge_item(run.data);
  if (const Json* human = field(run.answer, "human"); human != nullptr && human->is_object()) {
    record.item.human.clear();
    for (const auto& [rater, verdict] : human->items()) record.item.human[rater] = verdict;
  }
  const Json* changes = field(run.answer, "settings");
  record.settings = changes == nullptr ? settings_ : judge_settings(params_, *changes);
  record.reading = record.settings.reading(record.item);
  if (run.status == Status::complete || run.status == Status::fail) {
    const Json* judgements = field(run.answer, "judgements");
    if (judgements != nullptr && judgements->is_array()) {
      for (const Json& one : *judgements) record.judgements.push_back(judgement_from(one));
    }
  }
  record.item.gold = in_items_order(record.item, record.item.gold);
  for (auto& [rater, verdict] : record.item.human) verdict = in_items_order(record.item, verdict);
  record.pooled = pool_judgements(record.reading, record.settings.pooling(), record.judgements, record.settings.judges);
  record.gold = gold_verdict(record.reading, record.item.gold);
  record.stale = is_stale(record.item.source, experiment);
  return record;
}

bool is_stale(const Json& source, const ExperimentView* experiment) {
  if (experiment == nullptr) return false;
  if (source.is_array())
    return std::any_of(source.begin(), source.end(), [&](const Json& one) { return is_stale(one, experiment); });
  const std::string batch = text_at(source, "batch"), id = text_at(source, "id");
  const double attempt = number_at(source, "attempt");
  if (batch.empty() || !(attempt == attempt)) return false;
  const auto now = experiment->attempts(batch, id);
  if (!now && !text_at(source, "file").empty()) return false;  // a save whose runs are not loaded here
  return !now || static_cast<double>(*now) > attempt;
}

JudgedRun judged_run(const JudgeSettings& settings, const JudgeItem& item, std::vector<Judgement> judgements,
                     const Json& changes) {
  const ReadingRules rules = settings.reading(item);
  for (Judgement& judgement : judgements) read_again(rules, judgement);
  const PooledRun pooled = pool_judgements(rules, settings.pooling(), judgements, settings.judges);
  JudgedRun run;
  run.answer = judge_answer(rules, pooled, judgements);
  // A probe tests the judge: it is no score of anything.
  if (item.probe.empty()) run.score = judge_score(rules, pooled, item_gold(rules, item));
  if (changes.is_object() && !changes.empty()) run.answer["settings"] = changes;
  return run;
}

std::vector<Judgement> recorded_judgements(const JudgeSettings& settings, const JudgeItem& item) {
  const ReadingRules rules = settings.reading(item);
  std::vector<Judgement> judgements;
  for (const Json& line : item.recorded) judgements.push_back(recorded_judgement(rules, line));
  return judgements;
}

}  // namespace assay
