// The rules of published evaluators, faults included: their figures are to come out again. Specs: qa.md 5.1.

#include <optional>
#include <string>

#include "core/text/pattern.hpp"
#include "core/text/utf8.hpp"
#include "experiments/qa/extract_rules.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay::extraction {
namespace {

const std::string kDigits = R"(\p{Nd}+\.?\p{Nd}*)";

Pattern pattern(const std::string& before, std::string_view piece, const std::string& after) {
  return Pattern(before + std::string(piece) + after);
}

/// Group 1 of the last match, else the whole match.
std::optional<std::string> last_match(const Pattern& p, std::string_view text) {
  const auto all = p.find_all(text);
  if (all.empty()) return std::nullopt;
  const auto& groups = all.back().groups;
  return std::string(groups.size() > 1 && groups[1] ? *groups[1] : *groups[0]);
}

std::optional<std::string> first_match(const Pattern& p, std::string_view text) {
  const auto found = p.find(text);
  if (!found) return std::nullopt;
  return std::string(*found->groups[1]);
}

Found hit(std::optional<std::string> value, const char* rule) {
  if (!value) return {};
  return {std::move(value), rule};
}

/// Whether the character before (or at) a place is one of Python's \w.
bool is_word(const Pattern& word, std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return word.matches_whole(text.substr(at, code_point_at(text, at).length));
}

/// The last letter A-J with no word character on either side.
std::optional<std::string> lone_letter(const Pattern& word, std::string_view text) {
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] < 'A' || text[i] > 'J') continue;
    if (i + 1 < text.size() && is_word(word, text, i + 1)) continue;
    if (i > 0 && is_word(word, text, i - 1)) continue;
    return std::string(1, text[i]);
  }
  return std::nullopt;
}

struct TigerPatterns {
  Pattern level1{R"(answer is \(?([A-J])\)?)"};
  Pattern level2 = pattern("[aA]nswer:", kSpace, "*([A-J])");
  Pattern word{kWord};
};

/// Python's search of `.*[aA]nswer:\s*([A-J])`: the last match that begins on the first line where one does. Walked
/// with the short pattern, since the greedy one would be slow on lines of a megabyte.
std::optional<std::string> last_on_first_line(const Pattern& level2, std::string_view text) {
  auto found = level2.find(text);
  if (!found) return std::nullopt;
  const std::size_t line_end = std::min(text.find('\n', found->begin), text.size());
  std::string value;
  while (found && found->begin < line_end) {
    value = *found->groups[1];
    found = level2.find(text, found->begin + 1);
  }
  return value;
}

/// What follows the last cue, and whether there was one.
std::pair<std::string_view, bool> after_cue(std::string_view text) {
  constexpr std::string_view kCue = "the answer is";
  // Python's split takes cues from the left; they can't overlap, so the last one from the right is the same.
  const auto at = text.rfind(kCue);
  if (at == std::string_view::npos) return {text, false};
  return {text.substr(at + kCue.size()), true};
}

}  // namespace

Rule csqa() {
  return [p = pattern(R"(is .*?\(()", kWord, R"()\))")](std::string_view text, const AnswerForm&) {
    auto value = last_match(p, text);
    if (value) value = to_upper(*value);
    return hit(std::move(value), "is");
  };
}

Rule mad() {
  return
      [first = csqa(), p = pattern("correct option is (", kWord, ")")](std::string_view text, const AnswerForm& form) {
        if (Found found = first(text, form); found.value) return found;
        auto value = last_match(p, text);
        if (value) value = to_upper(*value);
        return hit(std::move(value), "correct_option");
      };
}

Rule mad_eval() {
  return [first = mad(), p = Pattern(R"(\\boxed\{([A-Z])\})")](std::string_view text, const AnswerForm& form) {
    if (Found found = first(text, form); found.value) return found;
    return hit(last_match(p, text), "boxed");
  };
}

Rule tiger_l1() {
  return [p = Pattern(R"(answer is \(?([A-J])\)?)")](std::string_view text, const AnswerForm&) {
    return hit(first_match(p, text), "level1");
  };
}

Rule tiger_l2() {
  return [p = TigerPatterns()](std::string_view text, const AnswerForm&) {
    if (auto value = first_match(p.level1, text)) return hit(std::move(value), "level1");
    if (auto value = last_on_first_line(p.level2, text)) return hit(std::move(value), "level2");
    return hit(lone_letter(p.word, text), "level3");
  };
}

Rule tiger_apix() {
  return [p = TigerPatterns()](std::string_view text, const AnswerForm&) {
    if (auto value = last_match(p.level1, text)) return hit(std::move(value), "level1");
    if (auto value = last_match(p.level2, text)) return hit(std::move(value), "level2");
    return hit(lone_letter(p.word, text), "level3");
  };
}

Rule du_mmlu() {
  return [paren = pattern(R"(\(()", kWord, R"()\))"), number = Pattern(kDigits)](std::string_view text,
                                                                                 const AnswerForm&) {
    if (auto value = last_match(paren, text)) return hit(to_upper(*value), "paren");
    return hit(last_match(number, text), "number");
  };
}

Rule du_gsm() {
  return [braces = Pattern(R"(\{([0-9.,$]*)\})"), number = Pattern(kDigits)](std::string_view text,
                                                                             const AnswerForm&) -> Found {
    const auto all = braces.find_all(text);
    if (all.empty()) return hit(last_match(number, text), "number");
    for (auto match = all.rbegin(); match != all.rend(); ++match) {
      std::string kept;
      for (const char c : *match->groups[1]) {
        if (c != ',' && c != '$') kept += c;
      }
      if (!kept.empty()) return {kept, "braces"};
    }
    return {};
  };
}

Rule du_arith() {
  const std::string digits = R"(\p{Nd}(?:_?\p{Nd})*)";
  const std::string space(kSpace);
  Pattern number(space + "*([+-]?(?:(?:" + digits + R"((?:\.(?:)" + digits + R"()?)?|\.)" + digits + ")(?:[eE][+-]?" +
                 digits + ")?|(?i:inf|infinity|nan)))" + space + "*");
  return [number = std::move(number)](std::string_view reply, const AnswerForm&) -> Found {
    std::string text(reply);
    for (char& c : text) {
      if (c == ',') c = '.';
    }
    std::size_t end = text.size();
    while (true) {
      const std::size_t blank = end == 0 ? std::string::npos : text.rfind(' ', end - 1);
      const std::size_t begin = blank == std::string::npos ? 0 : blank + 1;
      const auto piece = std::string_view(text).substr(begin, end - begin);
      if (number.matches_whole(piece)) {
        std::string value;
        const auto match = number.find(piece);
        for (const char c : *match->groups[1]) {
          if (c != '_') value += c;
        }
        return {canonical_number(value).value_or(value), "float"};
      }
      if (blank == std::string::npos) return {};
      end = blank;
    }
  };
}

Rule cue_letter() {
  return [](std::string_view reply, const AnswerForm&) -> Found {
    const auto [text, cued] = after_cue(reply);
    const auto at = cued ? text.find_first_of("ABCDE") : text.find_last_of("ABCDE");
    if (at == std::string_view::npos) return {};
    return {std::string(1, text[at]), cued ? "cue" : "last"};
  };
}

Rule cue_number() {
  return [p = Pattern(R"(-?\p{Nd}+\.?\p{Nd}*)")](std::string_view reply, const AnswerForm&) -> Found {
    const auto [rest, cued] = after_cue(reply);
    std::string text;
    for (const char c : rest) {
      if (c != ',') text += c;
    }
    std::optional<std::string> value;
    if (!cued) {
      value = last_match(p, text);
    } else if (const auto found = p.find(text)) {
      value = std::string(*found->groups[0]);
    }
    if (value && value->ends_with('.')) value->pop_back();
    return hit(std::move(value), cued ? "cue" : "last");
  };
}

}  // namespace assay::extraction
