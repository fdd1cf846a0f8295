#include "experiments/declared/answer_rule.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/character_class.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/item.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

const std::vector<std::string> kWays{"equals", "number", "contains", "choice", "pattern", "test"};

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

StudyGold read_gold(const StudyValue& value, const StudyDocument& document) {
  StudyGold gold;
  gold.line = value.node->line;
  gold.key = value.key;
  const std::string text = value.text();
  if (has_template(text)) {
    gold.text = StudyTemplate(value, document);
  } else {
    gold.name = text;
  }
  return gold;
}

/// Position of the option that a letter or a text names.
std::optional<std::size_t> option_of(const std::string& given, const std::vector<std::string>& options) {
  const std::string text(trim(given));
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (to_lower(std::string_view(trim(options[i]))) == to_lower(std::string_view(text))) return i;
  }
  if (text.size() != 1) return std::nullopt;
  const char letter = text[0] >= 'a' ? static_cast<char>(text[0] - 'a' + 'A') : text[0];
  const auto at = static_cast<std::size_t>(letter - 'A');
  if (letter < 'A' || letter > 'Z' || (!options.empty() && at >= options.size())) return std::nullopt;
  return at;
}

}  // namespace

std::vector<std::string> StudyGold::values(const Json& variables, RandomSource& random) const {
  if (text) {
    std::string rendered = text.render(variables, random);
    return trim(rendered).empty() ? std::vector<std::string>() : std::vector<std::string>{std::move(rendered)};
  }
  const auto found = variables.find(name);
  std::vector<std::string> list;
  if (found == variables.end()) return list;
  const auto take = [&](const Json& one) {
    if (!one.is_null() && !(one.is_string() && trim(one.get_ref<const std::string&>()).empty()))
      list.push_back(text_of(one));
  };
  if (found->is_array()) {
    for (const Json& one : *found) take(one);
  } else {
    take(*found);
  }
  return list;
}

AnswerRule::AnswerRule(const StudyValue& value, const StudyDocument& document) {
  if (value.is_scalar()) {
    if (value.text() != "none") {
      value.refuse("found '" + truncate_to_width(value.text(), 40) + "', expected none or how to score",
                   "like {equals: COLUMN}; ways: " + joined(kWays, ", "));
    }
    return;
  }
  std::vector<std::string> known = kWays;
  known.insert(known.end(), {"ignore", "tolerance", "options", "unextracted"});
  const StudyMap map(value, known);
  std::vector<std::string> given;
  for (const std::string& way : kWays) {
    if (map.find(way)) given.push_back(way);
  }
  if (given.empty()) value.refuse("says no way to score", "one of " + joined(kWays, ", "));
  if (given.size() > 1) value.refuse(joined(given, " and ") + " exclude each other");
  const std::string& way = given.front();
  const StudyValue of = *map.find(way);
  way_ = static_cast<Way>(std::find(kWays.begin(), kWays.end(), way) - kWays.begin() + 1);
  const auto belongs = [&](const char* key, std::initializer_list<Way> ways, const char* to) {
    const auto found = map.find(key);
    if (found && std::find(ways.begin(), ways.end(), way_) == ways.end()) {
      found->refuse("belongs to " + std::string(to) + ", not to " + way);
    }
    return found;
  };
  if (way_ == Way::test) {
    test_ = StudyTemplate::condition(of, document);
  } else if (way_ == Way::pattern) {
    try {
      pattern_.emplace(of.text());
    } catch (const Error& error) {
      if (error.kind() != "query") throw;
      of.refuse(error.message(), error.hint());
    }
  } else {
    gold_ = read_gold(of, document);
  }
  if (const auto ignore = belongs("ignore", {Way::equals, Way::contains}, "equals and contains")) {
    const std::vector<std::string> words = ignore->texts();
    const std::vector<std::string> all{"case", "space", "punctuation"};
    for (std::size_t i = 0; i < words.size(); ++i) {
      (ignore->is_list() ? ignore->items()[i] : *ignore).choice(all);
      ignored_.insert(words[i]);
    }
  }
  if (const auto tolerance = belongs("tolerance", {Way::number}, "number")) {
    tolerance_ = tolerance->number();
    if (!(tolerance_ >= 0) || std::isinf(tolerance_)) tolerance->refuse("expected 0 or more");
  }
  if (const auto options = belongs("options", {Way::choice}, "choice")) {
    if (options->is_list()) {
      options_ = options->texts();
    } else {
      options_name_ = read_gold(*options, document);
      if (options_name_->text) options->refuse("found a template, expected a column or a list");
    }
  }
  if (const auto word = map.find("unextracted")) {
    unextracted_is_null_ = word->choice({"incorrect", "unscored"}) == "unscored";
  }
}

std::string AnswerRule::folded(std::string_view text) const {
  std::string out;
  bool blank = false;
  const bool drop_marks = ignored_.contains("punctuation"), fold_space = ignored_.contains("space");
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    at += point.length;
    const bool is_blank = is_blank_character(point.value);
    if (drop_marks && !is_blank && !is_word_character(point.value)) continue;
    if (fold_space && is_blank) {
      blank = true;
      continue;
    }
    if (blank && !out.empty()) out += ' ';
    blank = false;
    append_utf8(out, point.value);
  }
  if (ignored_.contains("case")) out = to_lower(std::string_view(out));
  return std::string(trim(out));
}

std::vector<std::string> AnswerRule::options_of(const Json& variables, RandomSource& random) const {
  return options_name_ ? options_name_->values(variables, random) : options_;
}

bool AnswerRule::is_right(const std::string& value, const std::string& gold,
                          const std::vector<std::string>& options) const {
  switch (way_) {
    case Way::equals:
      return folded(value) == folded(gold);
    case Way::contains:
      return folded(value).find(folded(gold)) != std::string::npos;
    case Way::number: {
      const auto left = canonical_number(value), right = canonical_number(gold);
      if (!left || !right) return false;
      if (*left == *right) return true;
      // A tolerance of 0.1 takes 1.1 for 1: what the doubles lack of it is not the answer's fault.
      const double apart = std::fabs(number_of(*left) - number_of(*right));
      return apart <= tolerance_ * (1 + 1e-9);
    }
    case Way::choice: {
      const auto chosen = option_of(value, options), right = option_of(gold, options);
      if (chosen && right) return *chosen == *right;
      return to_lower(std::string_view(trim(value))) == to_lower(std::string_view(trim(gold)));
    }
    default:
      return false;
  }
}

bool AnswerRule::can_score(const Json& variables, RandomSource& random) const {
  if (!scores()) return false;
  if (!gold_) return true;
  if (gold_->text) return true;  // it may need the replies
  return !gold_->values(variables, random).empty();
}

Verdict AnswerRule::judge(const std::optional<std::string>& value, const Json& variables, RandomSource& random) const {
  if (!scores()) return Verdict::none;
  std::vector<std::string> golds;
  if (gold_) {
    golds = gold_->values(variables, random);
    if (golds.empty()) return Verdict::none;
  }
  if (!value) return unextracted_is_null_ ? Verdict::none : Verdict::incorrect;
  bool right = false;
  if (way_ == Way::test) {
    right = test_.holds(variables, random);
  } else if (way_ == Way::pattern) {
    right = pattern_->matches(*value);
  } else {
    const auto options = options_of(variables, random);
    right = std::any_of(golds.begin(), golds.end(), [&](const auto& gold) { return is_right(*value, gold, options); });
  }
  return right ? Verdict::correct : Verdict::incorrect;
}

std::optional<Hint> AnswerRule::hint(const Json& variables, const std::vector<std::string>& values,
                                     RandomSource& random) const {
  if (!gold_ || gold_->text) return std::nullopt;
  const auto golds = gold_->values(variables, random);
  if (golds.empty()) return std::nullopt;
  Hint hint{golds.front(), values};
  if (way_ == Way::choice) {
    const auto options = options_of(variables, random);
    const auto right = option_of(golds.front(), options);
    if (right && values.empty()) {
      hint.options = options.empty() ? std::vector<std::string>{"A", "B", "C", "D"} : labels_of(options.size());
      hint.answer = std::string(1, static_cast<char>('A' + *right));
    }
  } else if (way_ == Way::number) {
    if (const auto number = canonical_number(golds.front())) {
      for (const double off : {-1.0, 0.0, 1.0}) {
        hint.options.push_back(canonical_number(number_of(*number) + off * (1 + 2 * tolerance_)));
      }
    }
  }
  return hint;
}

}  // namespace assay
