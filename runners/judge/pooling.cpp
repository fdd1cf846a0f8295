#include "runners/judge/pooling.hpp"

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

bool is_number(double value) { return value == value; }

bool has_labels(JudgeMode mode) {
  return mode == JudgeMode::binary || mode == JudgeMode::choice || mode == JudgeMode::pairwise;
}

double value_of(const ReadingRules& rules, const std::string& verdict) {
  if (verdict == "inconsistent" || verdict == "tie") return 0.5;
  const VerdictLabel* label = rules.labels.find(verdict);
  if (label != nullptr) return label->value;
  return verdict == "A" ? 1 : verdict == "B" ? 0 : kUndefined;
}

/// The verdict of a value: of labels the one whose value it is; of two answers the one that is ahead.
std::string verdict_of(const ReadingRules& rules, double value) {
  if (has_two_answers(rules.mode)) return value > 0.5 ? "A" : value < 0.5 ? "B" : "tie";
  if (rules.mode == JudgeMode::binary) {
    for (const VerdictLabel& label : rules.labels.labels) {
      if ((label.value > 0.5 && value > 0.5) || (label.value < 0.5 && value < 0.5)) return label.verdict;
    }
    return "";
  }
  for (const VerdictLabel& label : rules.labels.labels) {
    if (std::abs(label.value - value) < 1e-9) return label.verdict;
  }
  return "";
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return kUndefined;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double pooled_value(const std::string& pool, const std::vector<double>& values) {
  if (values.empty()) return kUndefined;
  if (pool == "max") return *std::max_element(values.begin(), values.end());
  if (pool == "min") return *std::min_element(values.begin(), values.end());
  return mean_of(values);
}

/// The most frequent one; several: tie between two answers, "" elsewhere.
std::string majority(const ReadingRules& rules, const std::vector<std::string>& votes) {
  std::vector<std::pair<std::string, std::size_t>> counts;
  for (const std::string& vote : votes) {
    const auto at = std::find_if(counts.begin(), counts.end(), [&](const auto& one) { return one.first == vote; });
    if (at == counts.end()) {
      counts.emplace_back(vote, 1);
    } else {
      ++at->second;
    }
  }
  std::size_t most = 0, with_most = 0;
  for (const auto& [vote, count] : counts) most = std::max(most, count);
  std::string winner;
  for (const auto& [vote, count] : counts) {
    if (count == most && ++with_most == 1) winner = vote;
  }
  if (with_most == 1) return winner;
  return !counts.empty() && has_two_answers(rules.mode) ? "tie" : "";
}

/// Two numbers or criteria over several verdicts, each by `pool`.
void pool_numbers(const ReadingRules& rules, const std::string& pool, const std::vector<const PooledVerdict*>& from,
                  double tie_delta, PooledVerdict& to) {
  if (rules.mode == JudgeMode::compare) {
    std::vector<double> first, second;
    for (const PooledVerdict* one : from) {
      if (!one->values) continue;
      first.push_back(one->values->first);
      second.push_back(one->values->second);
    }
    if (first.empty()) return;
    to.values = std::pair(pooled_value(pool, first), pooled_value(pool, second));
    to.verdict = compared(to.values->first, to.values->second, tie_delta);
    to.value = value_of(rules, to.verdict);
    return;
  }
  if (rules.mode == JudgeMode::rubric) {
    std::vector<std::string> names;
    for (const PooledVerdict* one : from) {
      for (const auto& [name, score] : one->scores) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
    std::vector<double> all;
    for (const std::string& name : names) {
      std::vector<double> values;
      for (const PooledVerdict* one : from) {
        for (const auto& [other, score] : one->scores) {
          if (other == name && is_number(score)) values.push_back(score);
        }
      }
      to.scores.emplace_back(name, pooled_value(pool, values));
      all.push_back(to.scores.back().second);
    }
    // NaN stays NaN: a mean over fewer criteria is another figure.
    to.value = mean_of(all);
    return;
  }
  std::vector<double> values;
  for (const PooledVerdict* one : from) values.push_back(one->value);
  to.value = pooled_value(pool, values);
}

/// A reading in the item's own order.
PooledVerdict turned(const Judgement& judgement) {
  const Reading& reading = judgement.reading;
  PooledVerdict out;
  out.verdict = reading.verdict;
  out.value = reading.value;
  out.values = reading.values;
  if (std::any_of(reading.scores.begin(), reading.scores.end(),
                  [](const auto& score) { return is_number(score.second); }))
    out.scores = reading.scores;
  out.games = reading.games;
  if (judgement.order == JudgeOrder::ba) {
    out.verdict = unswapped(out.verdict);
    out.value = 1 - out.value;
    if (out.values) std::swap(out.values->first, out.values->second);
  }
  return out;
}

/// The samples of one order. `why` where there is no verdict.
PooledVerdict pool_samples(const ReadingRules& rules, double tie_delta, const std::vector<const Judgement*>& samples) {
  std::vector<PooledVerdict> read;
  bool any_reply = false, without_mass = false;
  for (const Judgement* one : samples) {
    if (one->reading.status != ReadStatus::error) any_reply = true;
    without_mass = without_mass || (is_read(one->reading.status) && one->reading.mass == 0);
    if (!one->reading.has_verdict()) continue;
    PooledVerdict verdict = turned(*one);
    if (is_number(verdict.value) || !verdict.scores.empty()) read.push_back(std::move(verdict));
  }
  PooledVerdict out;
  if (read.empty()) {
    out.why = without_mass ? "mass" : any_reply || samples.empty() ? "unparsed" : "error";
    return out;
  }
  if (read.size() == 1) return read[0];
  if (!has_labels(rules.mode)) {
    std::vector<const PooledVerdict*> all;
    for (const PooledVerdict& one : read) all.push_back(&one);
    pool_numbers(rules, "mean", all, tie_delta, out);
    return out;
  }
  std::vector<std::string> votes;
  for (const PooledVerdict& one : read) votes.push_back(one.verdict);
  out.verdict = majority(rules, votes);
  if (out.verdict.empty()) {
    out.why = "split";
    return out;
  }
  out.value = value_of(rules, out.verdict);
  std::vector<double> values;
  bool first = true;
  for (const PooledVerdict& one : read) {
    if (one.verdict != out.verdict) continue;
    values.push_back(one.value);
    out.games = first ? one.games : std::min(out.games, one.games);
    first = false;
  }
  // Recorded probabilities stay what they are where the samples are of one mind.
  if (values.size() == read.size()) out.value = mean_of(values);
  return out;
}

/// Both orders by swap_rule; both have a verdict.
PooledVerdict pool_orders(const ReadingRules& rules, const PoolingRules& pooling, const PooledVerdict& ab,
                          const PooledVerdict& ba) {
  PooledVerdict out;
  out.games = (ab.games + ba.games + 1) / 2;
  if (rules.mode == JudgeMode::compare) {
    pool_numbers(rules, "mean", {&ab, &ba}, pooling.tie_delta, out);
    return out;
  }
  const double mean = (ab.value + ba.value) / 2;
  if (pooling.swap_rule == "mean") {
    out.value = mean;
    out.verdict = verdict_of(rules, mean);
  } else if (pooling.swap_rule == "sum") {
    const auto game = [](const std::string& verdict) { return verdict == "A" ? 1 : verdict == "B" ? -1 : 0; };
    const int sum = game(ab.verdict) + game(ba.verdict);
    out.verdict = sum > 0 ? "A" : sum < 0 ? "B" : "tie";
    out.value = value_of(rules, out.verdict);
  } else if (ab.verdict == ba.verdict) {
    out.verdict = ab.verdict;
    out.value = mean;
  } else if (pooling.swap_rule == "drop") {
    out.why = "dropped";
  } else {
    out.verdict = "inconsistent";
    out.value = 0.5;
  }
  return out;
}

PooledVerdict pool_judge(const ReadingRules& rules, const PoolingRules& pooling, const std::string& judge,
                         const std::vector<const Judgement*>& judgements) {
  std::vector<const Judgement*> orders[2];
  for (const Judgement* one : judgements) orders[one->order == JudgeOrder::ba ? 1 : 0].push_back(one);
  PooledVerdict parts[2];
  for (int i = 0; i < 2; ++i) parts[i] = pool_samples(rules, pooling.tie_delta, orders[i]);
  const bool both = has_two_answers(rules.mode) && (pooling.both_orders || (!orders[0].empty() && !orders[1].empty()));

  PooledVerdict out;
  if (!both) {
    out = orders[0].empty() && !orders[1].empty() ? parts[1] : parts[0];
  } else if (parts[0].has_verdict() && parts[1].has_verdict()) {
    out = pool_orders(rules, pooling, parts[0], parts[1]);
  } else if (parts[0].has_verdict() || parts[1].has_verdict()) {
    if (pooling.quorum == 0) {
      out.why = "order";
    } else {
      out = parts[0].has_verdict() ? parts[0] : parts[1];
    }
  } else {
    out.why = parts[0].why == parts[1].why ? parts[0].why : "unparsed";
  }
  if (judgements.empty()) out.why = "missing";
  out.judge = judge;
  out.ab = parts[0].verdict;
  out.ba = parts[1].verdict;
  out.ab_value = parts[0].value;
  out.ba_value = parts[1].value;
  return out;
}

std::string as_vote(const std::string& verdict) { return verdict == "inconsistent" ? "tie" : verdict; }

PooledVerdict pool_panel(const ReadingRules& rules, const PoolingRules& pooling,
                         const std::vector<PooledVerdict>& judges) {
  std::vector<const PooledVerdict*> read;
  for (const PooledVerdict& judge : judges) {
    if (judge.has_verdict()) read.push_back(&judge);
  }
  const std::size_t quorum = pooling.quorum == 0 ? judges.size() : pooling.quorum;
  PooledVerdict panel;
  if (judges.size() == 1 && read.size() == 1) {
    panel = judges[0];
    panel.judge.clear();
    return panel;
  }
  if (read.empty() || read.size() < quorum) {
    const bool same =
        std::all_of(judges.begin(), judges.end(), [&](const PooledVerdict& one) { return one.why == judges[0].why; });
    panel.why = judges.empty() ? "missing" : read.empty() && same ? judges[0].why : "quorum";
    if (judges.size() == 1) {
      panel.ab = judges[0].ab;
      panel.ba = judges[0].ba;
      panel.ab_value = judges[0].ab_value;
      panel.ba_value = judges[0].ba_value;
    }
    return panel;
  }
  if (!has_labels(rules.mode)) {
    pool_numbers(rules, pooling.pool, read, pooling.tie_delta, panel);
    return panel;
  }
  if (pooling.pool != "majority") {
    std::vector<double> values;
    for (const PooledVerdict* one : read) values.push_back(one->value);
    panel.value = pooled_value(pooling.pool, values);
    panel.verdict = verdict_of(rules, panel.value);
    return panel;
  }
  std::vector<std::string> votes;
  bool all_inconsistent = true;
  for (const PooledVerdict* one : read) {
    votes.push_back(as_vote(one->verdict));
    all_inconsistent = all_inconsistent && one->verdict == "inconsistent";
  }
  panel.verdict = all_inconsistent ? "inconsistent" : majority(rules, votes);
  if (panel.verdict.empty()) {
    panel.why = "split";
  } else {
    panel.value = value_of(rules, panel.verdict);
  }
  return panel;
}

}  // namespace

PooledRun pool_judgements(const ReadingRules& reading, const PoolingRules& rules,
                          const std::vector<Judgement>& judgements, const std::vector<std::string>& judges) {
  std::vector<std::string> names = judges;
  for (const Judgement& one : judgements) {
    if (std::find(names.begin(), names.end(), one.judge) == names.end()) names.push_back(one.judge);
  }
  std::vector<std::vector<const Judgement*>> of(names.size());
  for (const Judgement& one : judgements)
    of[static_cast<std::size_t>(std::find(names.begin(), names.end(), one.judge) - names.begin())].push_back(&one);
  PooledRun run;
  for (std::size_t i = 0; i < names.size(); ++i) run.judges.push_back(pool_judge(reading, rules, names[i], of[i]));
  run.panel = pool_panel(reading, rules, run.judges);
  if (run.judges.size() > 1 && !run.panel.verdict.empty()) {
    std::size_t asked = 0, agreeing = 0;
    for (const PooledVerdict& judge : run.judges) {
      if (judge.verdict.empty()) continue;
      ++asked;
      if (as_vote(judge.verdict) == as_vote(run.panel.verdict)) ++agreeing;
    }
    if (asked > 0) run.agreement = static_cast<double>(agreeing) / static_cast<double>(asked);
  }
  return run;
}

std::string unswapped(const std::string& verdict) {
  std::string out = verdict;
  if (out.find_first_not_of("AB<>= ") != std::string::npos) return out;
  if (out == "A" || out == "B") return out == "A" ? "B" : "A";
  // A>>B: the letters change places, and the sign shows whom it favours.
  const std::size_t first = out.find_first_of("AB"), last = out.find_last_of("AB");
  if (first == last || out.find_first_of("<>") == std::string::npos) return out;
  std::swap(out[first], out[last]);
  return out;
}

}  // namespace assay
