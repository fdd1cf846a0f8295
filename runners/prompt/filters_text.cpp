// Filters from text to text, as in Jinja2's filters.py.

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/prompt/characters.hpp"
#include "runners/prompt/entities.hpp"
#include "runners/prompt/filters.hpp"

namespace assay::prompt {
namespace {

Value input_text(const FilterCall& call) { return soft_text(call.runtime, call.input); }

Value mapped(const FilterCall& call, std::string (*change)(std::string_view)) {
  const Value text = input_text(call);
  call.runtime.work(4 * text.as_text().size());
  return call.runtime.text(change(text.as_text()), text.is_safe());
}

Value run_upper(const FilterCall& call) { return mapped(call, upper); }
Value run_lower(const FilterCall& call) { return mapped(call, lower); }
Value run_capitalize(const FilterCall& call) { return mapped(call, capitalize); }

Value run_title(const FilterCall& call) {
  const Value text = input_text(call);
  const std::string& source = text.as_text();
  call.runtime.work(4 * source.size());
  std::string out;
  bool begin = true;
  for (std::size_t at = 0, length = 0; at < source.size(); at += length) {
    const char32_t c = decode_at(source, at, length);
    const bool breaks = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    const std::string_view here(source.data() + at, length);
    out += begin ? upper(here) : lower(here);
    begin = breaks;
  }
  return call.runtime.text(std::move(out));
}

Value run_trim(const FilterCall& call) {
  const Value text = input_text(call);
  call.runtime.work(text.as_text().size());
  if (call.bound.is_null(0)) {
    return call.runtime.text(std::string(strip(text.as_text(), nullptr, true, true)), text.is_safe());
  }
  const std::string chars = call.bound.text(0, "");
  call.runtime.work(chars.size() * 4);
  const std::string_view set = chars;
  return call.runtime.text(std::string(strip(text.as_text(), &set, true, true)), text.is_safe());
}

Value run_string(const FilterCall& call) { return input_text(call); }

Value run_safe(const FilterCall& call) { return input_text(call).with_safe(true); }

Value run_escape(const FilterCall& call) { return escaped(call.runtime, call.input); }

Value run_forceescape(const FilterCall& call) {
  return call.runtime.text(escape_html(call.runtime, to_text(call.runtime, call.input)), true);
}

Value run_replace(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const std::int64_t count = call.bound.is_null(2) ? -1 : call.bound.integer(2, -1);
  Value old = call.bound.value(0), fresh = call.bound.value(1);
  if (!runtime.autoescape()) {
    const auto plain = [&](const Value& value) { return soft_text(runtime, value).with_safe(false); };
    return replace_text(runtime, plain(call.input), plain(old), plain(fresh), count);
  }
  const bool escape = old.is_safe() || (fresh.is_safe() && !call.input.is_safe());
  const Value text = escape ? escaped(runtime, call.input) : soft_text(runtime, call.input);
  return replace_text(runtime, text, soft_text(runtime, old), soft_text(runtime, fresh), count);
}

Value run_format(const FilterCall& call) {
  const Value text = input_text(call);
  if (!call.arguments.named.empty()) {
    if (!call.arguments.positional.empty()) fail_type("format takes positional or named arguments, not both");
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : call.arguments.named) entries.emplace_back(call.runtime.text(name), value);
    const Value named = call.runtime.map(std::move(entries));
    return format_text(call.runtime, text, {}, &named);
  }
  return format_text(call.runtime, text, call.arguments.positional, nullptr);
}

/// Without the parts from `open` to `close`; what is left open stays.
std::string without(std::string_view text, std::string_view open, std::string_view close) {
  std::string out;
  while (true) {
    const std::size_t start = text.find(open);
    const std::size_t end = start == std::string_view::npos ? start : text.find(close, start);
    if (end == std::string_view::npos) return out + std::string(text);
    out += text.substr(0, start);
    text.remove_prefix(end + close.size());
  }
}

Value run_striptags(const FilterCall& call) {
  std::string text = to_text(call.runtime, call.input);
  call.runtime.work(4 * text.size());
  text = without(without(text, "<!--", "-->"), "<", ">");
  std::string joined;
  for (const std::string_view word : split_words(text)) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return call.runtime.text(resolve_entities(joined));
}

std::string quote_url(Runtime& runtime, const Value& value, bool for_query) {
  const std::string text = to_text(runtime, value);
  runtime.work(text.size());
  std::string out = url_encoded(text, for_query ? " " : "/");
  if (for_query) std::replace(out.begin(), out.end(), ' ', '+');
  return out;
}

Value run_urlencode(const FilterCall& call) {
  Runtime& runtime = call.runtime;
  const Value& input = call.input;
  if (!input.is_map() && !input.is_list() && !input.is_undefined()) {
    return runtime.text(quote_url(runtime, input, false));
  }
  std::string out;
  const auto pair = [&](const Value& key, const Value& value) {
    append(runtime, out, out.empty() ? "" : "&");
    append(runtime, out, quote_url(runtime, key, true) + "=" + quote_url(runtime, value, true));
  };
  if (input.is_map()) {
    for (const auto& [key, value] : input.as_map().entries) pair(key, value);
  } else {
    for (const Value& item : elements(runtime, input)) {
      const std::vector<Value> two = elements(runtime, item);
      if (two.size() != 2) fail_type("urlencode wants pairs");
      pair(two[0], two[1]);
    }
  }
  return runtime.text(std::move(out));
}

Value run_wordcount(const FilterCall& call) {
  const Value text = input_text(call);
  const std::string& source = text.as_text();
  call.runtime.work(2 * source.size());
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t at = 0, length = 0; at < source.size(); at += length) {
    const bool word = is_word(decode_at(source, at, length));
    if (word && !inside) ++words;
    inside = word;
  }
  return Value::integer(words);
}

void append_json_text(Runtime& runtime, std::string& out, std::string_view text) {
  std::string quoted = "\"";
  const auto unit = [&](unsigned code) {
    std::array<char, 16> escape{};
    std::snprintf(escape.data(), escape.size(), "\\u%04x", code);
    quoted += escape.data();
  };
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const char32_t c = decode_at(text, at, length);
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\b':
        quoted += "\\b";
        break;
      case '\f':
        quoted += "\\f";
        break;
      default:
        if (c >= 0x10000) {
          unit(0xD800 + ((c - 0x10000) >> 10U));
          unit(0xDC00 + ((c - 0x10000) & 0x3FFU));
        } else if (c < 0x20 || c > 0x7E || c == '<' || c == '>' || c == '&' || c == '\'') {
          if (c == 0x7F) {
            quoted += '\x7F';
          } else {
            unit(c);
          }
        } else {
          quoted += static_cast<char>(c);
        }
    }
  }
  append(runtime, out, quoted + '"');
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, bool pretty, std::int64_t indent)
      : runtime_(runtime), pretty_(pretty), indent_(indent < 0 ? 0 : static_cast<std::size_t>(indent)) {}

  void write(std::string& out, const Value& value, std::size_t level) {
    runtime_.work();
    switch (value.kind()) {
      case Kind::null:
        return append(runtime_, out, "null");
      case Kind::boolean:
        return append(runtime_, out, value.as_bool() ? "true" : "false");
      case Kind::integer:
        return append(runtime_, out, std::to_string(value.as_integer()));
      case Kind::real: {
        const double real = value.as_real();
        if (std::isnan(real)) return append(runtime_, out, "NaN");
        if (std::isinf(real)) return append(runtime_, out, real < 0 ? "-Infinity" : "Infinity");
        return append(runtime_, out, real_text(real));
      }
      case Kind::text:
        runtime_.work(value.as_text().size());
        return append_json_text(runtime_, out, value.as_text());
      case Kind::list: {
        const ListStyle style = value.as_list().style;
        if (style != ListStyle::list && style != ListStyle::tuple && style != ListStyle::group) break;
        const auto& items = value.as_list().items;
        return write_all(out, "[]", items.size(), level, [&](std::size_t i) { write(out, items[i], level + 1); });
      }
      case Kind::map: {
        std::vector<const std::pair<Value, Value>*> sorted;
        for (const auto& entry : value.as_map().entries) sorted.push_back(&entry);
        std::sort(sorted.begin(), sorted.end(),
                  [](const auto* a, const auto* b) { return a->first.as_text() < b->first.as_text(); });
        return write_all(out, "{}", sorted.size(), level, [&](std::size_t i) {
          append_json_text(runtime_, out, sorted[i]->first.as_text());
          append(runtime_, out, ": ");
          write(out, sorted[i]->second, level + 1);
        });
      }
      default:
        break;
    }
    if (value.is_undefined()) require_defined(runtime_, value);
    fail_type(std::string(value.noun()) + " cannot be written as JSON");
  }

 private:
  template <typename Each>
  void write_all(std::string& out, std::string_view brackets, std::size_t count, std::size_t level, Each each) {
    append(runtime_, out, brackets.substr(0, 1));
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) append(runtime_, out, pretty_ ? "," : ", ");
      if (pretty_) new_line(out, level + 1);
      each(i);
    }
    if (pretty_ && count > 0) new_line(out, level);
    append(runtime_, out, brackets.substr(1));
  }

  void new_line(std::string& out, std::size_t level) {
    runtime_.check_size(indent_);
    runtime_.check_size(out.size() + 1 + level * indent_);
    out += '\n';
    out.append(level * indent_, ' ');
  }

  Runtime& runtime_;
  bool pretty_;
  std::size_t indent_;
};

Value run_tojson(const FilterCall& call) {
  std::string out;
  const bool pretty = !call.bound.is_null(0);
  JsonWriter(call.runtime, pretty, pretty ? call.bound.integer(0, 0) : 0).write(out, call.input, 0);
  return call.runtime.text(std::move(out), true);
}

}  // namespace

Value replace_text(Runtime& runtime, const Value& text, const Value& from, const Value& to, std::int64_t count) {
  const std::string& source = text.as_text();
  const std::string& old = from.as_text();
  const std::string fresh = text.is_safe() ? escaped(runtime, to).as_text() : to.as_text();
  runtime.work(source.size());
  std::string out;
  std::size_t at = 0;
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    std::size_t found = at;
    std::size_t skip = old.size();
    if (old.empty()) {
      // Before every code point and at the end.
      if (done > 0) {
        if (at >= source.size()) break;
        decode_at(source, at, skip);
        append(runtime, out, std::string_view(source).substr(at, skip));
        at += skip;
      }
      append(runtime, out, fresh);
      continue;
    }
    found = source.find(old, at);
    if (found == std::string::npos) break;
    append(runtime, out, std::string_view(source).substr(at, found - at));
    append(runtime, out, fresh);
    at = found + skip;
  }
  append(runtime, out, std::string_view(source).substr(at));
  runtime.work(out.size());
  return runtime.text(std::move(out), text.is_safe());
}

const FilterRow kTextFilters[] = {
    {"capitalize", "", 0, run_capitalize},
    {"e", "", 0, run_escape},
    {"escape", "", 0, run_escape},
    {"forceescape", "", 0, run_forceescape},
    {"format", "*", 0, run_format},
    {"lower", "", 0, run_lower},
    {"replace", "old new count", 2, run_replace},
    {"safe", "", 0, run_safe},
    {"string", "", 0, run_string},
    {"striptags", "", 0, run_striptags},
    {"title", "", 0, run_title},
    {"tojson", "indent", 0, run_tojson},
    {"trim", "chars", 0, run_trim},
    {"upper", "", 0, run_upper},
    {"urlencode", "", 0, run_urlencode},
    {"wordcount", "", 0, run_wordcount},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace assay::prompt
