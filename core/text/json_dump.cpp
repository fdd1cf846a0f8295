#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <vector>

#include "core/text/json.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Bytes that a JSON string takes as they are, beyond doubt; 0x80 and above need a look at their neighbours.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

void append_escape(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
  }
}

template <class Integer>
void append_integer(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// An open container and how far the writer has come in it.
struct Frame {
  const Json* value;
  std::size_t next;
};

class Writer {
 public:
  Writer(std::string& out, int indent) : out_(out), indent_(indent) {}

  void write(const Json& root) {
    value(root);
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      const bool object = top.value->is_object();
      if (top.next == top.value->size()) {
        stack_.pop_back();
        new_line();
        out_ += object ? '}' : ']';
        continue;
      }
      if (top.next > 0) out_ += ',';
      new_line();
      const std::size_t i = top.next++;
      if (object) {
        const auto& member = top.value->get_ref<const Json::object_t&>().data()[i];
        append_json_string(out_, member.first);
        out_ += indent_ < 0 ? ":" : ": ";
        value(member.second);
      } else {
        value(top.value->get_ref<const Json::array_t&>()[i]);
      }
    }
  }

 private:
  // Scalars are written, containers opened: `write` goes on in them. Invalidates references into stack_.
  void value(const Json& json) {
    switch (json.type()) {
      case Json::value_t::boolean:
        out_ += json.get_ref<const bool&>() ? "true" : "false";
        return;
      case Json::value_t::number_integer:
        append_integer(out_, json.get_ref<const std::int64_t&>());
        return;
      case Json::value_t::number_unsigned:
        append_integer(out_, json.get_ref<const std::uint64_t&>());
        return;
      case Json::value_t::number_float:
        append_json_number(out_, json.get_ref<const double&>());
        return;
      case Json::value_t::string:
        append_json_string(out_, json.get_ref<const std::string&>());
        return;
      case Json::value_t::object:
      case Json::value_t::array:
        if (json.empty()) {
          out_ += json.is_object() ? "{}" : "[]";
        } else {
          out_ += json.is_object() ? '{' : '[';
          stack_.push_back({&json, 0});
        }
        return;
      default:
        out_ += "null";
        return;  // null, binary, discarded: JSON has no word for the latter two
    }
  }

  void new_line() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(stack_.size() * static_cast<std::size_t>(indent_), ' ');
  }

  std::string& out_;
  const int indent_;
  std::vector<Frame> stack_;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t done = 0, at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (kPlain[byte]) {
      ++at;
      continue;
    }
    if (byte >= 0x80) {
      const CodePoint point = code_point_at(text, at);
      if (!point.valid) {
        out.append(text, done, at - done);
        append_utf8(out, point.value);
        done = at + point.length;
      }
      at += point.length;
      continue;
    }
    out.append(text, done, at - done);
    append_escape(out, byte);
    done = ++at;
  }
  out.append(text, done);
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // Shortest digits by to_chars, laid out as JavaScript does (fixed from 1e-6 to below 1e21), so that a number keeps
  // its look through a save; ".0" keeps it a double.
  char text[40];
  const auto scientific = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  const char* const begin = text;
  const char* const exponent_at = std::find(begin, static_cast<const char*>(scientific.ptr), 'e');
  int exponent = 0;
  std::from_chars(exponent_at[1] == '+' ? exponent_at + 2 : exponent_at + 1, scientific.ptr, exponent);
  if (exponent >= 21 || exponent < -6) {
    out.append(text, scientific.ptr);
    return;
  }
  const auto digits = static_cast<int>(std::count_if(begin, exponent_at, [](char c) { return c >= '0' && c <= '9'; }));
  if (exponent >= digits - 1) {  // whole: beyond 2^53, chars_format::fixed would write more digits than the shortest
    std::copy_if(begin, exponent_at, std::back_inserter(out), [](char c) { return c != '.'; });
    out.append(static_cast<std::size_t>(exponent - digits + 1), '0').append(".0");
    return;
  }
  char fixed[40];
  out.append(fixed, std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr);
}

std::string dump_json(const Json& value, int indent) {
  std::string out;
  Writer(out, indent).write(value);
  return out;
}

}  // namespace assay
