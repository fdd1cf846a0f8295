#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/judge/reading_rules.hpp"

namespace assay {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
constexpr std::string_view kBlanks = " \t\n\r\f\v";
constexpr std::size_t kMostInBrackets = 40;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Walks a line, a word or a number at a time.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  std::string_view rest() const { return text_.substr(at_); }
  /// Whether there were any.
  bool blanks() {
    const std::size_t from = at_;
    while (!at_end() && kBlanks.find(text_[at_]) != kNowhere) ++at_;
    return at_ > from;
  }
  bool character(std::string_view any) {
    if (at_end() || any.find(text_[at_]) == kNowhere) return false;
    ++at_;
    return true;
  }
  /// `lower` in any case, however the text goes on.
  bool letters(std::string_view lower) {
    if (ascii_lower(text_.substr(at_, lower.size())) != lower) return false;
    at_ += lower.size();
    return true;
  }
  /// The same as a word of its own.
  bool word(std::string_view lower) {
    const Cursor before = *this;
    if (letters(lower) && (at_end() || !is_letter_or_digit(text_[at_]))) return true;
    *this = before;
    return false;
  }
  /// NUMBER: -?\d+(\.\d+)?. Beyond the doubles: infinite.
  std::optional<double> number() {
    std::size_t end = at_;
    const auto digits = [&] {
      const std::size_t from = end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      return end > from;
    };
    if (end < text_.size() && text_[end] == '-') ++end;
    if (!digits()) return std::nullopt;
    if (end < text_.size() && text_[end] == '.') {
      const std::size_t whole = end++;
      if (!digits()) end = whole;
    }
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, text_.data() + end, value);
    if (read.ec == std::errc::result_out_of_range) {
      const bool small = text_.substr(at_, end - at_).find_first_not_of("-0") == text_.find('.', at_) - at_;
      value = small ? 0 : *begin == '-' ? -HUGE_VAL : HUGE_VAL;
    }
    at_ = end;
    return value;
  }
  /// NUMBER, n/d, n out of d; nullopt also for a d that is not the upper end.
  std::optional<double> score(const Scale& scale) {
    const std::optional<double> value = number();
    if (!value) return std::nullopt;
    const Cursor after = *this;
    std::optional<double> of;
    if (character("/")) {
      of = number();
      if (!of) return std::nullopt;
    } else if (blanks() && word("out") && blanks() && word("of") && blanks()) {
      of = number();
    }
    if (!of) {
      *this = after;
      return value;
    }
    return scale && *of == scale->second ? value : std::nullopt;
  }

 private:
  static bool is_letter_or_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// The verdict that a bare text is, as a number to compare by: of labels their place. `no_markup`: see written_label.
using Meaning = std::function<std::optional<double>(std::string_view bare_text, bool no_markup)>;

struct Sighting {
  double meaning;
  std::size_t at;
};

bool agree(const std::vector<Sighting>& all) {
  return std::all_of(all.begin(), all.end(), [&](const Sighting& one) { return one.meaning == all[0].meaning; });
}

std::size_t offset_in(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(part.data() - text.data());
}

/// [[x]], x of 1 to 40 characters without brackets.
std::vector<Sighting> in_brackets(std::string_view text, bool arrows, const Meaning& meaning) {
  std::vector<Sighting> found;
  for (std::size_t at = text.find("[["); at != kNowhere;) {
    const std::size_t end = text.find_first_of("[]", at + 2);
    if (end == kNowhere) break;
    if (text.substr(end, 2) != "]]") {
      at = text.find("[[", text[end] == '[' && end == at + 2 ? at + 1 : end);
      continue;
    }
    const std::string_view inside = text.substr(at + 2, end - at - 2);
    if (!inside.empty() && inside.size() <= 4 * kMostInBrackets && count_code_points(inside) <= kMostInBrackets) {
      const std::string_view word = bare(inside, arrows);
      if (const auto value = meaning(word, false)) found.push_back({*value, offset_in(text, word)});
    }
    at = text.find("[[", end + 2);
  }
  return found;
}

/// What a line says after "the final verdict:"; nullopt: it is no such line. `line` without markup.
std::optional<std::string_view> stated(std::string_view line) {
  Cursor cursor(line);
  cursor.blanks();
  const auto word = [&](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view one) { return cursor.word(one); });
  };
  if (word({"the"})) cursor.blanks();
  if (word({"final", "overall", "my"})) cursor.blanks();
  if (!word({"verdict", "answer", "score", "judgment", "judgement", "rating", "decision", "winner", "result", "grade",
             "choice"}))
    return std::nullopt;
  const bool apart = cursor.blanks();
  if (cursor.character(":=")) return cursor.rest();
  if (!apart || !cursor.word("is")) return std::nullopt;
  const Cursor after = cursor;
  cursor.blanks();
  if (cursor.character(":")) return cursor.rest();
  return after.rest();
}

std::vector<Sighting> in_statements(std::string_view text, bool arrows, const Meaning& meaning) {
  std::vector<Sighting> found;
  for (const std::string_view line : lines_of(text)) {
    const std::string plain = without_markup(line);
    const auto said = stated(plain);
    if (!said) continue;
    const std::string_view word = bare(*said, arrows);
    const auto value = meaning(word, true);
    if (!value) continue;
    const std::size_t at = line.rfind(word);
    found.push_back({*value, offset_in(text, line) + (at == kNowhere ? 0 : at)});
  }
  return found;
}

std::vector<Sighting> in_lines(std::string_view text, bool arrows, const Meaning& meaning) {
  std::vector<Sighting> found;
  for (const std::string_view line : lines_of(text)) {
    const std::string_view word = bare(line, arrows);
    if (const auto value = meaning(word, false)) found.push_back({*value, offset_in(text, word)});
  }
  return found;
}

/// Rules 1 to 4.
struct Decision {
  ReadStatus status = ReadStatus::failed;
  double meaning = 0;
  std::size_t at = kNowhere;
};
Decision decide(std::string_view text, bool arrows, const Meaning& meaning) {
  const std::string_view whole = bare(text, arrows);
  if (const auto value = meaning(whole, false)) return {ReadStatus::exact, *value, offset_in(text, whole)};
  const auto last_of = [](const std::vector<Sighting>& found) {
    return Decision{ReadStatus::lenient, found.back().meaning, found.back().at};
  };
  const Decision ambiguous{ReadStatus::ambiguous, 0, kNowhere};
  if (std::vector<Sighting> found = in_brackets(text, arrows, meaning); !found.empty()) {
    if (agree(found)) return last_of(found);
    // The text is trimmed: its last line is not blank.
    const std::size_t last_line = text.rfind('\n') == kNowhere ? 0 : text.rfind('\n') + 1;
    std::erase_if(found, [&](const Sighting& one) { return one.at < last_line; });
    return !found.empty() && agree(found) ? last_of(found) : ambiguous;
  }
  for (const auto& rule : {in_statements, in_lines}) {
    const std::vector<Sighting> found = rule(text, arrows, meaning);
    if (!found.empty()) return agree(found) ? last_of(found) : ambiguous;
  }
  return {};
}

/// Rule 5: the text begins with a label of two letters or more, then punctuation or a line end.
const VerdictLabel* leading_label(const VerdictLabels& labels, std::string_view text) {
  if (labels.arrows) return nullptr;
  constexpr std::string_view kAfter[] = {".", ",", ";", ":", "!", "-", "–", "—", "\n", "\r"};
  const VerdictLabel* best = nullptr;
  std::size_t longest = 1;
  for (const VerdictLabel& label : labels.labels) {
    for (const std::string& one : label.texts) {
      const std::size_t length = count_code_points(one);
      if (length <= longest) continue;
      std::size_t end = 0;
      for (std::size_t i = 0; i < length && end < text.size(); ++i) end += code_point_at(text, end).length;
      const std::string_view begin = text.substr(0, end), rest = text.substr(end);
      if ((labels.match_case ? std::string(begin) : to_lower(begin)) != one) continue;
      if (!rest.empty() && std::none_of(std::begin(kAfter), std::end(kAfter),
                                        [&](std::string_view after) { return rest.starts_with(after); }))
        continue;
      best = &label;
      longest = length;
    }
  }
  return best;
}

FoundVerdict read_label(const ReadingRules& rules, std::string_view text) {
  const VerdictLabels& labels = rules.labels;
  // Labels of AB5 that mean the same verdict more or less clearly are different answers.
  const Meaning meaning = [&](std::string_view word, bool no_markup) -> std::optional<double> {
    const VerdictLabel* label = written_label(labels, word, no_markup);
    if (label == nullptr) return std::nullopt;
    return static_cast<double>(label - labels.labels.data());
  };
  const Decision decision = decide(text, labels.arrows, meaning);
  if (is_read(decision.status))
    return {label_reading(labels.labels[static_cast<std::size_t>(decision.meaning)], decision.status), decision.at};
  if (decision.status == ReadStatus::failed) {
    if (const VerdictLabel* label = leading_label(labels, text)) return {label_reading(*label, ReadStatus::lenient), 0};
  }
  FoundVerdict none;
  none.reading.status = decision.status;
  return none;
}

bool on_scale(double value, const Scale& scale) {
  return std::isfinite(value) && (!scale || (value >= scale->first && value <= scale->second));
}

/// What is off the scale is none; beyond the doubles it is none without a scale, too.
FoundVerdict off_scale(const Scale& scale) {
  FoundVerdict none;
  none.reading.status = scale ? ReadStatus::out_of_range : ReadStatus::failed;
  return none;
}

FoundVerdict read_number(const ReadingRules& rules, std::string_view text) {
  const Decision decision =
      decide(text, false, [&](std::string_view word, bool) { return judged_number(word, rules.scale); });
  if (!is_read(decision.status)) {
    FoundVerdict none;
    none.reading.status = decision.status;
    return none;
  }
  if (!on_scale(decision.meaning, rules.scale)) return off_scale(rules.scale);
  return {number_reading(decision.meaning, decision.status), decision.at};
}

/// Blanks, one of , ; and "and", in this order; whether there was any of them.
bool between(Cursor& cursor) {
  bool any = cursor.blanks();
  if (cursor.character(",;") || cursor.word("and")) {
    any = true;
    cursor.blanks();
  }
  return any;
}

std::optional<std::pair<double, double>> two_plain(std::string_view line) {
  Cursor cursor(line);
  const auto first = cursor.number();
  if (!first || !cursor.blanks()) return std::nullopt;
  const auto second = cursor.number();
  return second && cursor.at_end() ? std::optional(std::pair(*first, *second)) : std::nullopt;
}

std::optional<std::pair<double, double>> two_scores(std::string_view line, const Scale& scale) {
  Cursor cursor(line);
  if (cursor.word("scores") || cursor.word("score")) {
    cursor.blanks();
    if (!cursor.character(":")) return std::nullopt;
    cursor.blanks();
  }
  const auto first = cursor.score(scale);
  if (!first || !between(cursor)) return std::nullopt;
  const auto second = cursor.score(scale);
  return second && cursor.at_end() ? std::optional(std::pair(*first, *second)) : std::nullopt;
}

std::optional<std::pair<double, double>> two_named(std::string_view line, const Scale& scale) {
  Cursor cursor(line);
  const auto named = [&](std::string_view number, std::string_view letter) -> std::optional<double> {
    if (!cursor.word("assistant") && !cursor.word("answer") && !cursor.word("response")) return std::nullopt;
    cursor.blanks();
    if (!cursor.word(number) && !cursor.word(letter)) return std::nullopt;
    cursor.blanks();
    if (!cursor.character(":=")) return std::nullopt;
    cursor.blanks();
    return cursor.score(scale);
  };
  const auto first = named("1", "a");
  if (!first || !between(cursor)) return std::nullopt;
  const auto second = named("2", "b");
  return second && cursor.at_end() ? std::optional(std::pair(*first, *second)) : std::nullopt;
}

FoundVerdict read_pair(const ReadingRules& rules, std::string_view text) {
  const std::string plain = without_markup(text.substr(0, text.find('\n')), "\"");
  const std::string_view line = trim(plain);
  auto pair = two_plain(line);
  const ReadStatus status = pair ? ReadStatus::exact : ReadStatus::lenient;
  if (!pair) pair = two_scores(line, rules.scale);
  if (!pair) pair = two_named(line, rules.scale);
  if (!pair) return {};
  if (!on_scale(pair->first, rules.scale) || !on_scale(pair->second, rules.scale)) return off_scale(rules.scale);
  return {pair_reading(pair->first, pair->second, rules.tie_delta, status), 0};
}

FoundVerdict read_rubric(const ReadingRules& rules, std::string_view text) {
  const std::vector<FoundObject> objects = json_objects(text);
  if (objects.size() != 1) {
    FoundVerdict none;
    none.reading.status = objects.empty() ? ReadStatus::failed : ReadStatus::ambiguous;
    return none;
  }
  FoundVerdict found{read_criteria(rules, objects[0].value, true), objects[0].begin};
  const bool whole = objects[0].begin == 0 && objects[0].end == text.size();
  if (found.reading.status == ReadStatus::exact && !whole) found.reading.status = ReadStatus::lenient;
  return found;
}

}  // namespace

FoundVerdict read_strictly(const ReadingRules& rules, std::string_view text) {
  switch (rules.mode) {
    case JudgeMode::score:
      return read_number(rules, text);
    case JudgeMode::compare:
      return read_pair(rules, text);
    case JudgeMode::rubric:
      return read_rubric(rules, text);
    case JudgeMode::binary:
    case JudgeMode::choice:
    case JudgeMode::pairwise:
      break;
  }
  return read_label(rules, text);
}

std::vector<FoundObject> json_objects(std::string_view text) {
  std::vector<std::size_t> open;
  std::vector<std::pair<std::size_t, std::size_t>> balanced;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '{') {
      open.push_back(i);
    } else if (!open.empty() && c == '"') {
      quoted = true;
    } else if (!open.empty() && c == '}') {
      while (!balanced.empty() && balanced.back().first > open.back()) balanced.pop_back();
      balanced.emplace_back(open.back(), i + 1);
      open.pop_back();
    }
  }
  std::vector<FoundObject> found;
  for (const auto& [begin, end] : balanced) {
    auto value = parse_json_lenient(text.substr(begin, end - begin));
    if (value && value->is_object()) found.push_back({std::move(*value), begin, end});
  }
  return found;
}

Reading read_criteria(const ReadingRules& rules, const Json& object, bool bounded) {
  Reading reading;
  reading.status = ReadStatus::exact;
  const auto number_in = [&](const Json& value, bool& as_text) -> std::optional<double> {
    std::optional<double> number;
    as_text = value.is_string();
    if (value.is_number()) number = value.get<double>();
    if (as_text) number = judged_number(bare(value.get_ref<const std::string&>()), rules.scale);
    if (number && (!std::isfinite(*number) || (bounded && !on_scale(*number, rules.scale)))) return std::nullopt;
    return number;
  };
  // Without criteria every number is one. Keys are looked up here: an object may have very many.
  const bool any = rules.criteria.empty();
  std::vector<std::string> criteria = rules.criteria;
  std::unordered_map<std::string_view, const Json*> wanted;
  for (const std::string& name : rules.criteria) wanted.emplace(name, nullptr);
  for (const auto& [key, value] : object.items()) {
    bool as_text = false;
    const auto at = wanted.find(key);
    if (at != wanted.end()) {
      at->second = &value;
    } else if (any && number_in(value, as_text)) {
      criteria.push_back(key);
    } else {
      reading.unknown.push_back(key);
    }
  }
  if (any) {
    for (const auto& [key, value] : object.items()) wanted.emplace(key, &value);
  }
  double sum = 0;
  bool missing = false;
  for (const std::string& name : criteria) {
    const Json* at = wanted.find(name)->second;
    bool as_text = false;
    const auto number = at == nullptr ? std::nullopt : number_in(*at, as_text);
    if (!number) missing = true;
    if (number && as_text) reading.status = ReadStatus::lenient;
    reading.scores.emplace_back(name, number.value_or(kUndefined));
    sum += number.value_or(0);
  }
  if (missing) {
    reading.status = ReadStatus::partial;
  } else if (!criteria.empty()) {
    reading.value = sum / static_cast<double>(criteria.size());
  }
  return reading;
}

std::optional<double> judged_number(std::string_view text, const Scale& scale) {
  Cursor cursor(text);
  const auto value = cursor.score(scale);
  return cursor.at_end() ? value : std::nullopt;
}

std::string compared(double a, double b, double delta) {
  // A difference of 0.1 is one, however the numbers are stored.
  constexpr double kRounding = 1e-9;
  if (std::abs(a - b) <= delta + kRounding) return "tie";
  return a > b ? "A" : "B";
}

Reading label_reading(const VerdictLabel& label, ReadStatus status) {
  Reading reading;
  reading.status = status;
  reading.verdict = label.verdict;
  reading.value = label.value;
  reading.games = label.games;
  return reading;
}

Reading number_reading(double number, ReadStatus status) {
  Reading reading;
  reading.status = status;
  reading.value = number;
  return reading;
}

Reading pair_reading(double first, double second, double tie_delta, ReadStatus status) {
  Reading reading;
  reading.status = status;
  reading.values = std::pair(first, second);
  reading.verdict = compared(first, second, tie_delta);
  reading.value = reading.verdict == "tie" ? 0.5 : reading.verdict == "A" ? 1 : 0;
  return reading;
}

const VerdictLabel* written_label(const VerdictLabels& labels, std::string_view text, bool no_markup) {
  std::size_t longest = 0;
  for (const VerdictLabel& label : labels.labels) {
    for (const std::string& one : label.texts) longest = std::max(longest, one.size());
  }
  // Lower case may be shorter or longer than upper case, by a few bytes a letter; AB5 has blanks between.
  if (text.empty() || text.size() > 4 * longest + 8) return nullptr;
  std::string written(text);
  if (labels.arrows) std::erase_if(written, [](char c) { return kBlanks.find(c) != kNowhere; });
  if (!labels.match_case) written = to_lower(std::string_view(written));
  for (const VerdictLabel& label : labels.labels) {
    for (const std::string& one : label.texts) {
      if (one == written || (no_markup && without_markup(one) == written)) return &label;
    }
  }
  return nullptr;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::string without_markup(std::string_view text, std::string_view more) {
  std::string plain(text);
  std::erase_if(plain,
                [&](char c) { return std::string_view("*_#`").find(c) != kNowhere || more.find(c) != kNowhere; });
  return plain;
}

std::string_view bare(std::string_view text, bool keep_arrows) {
  constexpr std::string_view kQuotes[] = {"‘", "’", "“", "”"};
  const std::string_view stripped = keep_arrows ? " \t\n\r\f\v*_#()[]{}`'\"" : " \t\n\r\f\v*_#<>()[]{}`'\"";
  for (bool more = true; more;) {
    more = false;
    text = trim(text, stripped);
    for (const std::string_view quote : kQuotes) {
      while (text.starts_with(quote)) text.remove_prefix(quote.size()), more = true;
      while (text.ends_with(quote)) text.remove_suffix(quote.size()), more = true;
    }
    if (!more && !text.empty() && (text.back() == '.' || text.back() == '!')) text.remove_suffix(1), more = true;
  }
  return text;
}

}  // namespace assay
