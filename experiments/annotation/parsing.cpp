#include "experiments/annotation/parsing.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/text/character_class.hpp"
#include "core/text/error.hpp"
#include "core/text/python_lower.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

// Python's \w and \d take letters and digits of any script; RE2's are ASCII.
constexpr std::string_view kPairs = R"(([\pL\pN_]+)=([-\p{Nd}.]+))";

/// The digits of any script as ASCII ones: they stand in blocks of ten that begin at their zero.
std::string ascii_digits(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value < 0x80 || !is_decimal_digit(c.value)) {
      plain += text.substr(at, c.length);
    } else {
      char32_t zero = c.value;
      while (is_decimal_digit(zero - 1)) --zero;
      plain += static_cast<char>('0' + (c.value - zero) % 10);
    }
    at += c.length;
  }
  return plain;
}

/// As Python's int, with a point its float. nullopt: no number.
std::optional<Json> number_in(std::string_view written) {
  std::string text = ascii_digits(written);
  if (!text.empty() && text.front() == '+') text.erase(0, 1);
  const std::size_t sign = !text.empty() && text.front() == '-' ? 1 : 0;
  const auto rest = std::string_view(text).substr(sign);
  const auto digits =
      static_cast<std::size_t>(std::count_if(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; }));
  const auto points = static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '.'));
  if (digits == 0 || points > 1 || digits + points != rest.size()) return std::nullopt;
  std::int64_t whole = 0;
  if (points == 0 && std::from_chars(text.data(), text.data() + text.size(), whole).ec == std::errc()) {
    return Json(whole);
  }
  double real = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), real).ec == std::errc::result_out_of_range) {
    // JSON has no infinity; digits behind the point alone are too small instead.
    const bool small = rest.find_first_not_of("0.") >= rest.find('.') && points == 1;
    real = small ? 0 : std::copysign(std::numeric_limits<double>::max(), sign == 1 ? -1.0 : 1.0);
  }
  return Json(real);
}

}  // namespace

AnnotationParser::AnnotationParser(AnnotationParsing parsing) : parsing_(std::move(parsing)) {
  pattern_.emplace(parsing_.pattern.empty() ? kPairs : std::string_view(parsing_.pattern));
  if (pattern_->group_count() != 2) {
    throw Error("usage",
                "parse: a pattern of " + std::to_string(pattern_->group_count()) +
                    " groups; it takes two, the key and its number",
                {}, R"(for instance parse='(\w+)\s*[=:]\s*([-\d.]+)')");
  }
}

ParsedAnnotation AnnotationParser::operator()(std::string_view reply) const {
  ParsedAnnotation parsed;
  struct Pair {
    std::string key;
    std::optional<Json> value;
  };
  std::vector<Pair> pairs;
  const std::string text = python_lower(reply);
  for (const Pattern::Match& match : pattern_->find_all(text)) {
    if (!match.groups[1] || !match.groups[2]) continue;
    Pair pair{std::string(*match.groups[1]), number_in(trim(*match.groups[2]))};
    if (!pair.value) ++parsed.malformed;
    const auto same = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& p) { return p.key == pair.key; });
    if (same == pairs.end()) {
      pairs.push_back(std::move(pair));
    } else {
      same->value = std::move(pair.value);
    }
  }
  if (parsing_.drop_all_malformed && parsed.malformed > 0) return parsed;
  for (Pair& pair : pairs) {
    if (!pair.value) continue;
    const auto [lo, hi] = parsing_.scale_of(pair.key);
    const auto value = pair.value->get<double>();
    if (value < lo || value > hi) ++parsed.out_of_scale;
    parsed.values.emplace_back(std::move(pair.key), std::move(*pair.value));
  }
  return parsed;
}

}  // namespace assay
