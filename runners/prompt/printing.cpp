// str() and repr() of values as Python has them, and HTML escaping as markupsafe does it.

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/text/utf8.hpp"
#include "runners/prompt/characters.hpp"
#include "runners/prompt/loop.hpp"
#include "runners/prompt/macro.hpp"
#include "runners/prompt/runtime.hpp"

namespace assay::prompt {
namespace {

void append_quoted(Runtime& runtime, std::string& out, std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  const char quote = single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string quoted(1, quote);
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const char32_t c = decode_at(text, at, length);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(c);
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == ' ' || is_printable(c)) {
      quoted += text.substr(at, length);
    } else {
      std::array<char, 12> escape{};
      const char* format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape.data(), escape.size(), format, static_cast<unsigned>(c));
      quoted += escape.data();
    }
    if (quoted.size() > 4096) {
      append(runtime, out, quoted);
      quoted.clear();
    }
  }
  append(runtime, out, quoted + quote);
}

void append_repr(Runtime& runtime, std::string& out, const Value& value, std::size_t depth);

template <typename Items, typename Each>
void append_items(Runtime& runtime, std::string& out, const Items& items, Each each) {
  bool first = true;
  for (const auto& item : items) {
    if (!first) append(runtime, out, ", ");
    first = false;
    each(item);
  }
}

void append_list(Runtime& runtime, std::string& out, const ListData& list, std::size_t depth) {
  const auto item = [&](const Value& value) { append_repr(runtime, out, value, depth + 1); };
  switch (list.style) {
    case ListStyle::tuple:
    case ListStyle::group:
      append(runtime, out, "(");
      append_items(runtime, out, list.items, item);
      append(runtime, out, list.items.size() == 1 ? ",)" : ")");
      return;
    case ListStyle::range: {
      // Only what range() gives has this style: evenly spaced integers.
      const auto& items = list.items;
      const std::int64_t start = items.empty() ? 0 : items.front().as_integer();
      const std::int64_t step = items.size() < 2 ? 1 : items[1].as_integer() - start;
      const std::int64_t stop = items.empty() ? 0 : items.back().as_integer() + (step > 0 ? 1 : -1);
      append(runtime, out, "range(" + std::to_string(start) + ", " + std::to_string(stop));
      append(runtime, out, step == 1 ? ")" : ", " + std::to_string(step) + ")");
      return;
    }
    case ListStyle::keys:
      append(runtime, out, "dict_keys(");
      break;
    case ListStyle::values:
      append(runtime, out, "dict_values(");
      break;
    case ListStyle::items:
      append(runtime, out, "dict_items(");
      break;
    case ListStyle::list:
      break;
  }
  append(runtime, out, "[");
  append_items(runtime, out, list.items, item);
  append(runtime, out, list.style == ListStyle::list ? "]" : "])");
}

void append_repr(Runtime& runtime, std::string& out, const Value& value, std::size_t depth) {
  // Only namespaces can hold themselves; everything else is bounded when it is made.
  if (depth > 2 * kMaxValueDepth) fail("limit", "this value is nested too deeply to be printed");
  runtime.work();
  switch (value.kind()) {
    case Kind::undefined:
      return append(runtime, out, "Undefined");
    case Kind::null:
      return append(runtime, out, "None");
    case Kind::boolean:
      return append(runtime, out, value.as_bool() ? "True" : "False");
    case Kind::integer:
      return append(runtime, out, std::to_string(value.as_integer()));
    case Kind::real:
      return append(runtime, out, real_text(value.as_real()));
    case Kind::text:
      if (value.is_safe()) append(runtime, out, "Markup(");
      append_quoted(runtime, out, value.as_text());
      if (value.is_safe()) append(runtime, out, ")");
      return;
    case Kind::list:
      return append_list(runtime, out, value.as_list(), depth);
    case Kind::map:
      append(runtime, out, "{");
      append_items(runtime, out, value.as_map().entries, [&](const auto& entry) {
        append_repr(runtime, out, entry.first, depth + 1);
        append(runtime, out, ": ");
        append_repr(runtime, out, entry.second, depth + 1);
      });
      return append(runtime, out, "}");
    case Kind::names:
      append(runtime, out, "<Namespace {");
      append_items(runtime, out, value.as_names().entries, [&](const auto& entry) {
        append_quoted(runtime, out, entry.first);
        append(runtime, out, ": ");
        append_repr(runtime, out, entry.second, depth + 1);
      });
      return append(runtime, out, "}>");
    case Kind::macro:
      append(runtime, out, "<Macro ");
      append_quoted(runtime, out, value.as_macro().name());
      return append(runtime, out, ">");
    case Kind::loop: {
      LoopData& loop = value.as_loop();
      const std::int64_t length = loop.length();
      return append(runtime, out,
                    "<LoopContext " + std::to_string(loop.index0 + 1) + "/" + std::to_string(length) + ">");
    }
    case Kind::function: {
      const std::string name = value.as_function();
      return append(runtime, out, "<class '" + (name == "namespace" ? "jinja2.utils.Namespace" : name) + "'>");
    }
  }
}

}  // namespace

void append(Runtime& runtime, std::string& out, std::string_view text) {
  runtime.check_size(out.size() + text.size());
  out += text;
}

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back, laid out as float.__repr__ does: an exponent below 1e-4 and from 1e16.
  std::array<char, 40> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  const std::string_view shown(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = shown.find('e');
  std::string digits;
  for (const char c : shown.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string sign = shown[0] == '-' ? "-" : "";
  const int exponent = std::atoi(shown.data() + e + 1);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "");
    const std::string power = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1)
    return sign + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  return sign + digits.substr(0, static_cast<std::size_t>(exponent + 1)) + "." +
         digits.substr(static_cast<std::size_t>(exponent + 1));
}

std::string to_repr(Runtime& runtime, const Value& value) {
  std::string out;
  append_repr(runtime, out, value, 0);
  return out;
}

std::string to_text(Runtime& runtime, const Value& value) {
  if (value.is_text()) return value.as_text();
  if (value.is_undefined()) {
    require_defined(runtime, value);
    return {};
  }
  return to_repr(runtime, value);
}

std::string escape_html(Runtime& runtime, std::string_view text) {
  runtime.work(text.size());
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
    if (out.size() > runtime.limits().max_output) runtime.check_size(out.size());
  }
  return out;
}

Value escaped(Runtime& runtime, const Value& value) {
  if (value.is_text() && value.is_safe()) return value;
  return runtime.text(escape_html(runtime, to_text(runtime, value)), true);
}

void append_printed(Runtime& runtime, std::string& out, const Value& value) {
  if (value.is_text()) {
    runtime.work(value.as_text().size());
    if (value.is_safe() || !runtime.autoescape()) return append(runtime, out, value.as_text());
    return append(runtime, out, escape_html(runtime, value.as_text()));
  }
  const std::string text = to_text(runtime, value);
  append(runtime, out, runtime.autoescape() ? escape_html(runtime, text) : text);
}

}  // namespace assay::prompt
