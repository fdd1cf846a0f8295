#include "core/text/python_literal.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr int kDeepest = 50;
constexpr std::uint32_t kLastCodePoint = 0x10FFFF;

class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  std::string_view rest() const { return text_; }
  void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\n\r\f"), text_.size())); }

  std::optional<Json> value(int depth = 0) {
    skip_blanks();
    if (text_.empty() || depth > kDeepest) return std::nullopt;
    if (take("[")) return list(depth);
    if (text_[0] == '\'' || text_[0] == '"') return string();
    for (const auto& [name, constant] :
         {std::pair<std::string_view, Json>("True", true), {"False", false}, {"None", nullptr}}) {
      if (take(name)) return constant;
    }
    return number();
  }

 private:
  bool take(std::string_view token) {
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  std::optional<Json> list(int depth) {
    Json out = Json::array();
    for (;;) {
      skip_blanks();
      if (take("]")) return out;
      std::optional<Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      out.push_back(std::move(*item));
      skip_blanks();
      if (!take(",") && !text_.starts_with("]")) return std::nullopt;
    }
  }

  std::optional<Json> number() {
    const std::string_view token = text_.substr(0, text_.find_first_not_of("0123456789+-.eE"));
    std::int64_t whole = 0;
    double real = 0;
    const char* const end = token.data() + token.size();
    std::optional<Json> found;
    if (const auto read = std::from_chars(token.data(), end, whole); read.ec == std::errc() && read.ptr == end) {
      found = whole;
    } else if (const auto other = std::from_chars(token.data(), end, real);
               other.ec == std::errc() && other.ptr == end) {
      found = real;
    }
    text_.remove_prefix(token.size());
    return found;
  }

  std::optional<Json> string() {
    const char quote = text_[0];
    text_.remove_prefix(1);
    std::string out;
    while (!text_.empty() && text_[0] != quote) {
      if (!take("\\")) {
        out += text_[0];
        text_.remove_prefix(1);
        continue;
      }
      if (text_.empty()) return std::nullopt;
      const char escaped = text_[0];
      text_.remove_prefix(1);
      constexpr std::string_view kLetters = "nrtabfv\\'\"", kMeant = "\n\r\t\a\b\f\v\\'\"";
      if (const std::size_t at = kLetters.find(escaped); at != std::string_view::npos) {
        out += kMeant[at];
      } else if (escaped == 'x' || escaped == 'u' || escaped == 'U') {
        if (!hexadecimal(escaped == 'x' ? 2 : escaped == 'u' ? 4 : 8, out)) return std::nullopt;
      } else {
        out += '\\';
        out += escaped;
      }
    }
    if (!take(std::string_view(&quote, 1))) return std::nullopt;
    return Json(std::move(out));
  }

  bool hexadecimal(std::size_t digits, std::string& out) {
    std::uint32_t code = 0;
    if (text_.size() < digits) return false;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + digits, code, 16);
    if (error != std::errc() || end != text_.data() + digits || code > kLastCodePoint) return false;
    append_utf8(out, code);
    text_.remove_prefix(digits);
    return true;
  }

  std::string_view text_;
};

}  // namespace

std::optional<Json> take_python_literal(std::string_view& text) {
  LiteralReader reader(text);
  std::optional<Json> value = reader.value();
  text = reader.rest();
  return value;
}

std::optional<Json> read_python_literal(std::string_view text) {
  LiteralReader reader(text);
  std::optional<Json> value = reader.value();
  reader.skip_blanks();
  return reader.rest().empty() ? value : std::nullopt;
}

}  // namespace assay
