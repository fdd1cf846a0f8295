#include "runners/judge/outcome.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr double kSame = 1e-9;

Json number_or_null(double value) { return value == value ? Json(value) : Json(); }

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

Json gold_of_two(const ReadingRules& rules, const Json& gold) {
  if (gold.is_number()) {
    const double number = gold.get<double>();
    if (number == 1) return "A";
    if (number == 2) return "B";
    return number == 0 || number == 0.5 || number == 1.5 ? Json("tie") : Json();
  }
  if (!gold.is_string()) return nullptr;
  if (const VerdictLabel* label = label_of(rules.labels, gold.get_ref<const std::string&>())) return label->verdict;
  std::string text = to_lower(trim(gold.get_ref<const std::string&>()));
  std::erase_if(text, [](char c) { return c == ' ' || c == '_' || c == '-'; });
  if (is_one_of(text, {"a", "1", "modela", "model1", "answera", "answer1", "responsea", "response1", "outputa",
                       "output1", "assistanta", "assistant1", "first", "a>b", "a>>b", "b<a", "b<<a"}))
    return "A";
  if (is_one_of(text, {"b", "2", "modelb", "model2", "answerb", "answer2", "responseb", "response2", "outputb",
                       "output2", "assistantb", "assistant2", "second", "b>a", "b>>a", "a<b", "a<<b"}))
    return "B";
  if (is_one_of(text, {"c", "tie", "ties", "draw", "equal", "same", "both", "neither", "tie(bothbad)", "bothbad", "a=b",
                       "b=a", "0", "0.5", "1.5"}))
    return "tie";
  return nullptr;
}

Json gold_of_labels(const ReadingRules& rules, const Json& gold) {
  std::string text;
  if (gold.is_string()) {
    text = gold.get<std::string>();
  } else if (gold.is_boolean()) {
    text = gold.get<bool>() ? "1" : "0";
  } else if (gold.is_number()) {
    const double number = gold.get<double>();
    if (rules.mode == JudgeMode::binary && number != 0 && number != 1) return nullptr;
    text = number == std::floor(number) && std::abs(number) < 1e15 ? std::to_string(static_cast<long long>(number))
                                                                   : dump_json(gold);
  } else {
    return nullptr;
  }
  if (const VerdictLabel* label = label_of(rules.labels, trim(text))) return label->verdict;
  if (rules.mode != JudgeMode::binary) return nullptr;
  const std::string lower = to_lower(trim(text));
  const bool positive = is_one_of(lower, {"1", "yes", "true", "correct", "positive", "right", "pass"});
  const bool negative = is_one_of(lower, {"0", "no", "false", "incorrect", "negative", "wrong", "fail"});
  for (const VerdictLabel& label : rules.labels.labels) {
    if ((positive && label.value == 1) || (negative && label.value == 0)) return label.verdict;
  }
  return nullptr;
}

Json gold_number(const ReadingRules& rules, const Json& gold) {
  if (gold.is_number()) return gold.get<double>();
  if (!gold.is_string()) return nullptr;
  const auto number = judged_number(trim(gold.get_ref<const std::string&>()), rules.scale);
  return number && std::isfinite(*number) ? Json(*number) : Json();
}

Score choice_score(const ReadingRules& rules, double value) {
  double low = value, high = value;
  for (const VerdictLabel& label : rules.labels.labels) {
    low = std::min(low, label.value);
    high = std::max(high, label.value);
  }
  if (low == high) return Score::none();
  return value >= high - kSame ? Score::correct() : value <= low + kSame ? Score::incorrect() : Score::none();
}

}  // namespace

Json judge_answer(const ReadingRules& rules, const PooledRun& pooled, const std::vector<Judgement>& judgements) {
  const PooledVerdict& panel = pooled.panel;
  Json answer = Json::object();
  answer["verdict"] = panel.verdict.empty() ? Json() : Json(panel.verdict);
  answer["value"] = number_or_null(panel.value);
  answer["why"] = panel.why.empty() ? Json() : Json(panel.why);
  if (rules.mode == JudgeMode::compare) {
    answer["value_a"] = panel.values ? Json(panel.values->first) : Json();
    answer["value_b"] = panel.values ? Json(panel.values->second) : Json();
  }
  if (rules.mode == JudgeMode::rubric) {
    Json& scores = answer["scores"] = Json::object();
    for (const auto& [name, score] : panel.scores) scores[name] = number_or_null(score);
  }
  Json& all = answer["judgements"] = Json::array();
  for (const Judgement& judgement : judgements) all.push_back(to_json(judgement));
  return answer;
}

Json gold_verdict(const ReadingRules& rules, const Json& gold) {
  if (has_two_answers(rules.mode)) return gold_of_two(rules, gold);
  if (rules.mode == JudgeMode::score || rules.mode == JudgeMode::rubric) return gold_number(rules, gold);
  return gold_of_labels(rules, gold);
}

Score judge_score(const ReadingRules& rules, const PooledRun& pooled, const Json& gold) {
  const PooledVerdict& panel = pooled.panel;
  Score score;
  if (rules.mode == JudgeMode::rubric) {
    for (const auto& [name, value] : panel.scores) {
      if (value == value) score.metric("score." + name, value);
    }
    if (panel.value == panel.value) score.metric("value", panel.value);
    return score;
  }
  if (!panel.has_verdict()) return score;
  switch (rules.mode) {
    case JudgeMode::binary:
      if (const VerdictLabel* label = rules.labels.find(panel.verdict)) score = Score::of(label->value == 1);
      break;
    case JudgeMode::choice: {
      const VerdictLabel* label = rules.labels.find(panel.verdict);
      if (label != nullptr) score = choice_score(rules, label->value);
      break;
    }
    case JudgeMode::score:
      if (gold.is_number()) score = Score::of(std::abs(gold.get<double>() - panel.value) < kSame);
      break;
    case JudgeMode::pairwise:
    case JudgeMode::compare:
      // Orders that contradict each other come to a tie.
      if (gold.is_string())
        score = Score::of((panel.verdict == "inconsistent" ? "tie" : panel.verdict) == gold.get<std::string>());
      break;
    case JudgeMode::rubric:
      break;
  }
  if (panel.value == panel.value) score.metric("value", panel.value);
  if (panel.values) score.metric("value_a", panel.values->first).metric("value_b", panel.values->second);
  if (pooled.agreement == pooled.agreement) score.metric("agreement", pooled.agreement);
  return score;
}

}  // namespace assay
