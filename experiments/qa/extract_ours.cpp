// `letter`, `gsm8k`, `boxed`, and the rules that a person writes. Specs: qa.md 5.2, 5.3.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/pattern.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/extract_rules.hpp"
#include "experiments/qa/json_path.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {

std::optional<std::string_view> last_boxed(std::string_view text) {
  constexpr std::string_view kOpening = "\\boxed{";
  struct Open {
    std::size_t content;
    bool boxed;
  };
  std::vector<Open> open;
  std::optional<std::pair<std::size_t, std::size_t>> best;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const bool boxed = i + 1 >= kOpening.size() && text.substr(i + 1 - kOpening.size(), kOpening.size()) == kOpening;
      open.push_back({i + 1, boxed});
    } else if (text[i] == '}' && !open.empty()) {
      const Open last = open.back();
      open.pop_back();
      if (last.boxed && (!best || last.content > best->first)) best = {last.content, i};
    }
  }
  if (!best) return std::nullopt;
  return text.substr(best->first, best->second - best->first);
}

namespace extraction {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool is_label(const std::string& labels, char c) {
  if (labels.empty()) return c >= 'A' && c <= 'Z';
  return labels.find(c) != std::string::npos;
}

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::optional<std::string> last_number(const Pattern& number, std::string_view text) {
  const auto all = number.find_all(text);
  if (all.empty()) return std::nullopt;
  return canonical_number(text.substr(all.back().begin, all.back().end - all.back().begin));
}

std::optional<std::string> boxed_letter(std::string_view text, const std::string& labels) {
  const auto content = last_boxed(text);
  if (!content) return std::nullopt;
  std::string inner(*content);
  for (const char* command : {"\\text{", "\\mathrm{", "\\mathbf{", "\\textbf{"}) inner = replaced(inner, command, "{");
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (!is_label(labels, inner[i])) continue;
    if (i > 0 && is_letter_or_digit(inner[i - 1])) continue;
    if (i + 1 < inner.size() && is_letter_or_digit(inner[i + 1])) continue;
    return std::string(1, inner[i]);
  }
  return std::nullopt;
}

std::optional<std::string> boxed_number(const Pattern& number, std::string_view text) {
  const auto content = last_boxed(text);
  if (!content) return std::nullopt;
  return last_number(number, replaced(replaced(replaced(std::string(*content), "\\$", "$"), "\\,", ""), "{,}", ","));
}

const std::string kOpeners = R"([ \t\n\r\f\v*_"'`(\[{$]*)";                   // D
const std::string kOpenersOfLine = R"([ \t\r\f\v*_"'`(\[{$]*)";               // D without the newline
const std::string kNoun = R"((?:(?i:option|choice|letter)[ \t\n\r\f\v]+)?)";  // O
const std::string kBlank = R"([ \t\n\r\f\v])";                                // s

/// A base model may run on into a next question: what stands before it is tried first.
class RunOn {
 public:
  template <typename Try>
  Found first(std::string_view text, const Try& attempt) const {
    if (const auto next = pattern_.find(text)) {
      if (Found found = attempt(text.substr(0, next->begin)); found.value) return found;
    }
    return attempt(text);
  }

 private:
  Pattern pattern_{R"(\n[ \t]*\**(?:Question|Q)\**[ \t]*:)"};
};

class Letter {
 public:
  Found operator()(std::string_view reply, const AnswerForm& form) const {
    return run_on_.first(reply, [&](std::string_view text) { return attempt(text, form.labels); });
  }

 private:
  static Found hit(char letter, const char* rule) { return {std::string(1, letter), rule}; }

  /// The last candidate of group 1 (or, in upper case, of group 2) that is a label.
  static std::optional<char> last_candidate(const Pattern& pattern, std::string_view text, const std::string& labels) {
    const auto all = pattern.find_all(text);
    for (auto match = all.rbegin(); match != all.rend(); ++match) {
      char c = 0;
      if (match->groups[1]) {
        c = match->groups[1]->front();
      } else {
        c = static_cast<char>(match->groups[2]->front() - 'a' + 'A');
      }
      if (is_label(labels, c)) return c;
    }
    return std::nullopt;
  }

  Found attempt(std::string_view text, const std::string& labels) const {
    if (auto value = boxed_letter(text, labels)) return {std::move(value), "boxed"};
    if (const auto c = last_candidate(cue_, text, labels)) return hit(*c, "cue");
    if (const auto c = last_candidate(is_, text, labels)) return hit(*c, "is");
    if (const auto c = last_candidate(paren_, text, labels)) return hit(*c, "paren");
    if (const auto match = lead_.find(text)) {
      const char c = match->groups[1]->front();
      if (is_label(labels, c) && listed_.find_all(text, 2).size() < 2) return hit(c, "lead");
    }
    const auto last = text.find_last_not_of(" \t\n\r\f\v");
    if (last == std::string_view::npos) return {};
    const auto before = text.rfind('\n', last);
    const auto begin = before == std::string_view::npos ? 0 : before + 1;
    const auto line = text.substr(begin, std::min(text.find('\n', last), text.size()) - begin);
    if (!tail_.matches_whole(line)) return {};
    const char c = tail_.find(line)->groups[1]->front();
    return is_label(labels, c) ? hit(c, "tail") : Found{};
  }

  RunOn run_on_;
  Pattern cue_{"(?i:answer|option|choice)(?:" + kBlank + "+(?i:is|would be|must be|should be)|" + kBlank + "*:)" +
               R"([ \t\n\r\f\v:*_"'`(\[{$]*)" + kNoun + kOpeners + R"((?:([A-Z])(?:[^0-9A-Za-z']|$)|([a-z])\)))"};
  Pattern is_{R"(\b(?i:is|are))" + kBlank + "*:?" + kOpeners + kNoun + kOpeners + R"(([A-Z])[.):,])"};
  Pattern paren_{R"(\(([A-Z])\))"};
  Pattern lead_{R"(\A)" + kOpeners + R"(([A-Z])(?:[).:,]|[ \t\r\f\v*_"'`\]}$]*(?:\n|$)))"};
  Pattern listed_{"(?m)^" + kOpenersOfLine + R"([A-Z][).:,])"};
  Pattern tail_{R"([ \t\r\f\v*_"'`(\[{$]*([A-Z])[ \t\r\f\v*_"'`)\]}$.:]*)"};
};

/// The last JSON object or array in a reply that parses, else the whole reply as a JSON value.
std::optional<Json> last_json(std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  std::size_t depth = 0;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"' || c == '\n') quoted = false;
    } else if (depth > 0 && c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (depth++ == 0) begin = i;
    } else if ((c == '}' || c == ']') && depth > 0 && --depth == 0) {
      spans.emplace_back(begin, i + 1);
    }
  }
  for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
    if (auto value = parse_json_lenient(text.substr(span->first, span->second - span->first))) return value;
  }
  return parse_json_lenient(trim(text));
}

}  // namespace

Rule letter() { return Letter(); }

Rule gsm8k() {
  return [run_on = RunOn(), hashes = Pattern("####" + std::string(kSpace) + "*(" + std::string(kNumberPattern) + ")"),
          number = Pattern(kNumberPattern)](std::string_view reply, const AnswerForm&) {
    return run_on.first(reply, [&](std::string_view text) -> Found {
      if (const auto all = hashes.find_all(text); !all.empty()) {
        return {canonical_number(*all.back().groups[1]), "hashes"};
      }
      if (auto value = boxed_number(number, text)) return {std::move(value), "boxed"};
      if (auto value = last_number(number, text)) return {std::move(value), "last"};
      return {};
    });
  };
}

Rule boxed() {
  return [number = Pattern(kNumberPattern)](std::string_view text, const AnswerForm& form) -> Found {
    std::optional<std::string> value;
    if (form.kind == AnswerForm::Kind::choice) {
      value = boxed_letter(text, form.labels);
    } else if (form.kind == AnswerForm::Kind::number) {
      value = boxed_number(number, text);
    } else if (const auto content = last_boxed(text)) {
      value = std::string(trim(*content));
    }
    if (!value) return {};
    return {std::move(value), "boxed"};
  };
}

Rule regex(const std::string& pattern, bool first) {
  return [p = Pattern(pattern), first](std::string_view text, const AnswerForm&) -> Found {
    std::optional<Pattern::Match> match;
    if (first) {
      match = p.find(text);
    } else if (auto all = p.find_all(text); !all.empty()) {
      match = std::move(all.back());
    }
    if (!match) return {};
    const auto& groups = match->groups;
    if (groups.size() > 1) {
      if (!groups[1]) return {};
      return {std::string(*groups[1]), first ? "regexfirst" : "regex"};
    }
    return {std::string(*groups[0]), first ? "regexfirst" : "regex"};
  };
}

Rule json_path(const std::string& path) {
  return [path = JsonPath(path)](std::string_view text, const AnswerForm&) -> Found {
    const auto document = last_json(text);
    if (!document) return {};
    const Json* value = path.find(*document);
    if (value == nullptr || value->is_null()) return {};
    if (value->is_string()) return {value->get<std::string>(), "json"};
    if (value->is_number()) return {canonical_number(value->get<double>()), "json"};
    return {dump_json(*value), "json"};
  };
}

Rule exact() {
  return [](std::string_view text, const AnswerForm&) -> Found {
    const auto value = trim(text);
    if (value.empty()) return {};
    return {std::string(value), "exact"};
  };
}

}  // namespace extraction
}  // namespace assay
