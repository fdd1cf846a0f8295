#include "experiments/declared/reply_rule.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/text/character_class.hpp"
#include "core/text/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/llm/field_values.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostChoices = 200;

Found whole_text(std::string_view reply) {
  const std::string_view text = trim(reply);
  if (text.empty()) return {};
  return {std::string(text), "text"};
}

Found line_of(std::string_view reply, bool first) {
  const std::string_view text = trim(reply);
  if (text.empty()) return {};
  const std::size_t at = first ? text.find('\n') : text.rfind('\n');
  if (at == std::string_view::npos) return {std::string(text), first ? "first_line" : "last_line"};
  return first ? Found{std::string(trim(text.substr(0, at))), "first_line"}
               : Found{std::string(trim(text.substr(at + 1))), "last_line"};
}

std::vector<std::string> rule_words() {
  std::vector<std::string> words{"text", "first_line", "last_line", "number"};
  for (std::string& name : Extractor::names()) words.push_back(std::move(name));
  return words;
}

/// Whether a letter or digit stands right before or at `at`.
bool joins(std::string_view text, std::size_t begin, std::size_t end) {
  if (end < text.size() && is_word_character(code_point_at(text, end).value)) return true;
  if (begin == 0) return false;
  std::size_t before = begin - 1;
  while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xC0U) == 0x80U) --before;
  return is_word_character(code_point_at(text, before).value);
}

}  // namespace

ReplyRule::ReplyRule() : find_(whole_text) {}

ReplyRule::ReplyRule(const StudyValue& value) : line_(value.node->line) {
  if (value.is_scalar()) {
    take_word(value, value.text());
    return;
  }
  const std::vector<std::string> ways{"pattern", "json", "choice", "letter", "rule"};
  const StudyMap map(value, {"pattern", "json", "choice", "letter", "rule", "group", "take", "from"});
  std::vector<std::string> given;
  for (const std::string& way : ways) {
    if (map.find(way)) given.push_back(way);
  }
  if (given.size() > 1) value.refuse(joined(given, " and ") + " exclude each other");
  const bool pattern = !given.empty() && given.front() == "pattern",
             choice = !given.empty() && given.front() == "choice";
  if (const auto group = map.find("group"); group && !pattern) group->refuse("belongs to pattern");
  if (const auto take = map.find("take"); take && !pattern && !choice) take->refuse("belongs to pattern and choice");
  bool first = false;
  if (const auto take = map.find("take")) first = take->choice({"first", "last"}) == "first";
  if (const auto from = map.find("from")) {
    from_ = from->text();
    line_ = from->node->line;
  }
  if (given.empty()) {
    if (from_.empty()) value.refuse("says nothing to look for", "one of " + joined(ways, ", "));
    find_ = whole_text;
  } else if (pattern) {
    take_pattern(map);
  } else if (choice) {
    take_choice(*map.find("choice"), first);
  } else if (given.front() == "json") {
    find_ = [rule = Extractor("json:" + map.text("json"))](std::string_view reply) { return rule.find(reply, {}); };
  } else if (given.front() == "letter") {
    const std::string letters = map.text("letter");
    const bool good = std::all_of(letters.begin(), letters.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!good) map.find("letter")->refuse("found '" + letters + "', expected the letters of the options, like ABCD");
    AnswerForm form{AnswerForm::Kind::choice, letters};
    for (const char letter : letters) values_.emplace_back(1, letter);
    find_ = [rule = Extractor("letter"), form](std::string_view reply) { return rule.find(reply, form); };
  } else {
    take_word(*map.find("rule"), map.text("rule"));
  }
}

void ReplyRule::take_word(const StudyValue& value, const std::string& word) {
  if (word == "text") {
    find_ = whole_text;
  } else if (word == "first_line" || word == "last_line") {
    find_ = [first = word == "first_line"](std::string_view reply) { return line_of(reply, first); };
  } else {
    const std::vector<std::string> words = rule_words();
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      value.refuse("there is no rule '" + truncate_to_width(word, 40) + "'", nearest_hint(word, words));
    }
    const AnswerForm form = word == "number" ? AnswerForm::number() : AnswerForm{};
    find_ = [rule = Extractor(word == "number" ? "gsm8k" : word), form](std::string_view reply) {
      return rule.find(reply, form);
    };
  }
}

void ReplyRule::take_pattern(const StudyMap& map) {
  const StudyValue source = *map.find("pattern");
  std::optional<Pattern> pattern;
  try {
    pattern.emplace(source.text());
  } catch (const Error& error) {
    if (error.kind() != "query") throw;
    source.refuse(error.message(), error.hint());
  }
  std::size_t group = std::min<std::size_t>(1, pattern->group_count());
  if (const auto given = map.find("group")) {
    const std::string name = given->text();
    std::vector<std::string> names;
    bool found = false;
    for (const auto& [known, number] : pattern->group_names()) {
      names.push_back(known);
      if (known != name) continue;
      group = number;
      found = true;
    }
    if (!found) {
      const auto result = std::from_chars(name.data(), name.data() + name.size(), group);
      found = result.ec == std::errc() && result.ptr == name.data() + name.size() && group <= pattern->group_count();
    }
    if (!found) {
      given->refuse("the pattern has no group " + name,
                    "it has " + counted(pattern->group_count(), "group", "groups") +
                        (names.empty() ? "; (..) makes one" : ": " + joined(names, ", ")));
    }
  }
  bool first = false;
  if (const auto take = map.find("take")) first = take->text() == "first";
  find_ = [pattern = std::move(*pattern), group, first](std::string_view reply) -> Found {
    std::optional<Pattern::Match> match;
    if (first) {
      match = pattern.find(reply);
    } else if (auto all = pattern.find_all(reply); !all.empty()) {
      match = std::move(all.back());
    }
    if (!match || !match->groups.at(group)) return {};
    return {std::string(trim(*match->groups[group])), "pattern"};
  };
}

void ReplyRule::take_choice(const StudyValue& value, bool first) {
  values_ = value.texts();
  if (values_.size() > kMostChoices) value.refuse("has more than " + std::to_string(kMostChoices) + " choices");
  std::set<std::string> lower;
  for (const std::string& one : values_) {
    if (!lower.insert(to_lower(std::string_view(one))).second) value.refuse("has '" + one + "' twice");
  }
  std::vector<std::string> longest_first = values_;
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::vector<std::string> quoted;
  for (const std::string& one : longest_first) quoted.push_back("(" + Pattern::quote(one) + ")");
  find_ = [pattern = Pattern(joined(quoted, "|"), true), longest_first, first](std::string_view reply) -> Found {
    Found found;
    for (std::size_t at = 0; at < reply.size();) {
      const auto match = pattern.find(reply, at);
      if (!match) break;
      // A word within a longer one is none: it is looked for behind its first character.
      const bool whole = !joins(reply, match->begin, match->end);
      at = whole ? match->end : match->begin + code_point_at(reply, match->begin).length;
      if (!whole) continue;
      for (std::size_t i = 1; i < match->groups.size(); ++i) {
        if (match->groups[i]) found = {longest_first[i - 1], "choice"};
      }
      if (first) break;
    }
    return found;
  };
}

}  // namespace assay
