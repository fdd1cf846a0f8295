#include "experiments/judge/prompt_values.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/prompt_fastchat.hpp"

namespace assay {
namespace {

Json number_or_text(double value) {
  if (std::nearbyint(value) == value && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

const std::string& at_or_empty(const std::vector<std::string>& texts, std::size_t place) {
  static const std::string kNone;
  return place < texts.size() ? texts[place] : kNone;
}

/// Of the judged turn, where an item has answers per turn only.
std::string answer_of(const std::optional<std::string>& answer, const std::vector<std::string>& turns,
                      std::size_t turn) {
  return answer ? *answer : at_or_empty(turns, turn - 1);
}

Json shown_turns(const JudgeItem& item, bool with_reference) {
  Json turns = Json::array();
  const std::size_t turn = judged_turn(item);
  if (turn < 2) return turns;
  for (std::size_t i = 0; i < std::min(turn, item.turns.size()); ++i) {
    turns.push_back({{"question", item.turns[i]},
                     {"prediction", at_or_empty(item.predictions, i)},
                     {"response1", at_or_empty(item.responses1, i)},
                     {"response2", at_or_empty(item.responses2, i)},
                     {"reference", with_reference ? at_or_empty(item.references, i) : ""}});
  }
  return turns;
}

std::string range_of(const Scale& scale) {
  return scale ? "a number from " + shown_number(scale->first) + " to " + shown_number(scale->second) : "a number";
}

}  // namespace

bool shows_reference(const JudgeSettings& settings, const JudgeItem& item) {
  if (settings.with_reference == "off") return false;
  if (settings.with_reference == "on" || settings.mode == JudgeMode::binary) return true;
  const auto format = item.extra.find("format");
  const bool mtbench = format != item.extra.end() && *format == "mtbench";
  return !reference_of(item).empty() && (!mtbench || is_reference_category(item.category));
}

std::string reference_of(const JudgeItem& item) {
  return answer_of(item.reference, item.references, judged_turn(item));
}

JudgeItem displayed(const JudgeItem& item, JudgeOrder order) {
  JudgeItem shown = item;
  if (order == JudgeOrder::ab) return shown;
  std::swap(shown.response1, shown.response2);
  std::swap(shown.responses1, shown.responses2);
  std::swap(shown.model_a, shown.model_b);
  std::swap(shown.len_a, shown.len_b);
  return shown;
}

std::size_t judged_turn(const JudgeItem& item) {
  return item.turn != 0 ? item.turn : std::max<std::size_t>(item.turns.size(), 1);
}

std::string shown_label(const VerdictLabels& labels, const VerdictLabel& label) {
  if (labels.name.starts_with("AB")) return to_upper(label.texts.front());
  if (labels.name == "yesno") {
    std::string text = label.texts.front();
    return to_upper(text.substr(0, 1)) + text.substr(1);
  }
  // A label of a person's own is known in its lower case; where it is the verdict, also as it was given.
  return to_lower(label.verdict) == label.texts.front() && !labels.match_case ? label.verdict : label.texts.front();
}

std::string shown_number(double number) { return dump_json(number_or_text(number)); }

Json prompt_variables(const JudgeSettings& settings, const JudgeItem& item, const std::string& fence) {
  const ReadingRules rules = settings.reading(item);
  const bool with_reference = shows_reference(settings, item);
  const std::size_t turn = judged_turn(item);
  Json labels = Json::array(), positive, negative;
  for (const VerdictLabel& label : rules.labels.labels) {
    const std::string text = shown_label(rules.labels, label);
    labels.push_back(
        {{"text", text}, {"verdict", label.verdict}, {"value", number_or_text(label.value)}, {"games", label.games}});
    if (settings.mode == JudgeMode::binary) (label.value > 0.5 ? positive : negative) = text;
  }
  Json criteria = Json::array();
  for (const auto& [name, text] : item.rubric.empty() ? settings.rubric : item.rubric) {
    criteria.push_back({{"name", name}, {"text", text}});
  }
  return {{"question", item.question.empty() ? at_or_empty(item.turns, turn - 1) : item.question},
          {"reference", with_reference ? reference_of(item) : ""},
          {"prediction", answer_of(item.prediction, item.predictions, turn)},
          {"response1", answer_of(item.response1, item.responses1, turn)},
          {"response2", answer_of(item.response2, item.responses2, turn)},
          {"context", item.context},
          {"options", item.options},
          {"turns", shown_turns(item, with_reference)},
          {"turn", turn},
          {"category", item.category},
          {"criteria", std::move(criteria)},
          {"lo", rules.scale ? number_or_text(rules.scale->first) : Json()},
          {"hi", rules.scale ? number_or_text(rules.scale->second) : Json()},
          {"positive", std::move(positive)},
          {"negative", std::move(negative)},
          {"labels", std::move(labels)},
          {"ties", rules.labels.has_tie()},
          {"instruction", settings.instruction},
          {"fence", fence},
          {"with_reference", with_reference},
          {"evidence", settings.evidence == "first"},
          {"reply", settings.reply == "text" ? "text" : "json"}};
}

std::string verdict_form(const JudgeSettings& settings) {
  const ReadingRules rules = settings.reading(JudgeItem{});
  const std::string range = range_of(rules.scale);
  if (settings.mode == JudgeMode::compare) return "two numbers with a blank between, each " + range;
  if (settings.mode == JudgeMode::rubric) return "one JSON object that gives every criterion " + range;
  if (settings.mode == JudgeMode::score) return "[[N]], where N is " + range;
  std::string form;
  const auto& labels = rules.labels.labels;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) form += i + 1 < labels.size() ? ", " : " or ";
    form += "[[" + shown_label(rules.labels, labels[i]) + "]]";
  }
  return form;
}

}  // namespace assay
