#include "core/text/python_lower.hpp"

#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr char32_t kCapitalSigma = U'\u03A3', kFinalSigma = U'\u03C2', kDottedI = U'\u0130', kDotAbove = U'\u0307';

bool is_cased(char32_t c) { return to_lower(c) != c || to_upper(c) != c; }

}  // namespace

std::string python_lower(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  bool after_letter = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.length;
    if (c.value < 0x80) {
      const bool capital = c.value >= 'A' && c.value <= 'Z';
      lower += static_cast<char>(capital ? c.value + ('a' - 'A') : c.value);
      after_letter = capital || (c.value >= 'a' && c.value <= 'z');
      continue;
    }
    const bool last = at >= text.size() || !is_cased(code_point_at(text, at).value);
    append_utf8(lower, c.value == kCapitalSigma && after_letter && last ? kFinalSigma : to_lower(c.value));
    if (c.value == kDottedI) append_utf8(lower, kDotAbove);
    after_letter = is_cased(c.value);
  }
  return lower;
}

}  // namespace assay
