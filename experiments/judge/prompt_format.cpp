#include "experiments/judge/prompt_format.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::string_view kBraces = "a brace that is text is written twice: {{ or }}";

}  // namespace

FormatString::FormatString(std::string text, std::string place) : text_(std::move(text)), place_(std::move(place)) {
  std::string literal;
  for (std::size_t at = 0; at < text_.size();) {
    const std::size_t brace = std::min(text_.find_first_of("{}", at), text_.size());
    literal.append(text_, at, brace - at);
    if (brace == text_.size()) break;
    const char c = text_[brace];
    if (brace + 1 < text_.size() && text_[brace + 1] == c) {
      literal += c;
      at = brace + 2;
      continue;
    }
    if (c == '}') throw Error("syntax", "a lone } in a format string", place_of(brace), std::string(kBraces));
    const std::size_t end = text_.find_first_of("{}\n", brace + 1);
    if (end == std::string::npos || text_[end] != '}') {
      throw Error("syntax", "a { that nothing closes in a format string", place_of(brace), std::string(kBraces));
    }
    Field field{text_.substr(brace + 1, end - brace - 1), brace};
    if (field.name.empty()) {
      throw Error("syntax", "{} without a name in a format string", place_of(brace), std::string(kBraces));
    }
    if (field.name.find_first_of("!:.[]") != std::string::npos) {
      throw Error("syntax", "{" + field.name + "}: only plain names are inserted", place_of(brace),
                  "no conversions, format specs, attributes or indices: {name}");
    }
    fields_.push_back(std::move(field));
    literals_.push_back(std::move(literal));
    literal.clear();
    at = end + 1;
  }
  literals_.push_back(std::move(literal));
}

bool FormatString::uses(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) { return field.name == name; });
}

std::string FormatString::place_of(std::size_t offset) const {
  const std::string_view before = std::string_view(text_).substr(0, offset);
  const std::size_t line_begin =
      before.find_last_of('\n') == std::string_view::npos ? 0 : before.find_last_of('\n') + 1;
  return place_ + ":" + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ":" +
         std::to_string(count_code_points(before.substr(line_begin)) + 1);
}

std::string FormatString::format(const std::function<std::string(const std::string& name)>& value,
                                 std::size_t max_bytes) const {
  std::string out;
  for (std::size_t i = 0; i < literals_.size(); ++i) {
    out += literals_[i];
    if (i < fields_.size()) out += value(fields_[i].name);
    if (out.size() > max_bytes) {
      throw Error("limit", "the prompt grows beyond " + std::to_string(max_bytes) + " bytes (prompt.max_output)",
                  place_);
    }
  }
  return out;
}

}  // namespace assay
