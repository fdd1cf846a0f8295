#include "core/text/python_json.hpp"

#include <charconv>
#include <cmath>

#include "core/text/character_class.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr int kIndent = 4;
constexpr int kOneLine = -1;

void append_hex(std::string& out, char letter, std::uint32_t value, int digits) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '\\';
  out += letter;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15U];
}

void append_json_escape(std::string& out, std::uint32_t value) {
  if (value == '\b' || value == '\f') {
    out += value == '\b' ? "\\b" : "\\f";
  } else if (value < 0x10000) {
    append_hex(out, 'u', value, 4);
  } else {
    append_hex(out, 'u', 0xD800U + ((value - 0x10000U) >> 10U), 4);
    append_hex(out, 'u', 0xDC00U + ((value - 0x10000U) & 0x3FFU), 4);
  }
}

void append_repr_escape(std::string& out, std::uint32_t value) {
  if (is_printable_character(value)) {
    append_utf8(out, value);
  } else if (value < 0x100) {
    append_hex(out, 'x', value, 2);
  } else if (value < 0x10000) {
    append_hex(out, 'u', value, 4);
  } else {
    append_hex(out, 'U', value, 8);
  }
}

/// A string in quotes; what is beyond ASCII and control characters go through `escape`.
template <class Escape>
void append_quoted(std::string& out, std::string_view text, char quote, Escape escape) {
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    at += point.length;
    const auto value = static_cast<std::uint32_t>(point.value);
    if (value == static_cast<unsigned char>(quote) || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n') {
      out += "\\n";
    } else if (value == '\r') {
      out += "\\r";
    } else if (value == '\t') {
      out += "\\t";
    } else if (value >= ' ' && value <= '~') {
      out += static_cast<char>(value);
    } else {
      escape(out, value);
    }
  }
  out += quote;
}

void append_json_quoted(std::string& out, std::string_view text) { append_quoted(out, text, '"', append_json_escape); }

void append_repr_quoted(std::string& out, std::string_view text) {
  const bool apostrophe = text.find('\'') != std::string_view::npos;
  const char quote = apostrophe && text.find('"') == std::string_view::npos ? '"' : '\'';
  append_quoted(out, text, quote, append_repr_escape);
}

void append_json_scalar(std::string& out, const Json& value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::isnan(number)) {
      out += "NaN";
    } else if (std::isinf(number)) {
      out += number < 0 ? "-Infinity" : "Infinity";
    } else {
      out += python_float(number);
    }
  } else {
    out += dump_json(value);
  }
}

void append_repr_scalar(std::string& out, const Json& value) {
  if (value.is_null()) {
    out += "None";
  } else if (value.is_boolean()) {
    out += value.get<bool>() ? "True" : "False";
  } else if (value.is_number_float()) {
    out += python_float(value.get<double>());
  } else {
    out += dump_json(value);
  }
}

/// How the parts of a value are written. `depth`: kOneLine for what stands on one line.
struct Form {
  void (*text)(std::string&, std::string_view);
  void (*scalar)(std::string&, const Json&);
};
constexpr Form kJson = {append_json_quoted, append_json_scalar};
constexpr Form kRepr = {append_repr_quoted, append_repr_scalar};

void new_line(std::string& out, int depth) {
  out += '\n';
  out.append(static_cast<std::size_t>(depth * kIndent), ' ');
}

// Recursive: parse_json bounds the depth of what comes from outside.
void append_value(std::string& out, const Json& value, const Form& form, int depth) {
  if (value.is_string()) return form.text(out, value.get_ref<const std::string&>());
  if (!value.is_structured()) return form.scalar(out, value);
  const bool object = value.is_object(), one_line = depth == kOneLine;
  const int inside = one_line ? kOneLine : depth + 1;
  out += object ? '{' : '[';
  bool first = true;
  for (const auto& [key, element] : value.items()) {
    if (!first) out += one_line ? ", " : ",";
    first = false;
    if (!one_line) new_line(out, inside);
    if (object) {
      form.text(out, key);
      out += ": ";
    }
    append_value(out, element, form, inside);
  }
  if (!first && !one_line) new_line(out, depth);
  out += object ? '}' : ']';
}

}  // namespace

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[400];
  const auto scientific = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  std::string digits(text, scientific.ptr);
  const int exponent = std::stoi(digits.substr(digits.find('e') + 1));
  // PyOS_double_to_string: exponents beyond these are written as such.
  if (exponent < -4 || exponent >= 16) return digits;
  const auto fixed = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  std::string out(text, fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

void append_python_json(std::string& out, const Json& value, int depth) { append_value(out, value, kJson, depth); }

std::string python_json_line(const Json& value) {
  std::string out;
  append_value(out, value, kJson, kOneLine);
  return out;
}

std::string python_repr(const Json& value) {
  std::string out;
  append_value(out, value, kRepr, kOneLine);
  return out;
}

std::string python_str(const Json& value) {
  return value.is_string() ? repair_utf8(value.get_ref<const std::string&>()) : python_repr(value);
}

}  // namespace assay
