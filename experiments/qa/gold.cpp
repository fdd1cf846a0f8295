#include "experiments/qa/gold.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

std::optional<std::int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > 1000) return std::nullopt;
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_string()) return std::nullopt;
  const std::string text(trim(value.get<std::string>()));
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_digits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class Reader {
 public:
  Reader(const Json& value, const GoldChoices& choices)
      : value_(value), text_(value.is_string() ? value.get<std::string>() : dump_json(value)), choices_(choices) {}

  Gold letter() const {
    if (const auto at = label_position(text_)) return at_position(*at);
    if (const auto at = label_position(std::string(trim(text_)))) return at_position(*at);
    if (const auto at = label_position(to_upper(std::string_view(trim(text_))))) return at_position(*at);
    return wrong("one of " + range());
  }

  Gold index(std::int64_t base) const {
    const auto number = as_integer(value_);
    const auto size = static_cast<std::int64_t>(choices_.letters.size());
    if (choices_.count == 0) return wrong("options that a position could name");
    if (!number || *number < base || *number >= base + size) {
      return wrong("a position from " + std::to_string(base) + " to " + std::to_string(base + size - 1));
    }
    return at_position(static_cast<std::size_t>(*number - base));
  }

  Gold text() const {
    if (choices_.count == 0) return {Json(text_), false, {}, {}};
    if (const auto at = text_position()) return at_position(*at);
    return wrong("the text of exactly one option");
  }

  Gold number(const Extractor& worked_solution) const {
    if (value_.is_number()) return {canonical(), false, {}, {}};
    if (auto number = number_value(text_)) return {std::move(*number), false, {}, {}};
    if (const auto found = worked_solution.find(text_, AnswerForm::number()); found.value) {
      if (auto number = number_value(*found.value)) return {std::move(*number), true, {}, {}};
    }
    return wrong("a number, or a solution that ends in one");
  }

  Gold guess() const {
    if (choices_.count > 0) {
      if (const auto at = label_position(text_)) return at_position(*at);
      if (value_.is_number_integer()) return index(0);
      if (is_digits(std::string(trim(text_)))) {
        return wrong("a label or an option's text, not digits that may be either a position or a text",
                     "answer_is=index0, index1, text or number says what it is");
      }
      if (const auto at = text_position()) return at_position(*at);
      return wrong("one of " + range() + ", a position, or the text of exactly one option",
                   "answer_is=letter, index0, index1, text or number says what it is");
    }
    if (value_.is_number()) return {canonical(), false, {}, {}};
    if (auto number = number_value(text_)) return {std::move(*number), false, {}, {}};
    return {Json(text_), false, {}, {}};
  }

 private:
  static Gold wrong(std::string expected, std::string hint = {}) {
    return {nullptr, false, std::move(expected), std::move(hint)};
  }

  Json canonical() const { return number_value(text_).value_or(value_); }

  std::string range() const {
    if (choices_.count == 0) return "the labels, but there are no options";
    return std::string("A to ") + static_cast<char>('A' + static_cast<int>(choices_.count) - 1);
  }

  /// The source position of a label: the source's own first, then A, B, ..
  std::optional<std::size_t> label_position(const std::string& label) const {
    const auto own = std::find(choices_.names.begin(), choices_.names.end(), label);
    if (own != choices_.names.end()) return static_cast<std::size_t>(own - choices_.names.begin());
    if (label.size() != 1 || label[0] < 'A' || label[0] > 'Z') return std::nullopt;
    const auto at = static_cast<std::size_t>(label[0] - 'A');
    if (at >= choices_.letters.size()) return std::nullopt;
    return at;
  }

  std::optional<std::size_t> text_position() const {
    using Form = std::function<std::string(const std::string&)>;
    for (const Form& form :
         {Form([](const std::string& t) { return t; }), Form([](const std::string& t) { return std::string(trim(t)); }),
          Form([](const std::string& t) { return to_lower(std::string_view(trim(t))); })}) {
      const std::string wanted = form(text_);
      std::optional<std::size_t> found;
      std::size_t hits = 0;
      for (std::size_t i = 0; i < choices_.texts.size(); ++i) {
        if (form(choices_.texts[i]) != wanted) continue;
        found = i;
        ++hits;
      }
      if (hits == 1) return found;
      if (hits > 1) return std::nullopt;
    }
    return std::nullopt;
  }

  Gold at_position(std::size_t at) const {
    const std::size_t letter = choices_.letters.at(at);
    if (letter == choices_.gone) return wrong("an option that is not N/A");
    return {Json(std::string(1, static_cast<char>('A' + static_cast<int>(letter)))), false, {}, {}};
  }

  const Json& value_;
  const std::string text_;
  const GoldChoices& choices_;
};

}  // namespace

Gold read_gold_value(const Json& value, const GoldChoices& choices, const std::string& answer_is,
                     const Extractor& worked_solution) {
  const Reader reader(value, choices);
  if (answer_is == "letter") return reader.letter();
  if (answer_is == "index0") return reader.index(0);
  if (answer_is == "index1") return reader.index(1);
  if (answer_is == "text") return reader.text();
  if (answer_is == "number") return reader.number(worked_solution);
  return reader.guess();
}

}  // namespace assay
