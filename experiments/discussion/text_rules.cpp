#include "experiments/discussion/text_rules.hpp"

#include <algorithm>
#include <vector>

#include "core/text/character_class.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::string_view kPatternRule = "re:";
constexpr std::size_t kTab = 8;

/// Nothing but blanks and `also` (0: nothing else).
bool only_blanks(std::string_view text, char32_t also) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (!is_blank_character(point.value) && (also == 0 || point.value != also)) return false;
    at += point.length;
  }
  return true;
}

/// A text as textwrap's regular expression sees it: tabs expanded, each of its white space characters a space.
std::u32string munged(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    at += point.length;
    if (point.value == U'\t') {
      const std::size_t spaces = kTab - column % kTab;
      out.append(spaces, U' ');
      column += spaces;
      continue;
    }
    column = point.value == U'\n' || point.value == U'\r' ? 0 : column + 1;
    out += point.value >= U'\n' && point.value <= U'\r' ? U' ' : point.value;
  }
  return out;
}

std::string encoded(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t point : text) append_utf8(out, point);
  return out;
}

/// CPython 3.11's Lib/textwrap.py: TextWrapper._split with wordsep_re.
class Splitter {
 public:
  explicit Splitter(std::u32string_view text) : text_(text) {}

  std::vector<std::u32string_view> chunks() const {
    std::vector<std::u32string_view> out;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = chunk_end(at);
      out.push_back(text_.substr(at, end - at));
      at = end;
    }
    return out;
  }

 private:
  std::size_t chunk_end(std::size_t begin) const {
    if (text_[begin] == U' ') return std::min(text_.find_first_not_of(U' ', begin), text_.size());
    if (after_punctuated(begin)) {
      if (const std::size_t end = dashes_before_word(begin)) return end;
    }
    for (std::size_t at = begin + 1;; ++at) {
      if (ends_in_hyphen(at)) return at + 1;
      if (at == text_.size() || text_[at] == U' ') return at;
      if (after_punctuated(at) && dashes_before_word(at) != 0) return at;
    }
  }

  bool is_letterlike(std::size_t at) const {  // [^\d\W]
    return at < text_.size() && is_word_character(text_[at]) && !is_decimal_digit(text_[at]);
  }
  bool is_hyphen(std::size_t at) const { return at < text_.size() && text_[at] == U'-'; }

  /// (?<=[\w!"'&.,?])
  bool after_punctuated(std::size_t at) const {
    return at > 0 && (is_word_character(text_[at - 1]) ||
                      std::u32string_view(U"!\"'&.,?").find(text_[at - 1]) != std::u32string_view::npos);
  }

  /// -{2,}(?=\w): where the dashes end, 0 when there are none.
  std::size_t dashes_before_word(std::size_t at) const {
    if (!is_hyphen(at) || !is_hyphen(at + 1)) return 0;
    const std::size_t end = text_.find_first_not_of(U'-', at);
    return end != std::u32string_view::npos && is_word_character(text_[end]) ? end : 0;
  }

  /// The hyphen at `at` ends a part of a compound word.
  bool ends_in_hyphen(std::size_t at) const {
    if (!is_hyphen(at) || at < 2 || !is_letterlike(at - 1)) return false;
    const bool before = is_letterlike(at - 2) || (at >= 3 && is_hyphen(at - 2) && is_letterlike(at - 3));
    if (!before || !is_letterlike(at + 1)) return false;
    return is_letterlike(at + 2) || (is_hyphen(at + 2) && is_letterlike(at + 3));
  }

  std::u32string_view text_;
};

bool is_blank_chunk(std::u32string_view chunk) { return std::all_of(chunk.begin(), chunk.end(), is_blank_character); }

/// TextWrapper._handle_long_word: how much of a chunk that is too long for any line fits here.
std::size_t cut_of(std::u32string_view chunk, std::size_t space) {
  if (space == 0) return 0;
  const std::size_t hyphen = chunk.rfind(U'-', space - 1);
  if (hyphen == std::u32string_view::npos || hyphen == 0) return space;
  return chunk.substr(0, hyphen).find_first_not_of(U'-') == std::u32string_view::npos ? space : hyphen + 1;
}

}  // namespace

std::string_view stripped(std::string_view text) {
  std::size_t begin = 0, end = 0;
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (!is_blank_character(point.value)) {
      if (!found) begin = at;
      found = true;
      end = at + point.length;
    }
    at += point.length;
  }
  return text.substr(begin, end - begin);
}

bool is_blank(std::string_view text) { return only_blanks(text, 0); }

std::string filtered(std::string_view reply, const TextSettings& settings) {
  std::string text(settings.trim ? stripped(reply) : reply);
  for (const std::string& word : settings.disallowed) {
    if (word.empty() || text.find(word) == std::string::npos) continue;
    std::string kept;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(word, from)) != std::string::npos; from = at + word.size()) {
      kept.append(text, from, at - from);
    }
    text = kept.append(text, from);
  }
  return text;
}

SilenceRule::SilenceRule(const std::string& rule) : form_(Form::quotes) {
  if (rule == "blank") {
    form_ = Form::blank;
  } else if (rule.starts_with(kPatternRule)) {
    form_ = Form::pattern;
    pattern_.emplace(std::string_view(rule).substr(kPatternRule.size()));
  } else if (rule != "quotes") {
    throw Error("usage", "silence=" + rule + " is no rule of silence", {}, "one of quotes, blank, re:REGEX");
  }
}

bool SilenceRule::operator()(std::string_view text) const {
  if (form_ == Form::pattern) return pattern_->matches(text);
  return only_blanks(text, form_ == Form::quotes ? U'"' : U'\0');
}

std::string wrapped(std::string_view text, std::size_t width) {
  const std::u32string whole = munged(text);
  auto chunks = Splitter(whole).chunks();
  std::string out;
  bool first = true;
  // TextWrapper._wrap_chunks.
  for (std::size_t next = 0; next < chunks.size();) {
    if (!first && is_blank_chunk(chunks[next])) ++next;
    std::vector<std::u32string_view> line;
    std::size_t length = 0;
    for (; next < chunks.size() && length + chunks[next].size() <= width; ++next) {
      line.push_back(chunks[next]);
      length += chunks[next].size();
    }
    if (next < chunks.size() && chunks[next].size() > width) {
      const std::size_t cut = cut_of(chunks[next], width - length);
      line.push_back(chunks[next].substr(0, cut));
      chunks[next].remove_prefix(cut);
    }
    if (!line.empty() && is_blank_chunk(line.back())) line.pop_back();
    if (line.empty()) continue;
    if (!first) out += '\n';
    first = false;
    for (const auto chunk : line) out += encoded(chunk);
  }
  return out;
}

std::string history_item(Generation format, std::string_view name, std::string_view text,
                         std::optional<std::size_t> wrap) {
  if (is_blank(text)) return {};
  const std::string shown = wrap ? wrapped(text, *wrap) : std::string(text);
  if (format == Generation::g5) return "Comment by user " + std::string(name) + ": \"\n" + shown + "\"";
  return "User " + std::string(name) + " posted:\n" + shown;
}

}  // namespace assay
