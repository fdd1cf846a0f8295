#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text/pattern.hpp"
#include "core/text/words.hpp"
#include "runners/judge/reading_rules.hpp"

namespace assay {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

FoundVerdict nothing(ReadStatus status = ReadStatus::failed) {
  FoundVerdict none;
  none.reading.status = status;
  return none;
}

double real(std::string_view digits) {
  std::string_view text = digits;
  if (text.ends_with('.')) text.remove_suffix(1);
  return judged_number(text, std::nullopt).value_or(kUndefined);
}

std::size_t offset_in(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(part.data() - text.data());
}

/// A, B or tie with the labels' own weight where they have it.
Reading pairwise_reading(std::string_view verdict) {
  Reading reading;
  reading.status = ReadStatus::lenient;
  reading.verdict = std::string(verdict);
  reading.value = verdict == "A" ? 1 : verdict == "B" ? 0 : 0.5;
  return reading;
}
std::string_view verdict_of_letter(char letter) {
  return letter == 'a' || letter == 'A' ? "A" : letter == 'b' || letter == 'B' ? "B" : "tie";
}

/// The first group of a pattern's first match; nullopt: there is none.
std::optional<std::string_view> first_group(const Pattern& pattern, std::string_view text) {
  const auto match = pattern.find(text);
  return match && match->groups.size() > 1 ? match->groups[1] : std::nullopt;
}

// --- lmms-eval: llm_judge/utils.py, ResponseParser -------------------------------------------------------------------

const Pattern& plain_number() {
  static const Pattern pattern(R"(-?\d+(?:\.\d+)?)");
  return pattern;
}

/// The tool's value, and the verdict that it stands for; `found` false: it is the tool's default.
struct ToolValue {
  Json upstream;
  bool found = false;
  Reading reading;
};

/// The tool knows the whole numbers 1 and 0 and the words; other alphabets it does not read.
std::optional<ToolValue> lmms_binary(const ReadingRules& rules, std::string_view text) {
  if (rules.labels.name != "01" && rules.labels.name != "yesno") return std::nullopt;
  const bool numbers = rules.labels.name == "01";
  const bool positive = numbers ? text.find('1') != kNowhere : ascii_lower(text.substr(0, 3)) == "yes";
  ToolValue value;
  value.upstream = numbers ? Json(positive ? 1 : 0) : Json(positive);
  value.found = positive;
  value.reading = label_reading(rules.labels.labels[positive ? 0 : 1], ReadStatus::lenient);
  return value;
}

ToolValue lmms_score(const ReadingRules& rules, std::string_view text) {
  const double lower = rules.scale ? rules.scale->first : 0;
  double number = lower;
  if (const auto match = plain_number().find(text)) number = real(*match->groups[0]);
  if (rules.scale) number = std::clamp(number, rules.scale->first, rules.scale->second);
  const bool finite = std::isfinite(number);
  return {finite ? Json(number) : Json(), finite && number != lower, number_reading(number, ReadStatus::lenient)};
}

ToolValue lmms_compare(const ReadingRules& rules, std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  std::replace_if(line.begin(), line.end(), [](char c) { return c == ',' || c == ';'; }, ' ');
  const auto numbers = plain_number().find_all(line, 2);
  double first = -1, second = -1;
  if (numbers.size() == 2) {
    first = real(*numbers[0].groups[0]);
    second = real(*numbers[1].groups[0]);
  }
  const bool finite = std::isfinite(first) && std::isfinite(second);
  return {finite ? Json::array({first, second}) : Json(), finite && !(first == -1 && second == -1),
          pair_reading(first, second, rules.tie_delta, ReadStatus::lenient)};
}

ToolValue lmms_json(const ReadingRules& rules, std::string_view text) {
  ToolValue value;
  value.upstream = Json::object();
  const std::size_t begin = text.find('{'), end = text.rfind('}');
  if (begin != kNowhere && end != kNowhere && begin < end) {
    if (auto object = parse_json_lenient(text.substr(begin, end - begin + 1)); object && object->is_object())
      value.upstream = std::move(*object);
  }
  value.found = !value.upstream.empty();
  value.reading = read_criteria(rules, value.upstream, false);
  if (value.reading.status == ReadStatus::exact) value.reading.status = ReadStatus::lenient;
  return value;
}

std::optional<FoundVerdict> read_lmms(const ReadingRules& rules, std::string_view text) {
  std::optional<ToolValue> value;
  switch (rules.mode) {
    case JudgeMode::binary:
      value = lmms_binary(rules, text);
      break;
    case JudgeMode::score:
      value = lmms_score(rules, text);
      break;
    case JudgeMode::compare:
      value = lmms_compare(rules, text);
      break;
    case JudgeMode::rubric:
      value = lmms_json(rules, text);
      break;
    case JudgeMode::choice:
    case JudgeMode::pairwise:
      break;
  }
  if (!value) return std::nullopt;
  // The tool's default may be what it reads or what it makes of anything: then strict must read something, too.
  FoundVerdict strict = read_strictly(rules, text);
  FoundVerdict found = nothing();
  if (value->found || is_read(strict.reading.status)) {
    found.reading = std::move(value->reading);
    found.at = strict.at;
  }
  found.reading.upstream = std::move(value->upstream);
  return found;
}

// --- FastChat: llm_judge/common.py -----------------------------------------------------------------------------------

std::optional<FoundVerdict> read_fastchat(const ReadingRules& rules, std::string_view text) {
  static const Pattern one(R"(\[\[(\d+\.?\d*)\]\])"), one_backup(R"(\[(\d+\.?\d*)\])");
  static const Pattern two(R"(\[\[(\d+\.?\d*),\s?(\d+\.?\d*)\]\])"), two_backup(R"(\[(\d+\.?\d*),\s?(\d+\.?\d*)\])");
  if (rules.mode == JudgeMode::pairwise) {
    for (const char letter : {'A', 'B', 'C'}) {
      const std::size_t at = text.find(std::string("[[") + letter + "]]");
      if (at != kNowhere) return FoundVerdict{pairwise_reading(verdict_of_letter(letter)), at + 2};
    }
    return nothing();
  }
  if (rules.mode == JudgeMode::score) {
    auto digits = first_group(one, text);
    if (!digits) digits = first_group(one_backup, text);
    if (!digits || !std::isfinite(real(*digits))) return nothing();
    return FoundVerdict{number_reading(real(*digits), ReadStatus::lenient), offset_in(text, *digits)};
  }
  if (rules.mode == JudgeMode::compare) {
    constexpr double kTieDelta = 0.1;
    auto match = two.find(text);
    if (!match) match = two_backup.find(text);
    if (!match) return nothing();
    const double first = real(*match->groups[1]), second = real(*match->groups[2]);
    if (!std::isfinite(first) || !std::isfinite(second)) return nothing();
    return FoundVerdict{pair_reading(first, second, kTieDelta, ReadStatus::lenient), match->begin};
  }
  return std::nullopt;
}

// --- the others ------------------------------------------------------------------------------------------------------

FoundVerdict read_mtbench(std::string_view text) {
  std::size_t last = kNowhere;
  for (const char letter : {'A', 'B', 'C', 'a', 'b', 'c'}) {
    const std::size_t at = text.rfind(std::string("[[") + letter + "]]");
    if (at != kNowhere && (last == kNowhere || at > last)) last = at;
  }
  if (last == kNowhere) return nothing();
  return {pairwise_reading(verdict_of_letter(text[last + 2])), last + 2};
}

/// arena-hard-auto, get_score: the set of all matches has one member.
FoundVerdict read_arena(std::string_view text) {
  static const Pattern pattern(R"(\[\[([AB<>=]+)\]\])");
  std::optional<std::string_view> label;
  for (const Pattern::Match& match : pattern.find_all(text)) {
    if (label && *label != *match.groups[1]) return nothing();
    label = match.groups[1];
  }
  if (!label) return nothing();
  constexpr std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"A>>B", "A"}, {"A>B", "A"},   {"A=B", "tie"}, {"B>A", "B"},  {"B>>A", "B"}, {"B<<A", "A"},
      {"B<A", "A"},  {"B=A", "tie"}, {"A<B", "B"},   {"A<<B", "B"}, {"A", "A"},    {"B", "B"}};
  for (const auto& [written, verdict] : kMeanings) {
    if (written != *label) continue;
    FoundVerdict found{pairwise_reading(verdict), offset_in(text, *label)};
    if (written.size() == 4) found.reading.games = 3;
    return found;
  }
  return nothing();
}

/// alpaca_eval, logprob_parser: the probability of m against M, tokens exactly so.
FoundVerdict read_alpaca(std::string_view text, const std::vector<std::pair<std::string, double>>* alternatives) {
  if (alternatives == nullptr || alternatives->empty()) {
    if (text != "m" && text != "M") return nothing();
    return {pairwise_reading(text == "m" ? "A" : "B"), 0};
  }
  double first = 0, second = 0;
  for (const auto& [token, logprob] : *alternatives) {
    if (token == "m") first = std::exp(logprob);
    if (token == "M") second = std::exp(logprob);
  }
  Reading reading;
  reading.weighted = true;
  reading.probabilities = {{"A", first}, {"B", second}};
  reading.mass = first + second;
  if (!(reading.mass > 0)) {
    reading.status = ReadStatus::failed;
    return {reading, kNowhere};
  }
  reading.status = ReadStatus::lenient;
  reading.value = first / reading.mass;
  reading.verdict = reading.value > 0.5 ? "A" : reading.value < 0.5 ? "B" : "tie";
  return {reading, 0};
}

/// What openai/evals' modelgraded templates call the choices of our alphabets; case counts there.
std::optional<std::vector<std::string>> evals_choices(JudgeMode mode, const VerdictLabels& labels) {
  if (labels.name == "01") return std::vector<std::string>{"1", "0"};
  if (labels.name == "yesno") return std::vector<std::string>{"Yes", "No"};
  if (labels.name == "AB") return std::vector<std::string>{"A", "B", "C"};
  if (labels.name == "AB2") return std::vector<std::string>{"A", "B"};
  if (labels.name == "mM") return std::vector<std::string>{"m", "M"};
  if (labels.arrows || labels.labels.empty()) return std::nullopt;
  std::vector<std::string> choices;
  if (mode != JudgeMode::pairwise) {
    for (const VerdictLabel& label : labels.labels) choices.push_back(label.verdict);
    return choices;
  }
  // x:FIRST,SECOND: the labels' own texts have lost their case.
  std::string_view rest = std::string_view(labels.name).substr(2);
  for (std::size_t i = 0; i < labels.labels.size(); ++i) {
    choices.emplace_back(trim(rest.substr(0, rest.find(','))));
    rest.remove_prefix(std::min(rest.find(','), rest.size() - 1) + 1);
  }
  return choices;
}

/// evals, elsuite/modelgraded/classify_utils.py: get_choice with cot_classify, starts_or_endswith.
std::optional<FoundVerdict> read_evals(const ReadingRules& rules, std::string_view text) {
  const auto choices = evals_choices(rules.mode, rules.labels);
  if (!choices) return std::nullopt;
  constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  const std::vector<std::string_view> lines = lines_of(text);
  for (std::size_t i = lines.size(); i-- > 0;) {
    std::string line(trim(lines[i]));
    std::erase_if(line, [&](char c) { return kPunctuation.find(c) != kNowhere; });
    if (line.empty()) continue;
    for (std::size_t choice = 0; choice < choices->size(); ++choice) {
      const std::string& word = (*choices)[choice];
      if (!line.starts_with(word) && !line.ends_with(word)) continue;
      const std::size_t in_line = line.starts_with(word) ? lines[i].find(word) : lines[i].rfind(word);
      const std::size_t at = offset_in(text, lines[i]) + (in_line == kNowhere ? 0 : in_line);
      return FoundVerdict{label_reading(rules.labels.labels[choice], ReadStatus::lenient), at};
    }
  }
  return nothing();
}

std::optional<FoundVerdict> read_prometheus(const ReadingRules& rules, std::string_view text) {
  static const Pattern absolute(
      R"((?i)(?:\[result\]:?|\[score\]|score\s+of|score:?|result:?)[\s(\[]*(\d+)(?:[\])\s]|/\s*5|\s*out\s*of\s*5)?\s*$)");
  static const Pattern relative(
      R"((?im)(?:\[result\](?:\s+response)?|\[result:\s*|\[response\s+|^result:?\s*)\s*(a|b)\]?\s*$)");
  if (rules.mode == JudgeMode::score) {
    const auto digits = first_group(absolute, text);
    if (!digits || real(*digits) < 1 || real(*digits) > 5) return nothing();
    return FoundVerdict{number_reading(real(*digits), ReadStatus::lenient), offset_in(text, *digits)};
  }
  if (rules.mode != JudgeMode::pairwise) return std::nullopt;
  const auto letter = first_group(relative, text);
  if (!letter) return nothing();
  return FoundVerdict{pairwise_reading(verdict_of_letter((*letter)[0])), offset_in(text, *letter)};
}

std::optional<FoundVerdict> read_patterns(const ReadingRules& rules, std::string_view text) {
  if (rules.labels.labels.empty()) return std::nullopt;
  FoundVerdict found = nothing();
  for (const auto& [name, source] : rules.patterns) {
    const VerdictLabel* label = label_of(rules.labels, name);
    if (label == nullptr) continue;
    const auto match = Pattern(source).find(text);
    if (!match) continue;
    if (is_read(found.reading.status)) return nothing(ReadStatus::ambiguous);
    found = {label_reading(*label, ReadStatus::lenient), match->begin};
  }
  return found;
}

}  // namespace

std::optional<FoundVerdict> read_as_tool(const ReadingRules& rules, std::string_view text,
                                         const std::vector<std::pair<std::string, double>>* alternatives) {
  const bool pairwise = rules.mode == JudgeMode::pairwise;
  if (rules.parse == "lmms") return read_lmms(rules, text);
  if (rules.parse == "fastchat") return read_fastchat(rules, text);
  if (rules.parse == "evals") return read_evals(rules, text);
  if (rules.parse == "prometheus") return read_prometheus(rules, text);
  if (rules.parse == "regex") return read_patterns(rules, text);
  if (rules.parse == "mtbench" && pairwise) return read_mtbench(text);
  if (rules.parse == "arena" && pairwise) return read_arena(text);
  if (rules.parse == "alpaca" && pairwise) return read_alpaca(text, alternatives);
  return std::nullopt;
}

}  // namespace assay
