#include "repl/metrics_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 64> text{};
  constexpr double kWhole = 9e15;
  const auto [end, error] = std::fabs(value) < kWhole && value == std::floor(value)
                                ? std::to_chars(text.data(), text.data() + text.size(), std::llround(value))
                                : std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

std::string label_text(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size();) {
    const CodePoint one = code_point_at(value, at);
    at += one.length;
    if (one.value == U'\n') {
      out += "\\n";
    } else if (one.value == U'\\' || one.value == U'"') {
      out += '\\';
      append_utf8(out, one.value);
    } else {
      append_utf8(out, is_unsafe(one.value) ? U'\uFFFD' : one.value);
    }
  }
  return out;
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  heading_ = "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ +
             (type == Type::counter ? " counter\n" : " gauge\n");
}

void MetricsText::sample(double value, const Labels& labels) {
  text_ += heading_;
  heading_.clear();
  text_ += name_;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text_ += (i == 0 ? "{" : ",") + std::string(labels[i].first) + "=\"" + label_text(labels[i].second) + "\"";
  }
  text_ += (labels.empty() ? " " : "} ") + value_text(value) + "\n";
}

}  // namespace assay
