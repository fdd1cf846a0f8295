// Filters that lay text out: center, indent, truncate, wordwrap.

#include "runners/prompt/characters.hpp"
#include "runners/prompt/filters.hpp"

namespace assay::prompt {
namespace {

const Value& need_text(const FilterCall& call) {
  if (call.input.is_undefined()) fail_undefined(call.input);
  if (!call.input.is_text()) fail_type(std::string("this filter wants a text, not ") + call.input.noun());
  return call.input;
}

std::string blanks(Runtime& runtime, std::int64_t count) {
  if (count <= 0) return {};
  runtime.check_size(static_cast<std::size_t>(count));
  return std::string(static_cast<std::size_t>(count), ' ');
}

Value run_center(const FilterCall& call) {
  const Value text = soft_text(call.runtime, call.input);
  const std::int64_t width = call.bound.integer(0, 80);
  const auto length = static_cast<std::int64_t>(text.text_data().length);
  if (width <= length) return text;
  // str.center: of an odd rest, the left gets more when the width is odd.
  const std::int64_t rest = width - length;
  const std::int64_t left = rest / 2 + (rest & width & 1);
  std::string out = blanks(call.runtime, left);
  append(call.runtime, out, text.as_text());
  append(call.runtime, out, blanks(call.runtime, rest - left));
  call.runtime.work(out.size());
  return call.runtime.text(std::move(out), text.is_safe());
}

Value run_indent(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const Value& text = need_text(call);
  const bool safe = text.is_safe();
  std::string indent;
  if (call.bound.has(0) && call.bound.value(0).is_text()) {
    indent = call.bound.text(0, "");
  } else {
    indent = blanks(runtime, call.bound.integer(0, 4));
  }
  const bool first = call.bound.flag(runtime, 1, false), blank = call.bound.flag(runtime, 2, false);
  // Python's quirk: a newline is added and the lines are split, so that a last empty line stays.
  const std::string source = text.as_text() + "\n";
  std::string out = first ? indent : "";
  bool begin = true;
  for (const std::string_view line : split_lines(source)) {
    if (!begin) append(runtime, out, "\n");
    if (!begin && (blank || !line.empty())) append(runtime, out, indent);
    append(runtime, out, line);
    begin = false;
  }
  runtime.work(out.size());
  return runtime.text(std::move(out), safe);
}

Value run_truncate(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const std::int64_t limit = call.bound.integer(0, 255);
  const bool cut_words = call.bound.flag(runtime, 1, false);
  const Value end = call.bound.has(2) ? call.bound.value(2) : runtime.text("...");
  const std::int64_t leeway = call.bound.is_null(3) ? 5 : call.bound.integer(3, 5);
  if (!end.is_text()) fail_type(std::string("end must be a text, not ") + end.noun());
  const auto end_length = static_cast<std::int64_t>(end.text_data().length);
  if (limit < end_length) fail_type("length is less than that of end, " + std::to_string(end_length));
  if (leeway < 0) fail_type("leeway must not be negative");
  if (static_cast<std::int64_t>(length(runtime, call.input)) - leeway <= limit) return call.input;
  const Value& text = need_text(call);
  runtime.work(text.as_text().size());
  std::string_view kept(text.as_text());
  kept = kept.substr(0, byte_offset(kept, static_cast<std::size_t>(limit - end_length)));
  if (!cut_words) {
    const std::size_t blank = kept.rfind(' ');
    if (blank != std::string_view::npos) kept = kept.substr(0, blank);
  }
  return add(runtime, runtime.text(std::string(kept), text.is_safe()), end);
}

bool is_wrap_space(char32_t c) { return c == ' ' || (c >= 9 && c <= 13); }
bool is_wrap_word(char32_t c) {
  return is_word(c) || c == '!' || c == '"' || c == '\'' || c == '&' || c == '.' || c == ',' || c == '?';
}
bool is_wrap_letter(char32_t c) { return is_word(c) && !is_digit(c); }

/// textwrap.TextWrapper of Python for one paragraph: pieces that must stay together, then lines of at most `width`.
class Wrapper {
 public:
  Wrapper(std::u32string_view text, std::size_t width, bool break_long, bool break_hyphens)
      : text_(text), width_(width), break_long_(break_long), break_hyphens_(break_hyphens) {}

  std::vector<std::u32string> run() {
    split();
    std::vector<std::u32string> lines;
    for (std::size_t at = 0; at < pieces_.size();) {
      if (is_blank(pieces_[at]) && !lines.empty()) ++at;
      std::vector<std::u32string_view> line;
      std::size_t used = 0;
      while (at < pieces_.size() && used + pieces_[at].size() <= width_) {
        used += pieces_[at].size();
        line.push_back(pieces_[at++]);
      }
      if (at < pieces_.size() && pieces_[at].size() > width_ && take_long(line, used, at)) ++at;
      if (!line.empty() && is_blank(line.back())) line.pop_back();
      if (line.empty()) continue;
      std::u32string joined;
      for (const auto piece : line) joined += piece;
      lines.push_back(std::move(joined));
    }
    return lines;
  }

 private:
  static bool is_blank(std::u32string_view piece) {
    for (const char32_t c : piece) {
      if (!is_space(c)) return false;
    }
    return true;
  }

  char32_t at(std::size_t i) const { return i < text_.size() ? text_[i] : U'\0'; }

  /// End of a run of two or more dashes at `i` that a word follows; `i` when there is none.
  std::size_t dashes(std::size_t i) const {
    std::size_t end = i;
    while (at(end) == '-') ++end;
    return end >= i + 2 && end < text_.size() && is_word(text_[end]) ? end : i;
  }

  bool hyphen_breaks(std::size_t i) const {
    const bool two_letters = i >= 2 && is_wrap_letter(text_[i - 2]) && is_wrap_letter(text_[i - 1]);
    const bool letter_dash =
        i >= 3 && is_wrap_letter(text_[i - 3]) && text_[i - 2] == '-' && is_wrap_word(text_[i - 1]);
    if (!two_letters && !letter_dash) return false;
    if (!is_wrap_letter(at(i + 1))) return false;
    return is_wrap_letter(at(i + 2)) || (at(i + 2) == '-' && is_wrap_letter(at(i + 3)));
  }

  void split() {
    for (std::size_t i = 0; i < text_.size();) {
      const std::size_t end = piece_end(i);
      pieces_.push_back(text_.substr(i, end - i));
      i = end;
    }
  }

  std::size_t piece_end(std::size_t i) const {
    if (is_wrap_space(text_[i]) || !break_hyphens_) {
      const bool space = is_wrap_space(text_[i]);
      std::size_t end = i + 1;
      while (end < text_.size() && is_wrap_space(text_[end]) == space) ++end;
      return end;
    }
    if (i > 0 && is_wrap_word(text_[i - 1]) && dashes(i) > i) return dashes(i);
    for (std::size_t end = i + 1;; ++end) {
      if (at(end) == '-' && end < text_.size()) {
        if (hyphen_breaks(end)) return end + 1;
        if (is_wrap_word(text_[end - 1]) && dashes(end) > end) return end;
      }
      if (end >= text_.size() || is_wrap_space(text_[end])) return end;
    }
  }

  /// Puts what fits of a piece that is longer than a line into `line`; true when that was all of it.
  bool take_long(std::vector<std::u32string_view>& line, std::size_t used, std::size_t at_piece) {
    std::u32string_view& piece = pieces_[at_piece];
    if (!break_long_) {
      if (!line.empty()) return false;
      line.push_back(piece);
      return true;
    }
    const std::size_t space = width_ - used;
    std::size_t end = space;
    if (break_hyphens_ && piece.size() > space && space > 0) {
      const std::size_t hyphen = piece.substr(0, space).rfind('-');
      if (hyphen != std::u32string_view::npos && hyphen > 0 &&
          piece.substr(0, hyphen).find_first_not_of('-') != std::u32string_view::npos) {
        end = hyphen + 1;
      }
    }
    line.push_back(piece.substr(0, end));
    piece = piece.substr(end);
    return false;
  }

  std::u32string_view text_;
  std::size_t width_;
  bool break_long_, break_hyphens_;
  std::vector<std::u32string_view> pieces_;
};

Value run_wordwrap(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const Value& text = need_text(call);
  const std::int64_t width = call.bound.integer(0, 79);
  const bool break_long = call.bound.flag(runtime, 1, true);
  const std::string wrap = call.bound.is_null(2) ? "\n" : call.bound.text(2, "\n");
  const bool break_hyphens = call.bound.flag(runtime, 3, true);
  std::string out;
  bool begin = true;
  runtime.work(8 * text.as_text().size());
  for (const std::string_view paragraph : split_lines(text.as_text())) {
    if (!begin) append(runtime, out, wrap);
    begin = false;
    if (width <= 0) fail_type("width must be at least 1");
    const std::u32string points = decode(paragraph);
    bool first = true;
    for (const std::u32string& line :
         Wrapper(points, static_cast<std::size_t>(width), break_long, break_hyphens).run()) {
      if (!first) append(runtime, out, wrap);
      append(runtime, out, encode(line));
      first = false;
    }
  }
  return runtime.text(std::move(out));
}

}  // namespace

const FilterRow kLayoutFilters[] = {
    {"center", "width", 0, run_center},
    {"indent", "width first blank", 0, run_indent},
    {"truncate", "length killwords end leeway", 0, run_truncate},
    {"wordwrap", "width break_long_words wrapstring break_on_hyphens", 0, run_wordwrap},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace assay::prompt
