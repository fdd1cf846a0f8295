// text % arguments, the printf of Python: %s %r %d %i %u %f %F %e %E %g %G %x %X %o %c %%, flags - 0 + space #, width,
// precision, * for both, and %(name)s.

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/text/utf8.hpp"
#include "runners/prompt/characters.hpp"
#include "runners/prompt/runtime.hpp"

namespace assay::prompt {
namespace {

struct Spec {
  bool left = false, zero = false, plus = false, blank = false, alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
};

class Formatter {
 public:
  Formatter(Runtime& runtime, const Value& format, const std::vector<Value>& arguments, const Value* named)
      : runtime_(runtime), format_(format.as_text()), safe_(format.is_safe()), arguments_(arguments), named_(named) {}

  std::string run() {
    while (at_ < format_.size()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      append(runtime_, out_, std::string_view(format_).substr(at_, percent - at_));
      at_ = percent;
      if (at_ < format_.size()) conversion();
    }
    if (next_ < arguments_.size() && named_ == nullptr) fail_type("not all arguments were used by the format");
    return std::move(out_);
  }

 private:
  char take() {
    if (at_ >= format_.size()) fail_type("the format ends within a conversion");
    return format_[at_++];
  }

  const Value& argument() {
    if (next_ >= arguments_.size()) fail_type("not enough arguments for the format");
    return arguments_[next_++];
  }

  std::int64_t number(char& c) {
    if (c == '*') {
      const Value& value = argument();
      if (!value.is_whole()) fail_type("* wants an integer");
      c = take();
      return value.as_integer();
    }
    std::int64_t value = 0;
    for (; c >= '0' && c <= '9'; c = take()) {
      value = value * 10 + (c - '0');
      if (value > 1'000'000'000) fail_type("a width or precision is too large");
    }
    return value;
  }

  void conversion() {
    ++at_;
    char c = take();
    Value keyed;
    bool has_key = false;
    if (c == '(') {
      const std::size_t end = format_.find(')', at_);
      if (end == std::string::npos) fail_type("the format ends within a name");
      if (named_ == nullptr || !named_->is_map()) fail_type("the format wants named arguments");
      const std::string key = format_.substr(at_, end - at_);
      const Value* found = named_->as_map().find(key);
      if (found == nullptr) fail_type("the format has no argument " + key);
      keyed = *found;
      has_key = true;
      at_ = end + 1;
      c = take();
    }
    Spec spec;
    for (; c == '-' || c == '0' || c == '+' || c == ' ' || c == '#'; c = take()) {
      spec.left = spec.left || c == '-';
      spec.zero = spec.zero || c == '0';
      spec.plus = spec.plus || c == '+';
      spec.blank = spec.blank || c == ' ';
      spec.alternate = spec.alternate || c == '#';
    }
    spec.width = number(c);
    if (spec.width < 0) {
      spec.left = true;
      spec.width = -spec.width;
    }
    if (c == '.') {
      c = take();
      spec.precision = std::max<std::int64_t>(0, number(c));
    }
    while (c == 'h' || c == 'l' || c == 'L') c = take();
    runtime_.check_size(static_cast<std::size_t>(spec.width));
    if (c == '%') return pad("%", spec);
    convert(c, spec, has_key ? keyed : argument());
  }

  void convert(char c, const Spec& spec, const Value& value) {
    runtime_.work();
    switch (c) {
      case 's':
      case 'r':
      case 'a': {
        std::string text = c == 's' ? to_text(runtime_, value) : to_repr(runtime_, value);
        if (safe_ && !(c == 's' && value.is_safe())) text = escape_html(runtime_, text);
        if (spec.precision >= 0) text.resize(byte_offset(text, static_cast<std::size_t>(spec.precision)));
        return pad(text, spec);
      }
      case 'd':
      case 'i':
      case 'u':
        return whole(spec, value, 10, false, "");
      case 'x':
      case 'X':
        return whole(spec, value, 16, c == 'X', spec.alternate ? (c == 'X' ? "0X" : "0x") : "");
      case 'o':
        return whole(spec, value, 8, false, spec.alternate ? "0o" : "");
      case 'c': {
        if (value.is_text() && value.text_data().length == 1) return pad(value.as_text(), spec);
        if (!value.is_whole() || value.as_integer() < 0 || value.as_integer() > 0x10FFFF) {
          fail_type("%c wants one character");
        }
        std::string text;
        append_utf8(text, static_cast<char32_t>(value.as_integer()));
        return pad(text, spec);
      }
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G':
        return real(c, spec, value);
      default:
        fail_type(std::string("the format has an unknown conversion ") + c);
    }
  }

  void whole(const Spec& spec, const Value& value, int base, bool capitals, const std::string& prefix) {
    if (value.is_undefined()) fail_undefined(value);
    std::int64_t number = 0;
    if (value.is_whole()) {
      number = value.as_integer();
    } else if (value.kind() == Kind::real && base == 10 && std::fabs(value.as_real()) < 9.2e18) {
      number = static_cast<std::int64_t>(value.as_real());
    } else {
      fail_type(std::string("this conversion wants an integer, not ") + value.noun());
    }
    const bool negative = number < 0;
    const std::uint64_t magnitude =
        negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
    std::array<char, 24> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base);
    std::string digits(buffer.data(), end.ptr);
    if (capitals) digits = upper(digits);
    if (spec.precision > static_cast<std::int64_t>(digits.size())) {
      runtime_.check_size(static_cast<std::size_t>(spec.precision));
      digits.insert(0, static_cast<std::size_t>(spec.precision) - digits.size(), '0');
    }
    signed_number(negative, prefix, digits, spec);
  }

  void real(char c, const Spec& spec, const Value& value) {
    if (value.is_undefined()) fail_undefined(value);
    if (!value.is_number()) fail_type(std::string("this conversion wants a number, not ") + value.noun());
    const double number = value.as_real();
    if (!std::isfinite(number)) {
      Spec plain = spec;
      plain.zero = false;
      const std::string name = std::isnan(number) ? "nan" : "inf";
      const bool capitals = c < 'a';
      return signed_number(!std::isnan(number) && number < 0, "", capitals ? upper(name) : name, plain);
    }
    const int precision = static_cast<int>(std::min<std::int64_t>(spec.precision < 0 ? 6 : spec.precision, 100'000));
    const char format[] = {'%',
                           spec.alternate ? '#' : '.',
                           spec.alternate ? '.' : '*',
                           spec.alternate ? '*' : c,
                           spec.alternate ? c : '\0',
                           '\0'};
    std::string digits(static_cast<std::size_t>(precision) + 400, '\0');
    const int count = std::snprintf(digits.data(), digits.size(), format, precision, std::fabs(number));
    digits.resize(static_cast<std::size_t>(count));
    signed_number(std::signbit(number), "", digits, spec);
  }

  void signed_number(bool negative, const std::string& prefix, const std::string& digits, const Spec& spec) {
    const std::string sign = negative ? "-" : spec.plus ? "+" : spec.blank ? " " : "";
    const std::size_t used = sign.size() + prefix.size() + digits.size();
    const auto width = static_cast<std::size_t>(spec.width);
    if (spec.zero && !spec.left && used < width) {
      append(runtime_, out_, sign + prefix + std::string(width - used, '0') + digits);
    } else {
      pad(sign + prefix + digits, spec);
    }
  }

  void pad(const std::string& text, const Spec& spec) {
    const std::size_t used = count_code_points(text);
    const auto width = static_cast<std::size_t>(spec.width);
    const std::string blanks = used < width ? std::string(width - used, ' ') : "";
    append(runtime_, out_, spec.left ? text + blanks : blanks + text);
  }

  Runtime& runtime_;
  const std::string& format_;
  bool safe_;
  const std::vector<Value>& arguments_;
  const Value* named_;
  std::string out_;
  std::size_t at_ = 0, next_ = 0;
};

}  // namespace

Value format_text(Runtime& runtime, const Value& format, const std::vector<Value>& arguments, const Value* named) {
  runtime.work(format.as_text().size());
  return runtime.text(Formatter(runtime, format, arguments, named).run(), format.is_safe());
}

}  // namespace assay::prompt
