#include "experiments/debate/python_json.hpp"

#include <charconv>
#include <cmath>

#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr int kIndent = 4;

void append_unit(std::string& out, std::uint32_t unit) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> shift) & 15U];
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    at += point.length;
    const auto value = static_cast<std::uint32_t>(point.value);
    switch (value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (value >= ' ' && value <= '~') {
          out += static_cast<char>(value);
        } else if (value < 0x10000) {
          append_unit(out, value);
        } else {
          append_unit(out, 0xD800U + ((value - 0x10000U) >> 10U));
          append_unit(out, 0xDC00U + ((value - 0x10000U) & 0x3FFU));
        }
    }
  }
  out += '"';
}

void new_line(std::string& out, int depth) {
  out += '\n';
  out.append(static_cast<std::size_t>(depth * kIndent), ' ');
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

void append_python_json(std::string& out, const Json& value, int depth) {
  switch (value.type()) {
    case Json::value_t::string:
      return append_string(out, value.get_ref<const std::string&>());
    case Json::value_t::number_float: {
      const double number = value.get<double>();
      if (std::isnan(number)) {
        out += "NaN";
      } else if (std::isinf(number)) {
        out += number < 0 ? "-Infinity" : "Infinity";
      } else {
        out += python_float(number);
      }
      return;
    }
    case Json::value_t::array:
    case Json::value_t::object: {
      const bool object = value.is_object();
      out += object ? '{' : '[';
      bool first = true;
      // parse_json bounds the depth of what comes from outside.
      for (const auto& [key, element] : value.items()) {
        if (!first) out += ',';
        first = false;
        new_line(out, depth + 1);
        if (object) {
          append_string(out, key);
          out += ": ";
        }
        append_python_json(out, element, depth + 1);
      }
      if (!first) new_line(out, depth);
      out += object ? '}' : ']';
      return;
    }
    default:
      out += dump_json(value);
  }
}

}  // namespace assay
