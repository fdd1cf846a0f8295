#include "experiments/arithmetic/runner.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/pattern.hpp"
#include "experiments/arithmetic/arithmetic.hpp"

namespace assay {
namespace {

__extension__ using Wide = __int128;

std::string digits_of(Wide value) {
  const bool negative = value < 0;
  std::string digits;
  do {
    const auto digit = static_cast<int>(value % 10);
    digits += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    value /= 10;
  } while (value != 0);
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

/// A whole number without leading zeros and fraction ".000".
std::string plain_whole(std::string text) {
  if (const auto dot = text.find('.'); dot != std::string::npos) {
    if (text.find_first_not_of('0', dot + 1) == std::string::npos) text.resize(dot);
  }
  const bool negative = text.starts_with('-');
  auto first = text.find_first_not_of('0', negative ? 1 : 0);
  if (first == std::string::npos) return "0";
  return (negative ? "-" : "") + text.substr(first);
}

/// As the origin prints numbers: a whole double without fraction.
std::string shown(const Json& number) {
  if (!number.is_number_float()) return dump_json(number);
  const auto value = number.get<double>();
  if (std::trunc(value) == value && std::fabs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  return dump_json(number);
}

bool whole(const Json& number) { return number.is_number_integer(); }

Wide wide(const Json& number) {
  return number.is_number_unsigned() ? Wide{number.get<std::uint64_t>()} : Wide{number.get<std::int64_t>()};
}

std::string sum_text(const Json& a, const Json& b, int off_by) {
  if (whole(a) && whole(b)) return digits_of(wide(a) + wide(b) + off_by);
  return shown(Json(a.get<double>() + b.get<double>() + off_by));
}

/// As a JSON number; digits beyond the doubles stay a text.
Json value_of(const std::string& number) {
  const std::string text = plain_whole(number);
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end) return integer;
  double value = 0;
  if (const auto r = std::from_chars(text.data(), end, value); r.ec == std::errc() && r.ptr == end) return value;
  return number;
}

}  // namespace

std::string last_number(const std::string& text) {
  static const Pattern number(R"((?:-|−)?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)");
  const auto all = number.find_all(text);
  if (all.empty()) return "";
  std::string found(*all.back().groups[0]);
  constexpr std::string_view kMinus = "−";
  if (found.starts_with(kMinus)) found.replace(0, kMinus.size(), "-");
  found.erase(std::remove(found.begin(), found.end(), ','), found.end());
  return found;
}

bool is_sum(const std::string& number, const Json& a, const Json& b) {
  double value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec != std::errc() || result.ptr != number.data() + number.size()) return false;
  const bool exponent = number.find_first_of("eE") != std::string::npos;
  if (whole(a) && whole(b) && !exponent) return plain_whole(number) == digits_of(wide(a) + wide(b));
  const double x = a.get<double>();
  const double y = b.get<double>();
  return std::fabs(value - (x + y)) <= 1e-12 * std::max({std::fabs(x), std::fabs(y), std::fabs(x + y)});
}

void ArithmeticRunner::setup(Run& run, Step&) {
  run.say("system", "Add the two numbers provided");
  run.say("user", "A: " + shown(run.data.at("A")) + " B: " + shown(run.data.at("B")));
}

Score ArithmeticRunner::evaluate(Run& run, Step&) {
  run.answer = nullptr;
  if (run.context.empty() || run.context.back().role != "assistant") return Score::none();
  const std::string number = last_number(run.context.back().content.get<std::string>());
  if (number.empty()) return Score::incorrect().metric("unparsed", 1);
  run.answer = value_of(number);
  return Score::of(is_sum(number, run.data.at("A"), run.data.at("B"))).metric("unparsed", 0);
}

std::optional<Hint> ArithmeticRunner::hint(const Run& run) const {
  const Json& a = run.data.at("A");
  const Json& b = run.data.at("B");
  return Hint{sum_text(a, b, 0), {sum_text(a, b, 0), sum_text(a, b, 1), sum_text(a, b, -1)}};
}

}  // namespace assay
