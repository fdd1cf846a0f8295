#include "experiments/annotation/legacy_traits.hpp"

#include <algorithm>
#include <optional>

#include "core/text/character_class.hpp"
#include "core/text/json.hpp"
#include "core/text/python_json.hpp"
#include "core/text/python_literal.hpp"
#include "core/text/utf8.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

std::string cleaned(std::string_view raw) {
  constexpr std::string_view quotes = "'\"";
  const std::string_view value = stripped(raw);
  if (value.size() > 1 && value.front() == '[' && value.back() == ']') {
    const std::optional<Json> list = read_python_literal(value);
    return list ? python_repr(*list) : std::string(value);
  }
  if (value.empty() || quotes.find(value.front()) == std::string_view::npos ||
      quotes.find(value.back()) == std::string_view::npos) {
    return std::string(value);
  }
  const std::size_t begin = value.find_first_not_of(quotes);
  if (begin == std::string_view::npos) return {};
  return std::string(value.substr(begin, value.find_last_not_of(quotes) + 1 - begin));
}

class TraitMatcher {
 public:
  explicit TraitMatcher(std::string_view text) : text_(text) {}

  template <typename Visit>
  void each(const Visit& visit) const {
    for (std::size_t at = 0; at < text_.size();) {
      // A match within a word would need the colon after that word: no start in it but the first can do better.
      const std::size_t key_end = run(at, is_word_character);
      if (key_end == at) {
        at += length(at);
        continue;
      }
      const std::size_t value_end = key_end < text_.size() && text_[key_end] == ':' ? end_of_value(key_end + 1) : 0;
      if (value_end == 0) {
        at = key_end;
        continue;
      }
      visit(text_.substr(at, key_end - at), text_.substr(key_end + 1, value_end - key_end - 1));
      at = value_end;
    }
  }

 private:
  static bool is_word_or_blank(char32_t c) { return is_word_character(c) || is_blank_character(c); }

  std::size_t length(std::size_t at) const { return code_point_at(text_, at).length; }
  template <typename Test>
  std::size_t run(std::size_t at, Test test) const {
    while (at < text_.size()) {
      const CodePoint point = code_point_at(text_, at);
      if (!test(point.value)) break;
      at += point.length;
    }
    return at;
  }
  bool may_end(std::size_t at) const { return at == text_.size() || text_[at] == ','; }

  /// Just behind the first `close` that a comma or the end follows; 0: there is none on the line.
  std::size_t bracketed(std::size_t open, char close) const {
    for (std::size_t at = open + 1; at < text_.size() && text_[at] != '\n'; ++at) {
      if (text_[at] == close && may_end(at + 1)) return at + 1;
    }
    return 0;
  }

  /// Of a value that begins, with its blanks, at `begin`; 0: none matches.
  std::size_t end_of_value(std::size_t begin) const {
    const std::size_t first = run(begin, is_blank_character);
    if (first < text_.size() && text_[first] == '"') {
      if (const std::size_t end = bracketed(first, '"')) return end;
    }
    if (first < text_.size() && text_[first] == '[') {
      if (const std::size_t end = bracketed(first, ']')) return end;
    }
    // The blanks before it may be part of it, or all of it.
    const std::size_t end = run(first, is_word_or_blank);
    return end > begin && may_end(end) ? end : 0;
  }

  std::string_view text_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> legacy_traits(std::string_view prompt) {
  constexpr std::string_view before = "Your traits: ", after = " Your instructions:";
  std::vector<std::pair<std::string, std::string>> traits;
  const std::size_t found = prompt.find(before);
  if (found == std::string_view::npos) return traits;
  const std::size_t begin = found + before.size();
  if (begin == prompt.size()) return traits;
  const std::size_t end = prompt.find(after, begin + code_point_at(prompt, begin).length);
  if (end == std::string_view::npos) return traits;
  TraitMatcher(stripped(prompt.substr(begin, end - begin))).each([&](std::string_view key, std::string_view value) {
    const auto known =
        std::find_if(traits.begin(), traits.end(), [&](const auto& trait) { return trait.first == key; });
    if (known != traits.end()) {
      known->second = cleaned(value);
    } else {
      traits.emplace_back(key, cleaned(value));
    }
  });
  return traits;
}

}  // namespace assay
