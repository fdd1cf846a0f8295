#include "runners/prompt/lexer.hpp"

#include <array>
#include <optional>

#include "core/text/utf8.hpp"
#include "runners/prompt/characters.hpp"

namespace assay::prompt {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view source, const LexerOptions& options) : source_(source), options_(options) {}

  TokenList run() {
    while (!failed_ && at_ < source_.size()) read_data();
    add(TokenKind::end, open_, {});
    return std::move(list_);
  }

 private:
  bool starts(std::size_t at, std::string_view what) const { return source_.substr(at, what.size()) == what; }
  char peek(std::size_t at) const { return at < source_.size() ? source_[at] : '\0'; }

  std::size_t skip_space(std::size_t at) const {
    for (std::size_t length = 0; at < source_.size() && is_space(decode_at(source_, at, length));) at += length;
    return at;
  }

  void add(TokenKind kind, std::size_t offset, std::string text) {
    list_.tokens.push_back({kind, offset, std::move(text)});
  }

  void add_error(std::size_t offset, std::string message) {
    list_.faults.push_back({"syntax", std::move(message), offset});
    add(TokenKind::error, offset, {});
    failed_ = true;
  }

  /// The text before a tag, cut as its sign (`-`, `+` or none) and the options ask. `print`: no lstrip.
  void add_data(std::size_t begin, std::size_t end, char sign, bool print) {
    std::string_view text = source_.substr(begin, end - begin);
    if (sign == '-') {
      text = strip(text, nullptr, false, true);
    } else if (sign != '+' && options_.lstrip_blocks && !print) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line > 0 || line_starting_) && strip(text.substr(line), nullptr, true, false).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(TokenKind::data, begin, std::string(text));
  }

  void read_data() {
    const std::size_t begin = at_;
    std::size_t tag = begin;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos) {
        add(TokenKind::data, begin, std::string(source_.substr(begin)));
        at_ = source_.size();
        return;
      }
      const char next = peek(tag + 1);
      if (next == '{' || next == '%' || next == '#') break;
      ++tag;
    }
    const char sign = peek(tag + 2) == '-' || peek(tag + 2) == '+' ? peek(tag + 2) : '\0';
    const std::size_t inside = tag + 2 + (sign != '\0' ? 1 : 0);
    if (source_[tag + 1] == '%') {
      if (const auto after = raw_end(inside, "raw", false)) {
        add_data(begin, tag, sign, false);
        read_raw(tag, *after);
        return;
      }
    }
    add_data(begin, tag, sign, source_[tag + 1] == '{');
    if (source_[tag + 1] == '#') {
      read_comment(tag, inside);
    } else {
      read_tag(tag, inside, source_[tag + 1] == '{');
    }
  }

  void set_position(std::size_t at) {
    at_ = at;
    line_starting_ = at > 0 && source_[at - 1] == '\n';
  }

  /// Past `word` and the end of its block tag, when that is what stands at `at`.
  std::optional<std::size_t> raw_end(std::size_t at, std::string_view word, bool closing) const {
    at = skip_space(at);
    if (!starts(at, word)) return std::nullopt;
    at = skip_space(at + word.size());
    return block_end(at, closing, closing);
  }

  std::optional<std::size_t> block_end(std::size_t at, bool plus, bool trim) const {
    if (starts(at, "-%}")) return skip_space(at + 3);
    if (plus && starts(at, "+%}")) return at + 3;
    if (!starts(at, "%}")) return std::nullopt;
    return at + 2 + (trim && options_.trim_blocks && peek(at + 2) == '\n' ? 1 : 0);
  }

  void read_raw(std::size_t tag, std::size_t begin) {
    set_position(begin);
    for (std::size_t at = begin; (at = source_.find("{%", at)) != std::string_view::npos; at += 2) {
      const char sign = peek(at + 2) == '-' || peek(at + 2) == '+' ? peek(at + 2) : '\0';
      const auto after = raw_end(at + 2 + (sign != '\0' ? 1 : 0), "endraw", true);
      if (!after) continue;
      add_data(begin, at, sign, false);
      set_position(*after);
      return;
    }
    add_error(tag, "this raw block is not closed; expected {% endraw %}");
  }

  void read_comment(std::size_t tag, std::size_t inside) {
    const std::size_t end = source_.find("#}", inside);
    if (end == std::string_view::npos) return add_error(tag, "this comment is not closed; expected #}");
    const char sign = end > inside ? source_[end - 1] : '\0';
    if (sign == '-') return set_position(skip_space(end + 2));
    set_position(end + 2 + (sign != '+' && options_.trim_blocks && peek(end + 2) == '\n' ? 1 : 0));
  }

  void read_tag(std::size_t tag, std::size_t inside, bool print) {
    add(print ? TokenKind::print_begin : TokenKind::block_begin, tag, {});
    open_ = tag;
    at_ = inside;
    brackets_.clear();
    while (!failed_) {
      at_ = skip_space(at_);
      if (at_ >= source_.size()) return;
      if (brackets_.empty() && read_tag_end(print)) return;
      read_token();
    }
  }

  bool read_tag_end(bool print) {
    std::optional<std::size_t> after;
    if (!print) {
      after = block_end(at_, true, true);
    } else if (starts(at_, "-}}")) {
      after = skip_space(at_ + 3);
    } else if (starts(at_, "}}")) {
      after = at_ + 2;
    }
    if (!after) return false;
    add(print ? TokenKind::print_end : TokenKind::block_end, at_, {});
    set_position(*after);
    open_ = source_.size();
    return true;
  }

  void read_token() {
    const char c = source_[at_];
    if (is_ascii_digit(c)) return read_number();
    if (c == '\'' || c == '"') return read_text();
    std::size_t length = 0;
    if (is_name_part(decode_at(source_, at_, length))) return read_name();
    read_operator();
  }

  /// End of digits with single underscores between them, from `at`; `at` itself when there is none.
  template <typename Digit>
  std::size_t digits_end(std::size_t at, bool leading_underscore, Digit is_one) const {
    if (!leading_underscore && !is_one(peek(at))) return at;
    while (is_one(peek(at)) || (peek(at) == '_' && is_one(peek(at + 1)))) ++at;
    return at;
  }

  void read_number() {
    const std::size_t begin = at_;
    const std::size_t whole = digits_end(begin, false, is_ascii_digit);
    if (begin == 0 || source_[begin - 1] != '.') {
      std::size_t end = whole;
      if (peek(end) == '.' && is_ascii_digit(peek(end + 1))) end = digits_end(end + 1, false, is_ascii_digit);
      if (peek(end) == 'e' || peek(end) == 'E') {
        const std::size_t sign = end + 1 + (peek(end + 1) == '+' || peek(end + 1) == '-' ? 1 : 0);
        if (is_ascii_digit(peek(sign))) end = digits_end(sign, false, is_ascii_digit);
      }
      if (end > whole) return add_number(TokenKind::real, end);
    }
    std::size_t end = whole;
    if (source_[begin] == '0') {
      const char base = static_cast<char>(peek(begin + 1) | 0x20);
      const auto in_base = [base](char d) {
        if (base == 'b') return d == '0' || d == '1';
        if (base == 'o') return d >= '0' && d <= '7';
        const char low = static_cast<char>(d | 0x20);
        return is_ascii_digit(d) || (low >= 'a' && low <= 'f');
      };
      const bool based = base == 'b' || base == 'o' || base == 'x';
      end = based ? digits_end(begin + 2, true, in_base) : begin + 2;
      if (!based || end == begin + 2) end = digits_end(begin, false, [](char d) { return d == '0'; });
    }
    add_number(TokenKind::integer, end);
  }

  void add_number(TokenKind kind, std::size_t end) {
    std::string digits;
    for (const char c : source_.substr(at_, end - at_)) {
      if (c != '_') digits += c;
    }
    add(kind, at_, std::move(digits));
    at_ = end;
  }

  void read_name() {
    const std::size_t begin = at_;
    std::size_t length = 0;
    const bool starts_well = is_name_start(decode_at(source_, at_, length));
    while (at_ < source_.size() && is_name_part(decode_at(source_, at_, length))) at_ += length;
    if (!starts_well) return add_error(begin, "a name begins with a letter or _");
    add(TokenKind::name, begin, std::string(source_.substr(begin, at_ - begin)));
  }

  void read_text() {
    const std::size_t begin = at_;
    const char quote = source_[at_++];
    std::string value;
    while (at_ < source_.size() && source_[at_] != quote) {
      if (source_[at_] != '\\') {
        value += source_[at_++];
      } else if (at_ + 1 >= source_.size()) {
        at_ = source_.size();
      } else if (!read_escape(value)) {
        return add_error(begin, "this text has a bad \\ escape");
      }
    }
    if (at_ >= source_.size()) return add_error(begin, "this text is not closed");
    ++at_;
    add(TokenKind::text, begin, std::move(value));
  }

  bool read_escape(std::string& value) {
    const char c = source_[at_ + 1];
    at_ += 2;
    switch (c) {
      case '\n':
        return true;
      case 'n':
        value += '\n';
        return true;
      case 't':
        value += '\t';
        return true;
      case 'r':
        value += '\r';
        return true;
      case 'a':
        value += '\a';
        return true;
      case 'b':
        value += '\b';
        return true;
      case 'f':
        value += '\f';
        return true;
      case 'v':
        value += '\v';
        return true;
      case '\\':
      case '\'':
      case '"':
        value += c;
        return true;
      case 'x':
        return read_code(value, 2);
      case 'u':
        return read_code(value, 4);
      case 'U':
        return read_code(value, 8);
      case 'N':
        return false;
      default:
        break;
    }
    if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && peek(at_) >= '0' && peek(at_) <= '7'; ++i) {
        code = code * 8 + static_cast<char32_t>(source_[at_++] - '0');
      }
      append_utf8(value, code);
      return true;
    }
    value += '\\';
    --at_;
    std::size_t length = 0;
    decode_at(source_, at_, length);
    value += source_.substr(at_, length);
    at_ += length;
    return true;
  }

  bool read_code(std::string& value, int digits) {
    char32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek(at_);
      const char low = static_cast<char>(c | 0x20);
      if (is_ascii_digit(c)) {
        code = code * 16 + static_cast<char32_t>(c - '0');
      } else if (low >= 'a' && low <= 'f') {
        code = code * 16 + static_cast<char32_t>(low - 'a' + 10);
      } else {
        return false;
      }
    }
    if (code > 0x10FFFF) return false;
    append_utf8(value, code >= 0xD800 && code <= 0xDFFF ? char32_t{0xFFFD} : code);
    return true;
  }

  void read_operator() {
    static constexpr std::array<std::string_view, 6> kDouble = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kSingle = "+-/*%~[](){}><=.:|,;";
    std::string_view found;
    for (const std::string_view op : kDouble) {
      if (starts(at_, op)) found = op;
    }
    if (found.empty() && kSingle.find(source_[at_]) != std::string_view::npos) found = source_.substr(at_, 1);
    if (found.empty()) {
      std::size_t length = 0;
      decode_at(source_, at_, length);
      return add_error(at_, "unexpected character " + std::string(source_.substr(at_, length)));
    }
    if (found == "(" || found == "[" || found == "{") {
      brackets_ += found == "(" ? ')' : found == "[" ? ']' : '}';
    } else if (found == ")" || found == "]" || found == "}") {
      if (brackets_.empty()) return add_error(at_, "unexpected " + std::string(found));
      if (brackets_.back() != found[0]) {
        return add_error(at_, "unexpected " + std::string(found) + ", expected " + brackets_.back());
      }
      brackets_.pop_back();
    }
    add(TokenKind::op, at_, std::string(found));
    at_ += found.size();
  }

  std::string_view source_;
  LexerOptions options_;
  TokenList list_;
  std::string brackets_;  ///< closing brackets still to come
  std::size_t at_ = 0;
  std::size_t open_ = source_.size();
  bool line_starting_ = true;
  bool failed_ = false;
};

}  // namespace

std::string normalize_source(std::string_view text, bool keep_trailing_newline) {
  std::string source;
  source.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\r') {
      source += '\n';
      if (at + 1 < text.size() && text[at + 1] == '\n') ++at;
    } else {
      source += text[at];
    }
  }
  if (!keep_trailing_newline && !source.empty() && source.back() == '\n') source.pop_back();
  return source;
}

TokenList tokenize(std::string_view source, const LexerOptions& options) { return Lexer(source, options).run(); }

}  // namespace assay::prompt
