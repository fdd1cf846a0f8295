#include "experiments/discussion/parameter_sheet.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/text/pattern.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/turns.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::size_t kShownValue = 120;
constexpr double kAsGoodAsNone = 1e9;  ///< an upper bound from here on is not told

/// A value that is wrong: what would be right.
struct NotAllowed {
  std::string allowed;
};

std::string shown(const Json& value) {
  std::string text = dump_json(value);
  if (text.size() > kShownValue) {
    std::size_t cut = kShownValue;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
    text.resize(cut);
    text += "..";
  }
  return text;
}

std::string plain_number(double value) {
  return std::floor(value) == value && std::abs(value) < 1e15 ? std::to_string(static_cast<std::int64_t>(value))
                                                              : dump_json(Json(value));
}

std::string allowed_range(const ParameterRow& row, const std::string& what) {
  const bool low = std::isfinite(row.low), high = row.high < kAsGoodAsNone;
  if (low && high) return what + ", " + plain_number(row.low) + " to " + plain_number(row.high);
  if (low) return what + ", " + plain_number(row.low) + " or more";
  return what;
}

template <typename Number>
std::optional<Number> parsed(const std::string& text) {
  Number value{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

class Checker {
 public:
  Checker(const ParameterRow& row, const GivenValue& given) : row_(row), given_(given), value_(given.value) {}

  Json operator()() const {
    switch (row_.form) {
      case ValueForm::integer:
        return integer(allowed_range(row_, "a whole number"));
      case ValueForm::number:
        return number();
      case ValueForm::boolean:
        return boolean();
      case ValueForm::choice:
        return choice();
      case ValueForm::text:
        return text("a text");
      case ValueForm::path:
        return path();
      case ValueForm::texts:
        return texts();
      case ValueForm::names:
        return names();
      case ValueForm::object:
        return object();
      case ValueForm::weights:
        return weights();
      case ValueForm::history:
        return integer_or("all");
      case ValueForm::wrap:
        return integer_or("none");
      case ValueForm::seed:
        return seed();
      case ValueForm::model_seed:
        return model_seed();
      case ValueForm::silence:
        return silence();
      case ValueForm::pattern:
        return pattern(0);
      case ValueForm::naming_pattern:
        return pattern(1);
      case ValueForm::pair_pattern:
        return pattern(2);
      case ValueForm::openings:
        return openings();
      case ValueForm::policy:
        return policy();
      case ValueForm::range:
        return range();
    }
    return value_;
  }

 private:
  bool is_text() const { return value_.is_string(); }
  const std::string& as_text() const { return value_.get_ref<const std::string&>(); }
  /// `off` of a file is false in YAML 1.1.
  bool is_off() const { return value_ == Json(false) || (given_.typed && as_text() == "off"); }

  Json integer(const std::string& allowed) const {
    if (row_.low == 0 && is_off()) return 0;
    Json result;
    if (given_.typed) {
      const auto number = parsed<std::int64_t>(as_text());
      if (!number) throw NotAllowed{allowed};
      result = *number;
    } else {
      if (!value_.is_number_integer()) throw NotAllowed{allowed};
      result = value_;
    }
    const double size = result.get<double>();
    if (size < row_.low || size > row_.high) throw NotAllowed{allowed};
    return result;
  }

  Json number() const {
    const std::string allowed = allowed_range(row_, "a number");
    double result = 0;
    if (row_.low == 0 && is_off()) return result;
    if (given_.typed) {
      const auto number = parsed<double>(as_text());
      if (!number) throw NotAllowed{allowed};
      result = *number;
    } else {
      if (!value_.is_number()) throw NotAllowed{allowed};
      result = value_.get<double>();
    }
    if (!std::isfinite(result) || result < row_.low || result > row_.high) throw NotAllowed{allowed};
    return result;
  }

  Json boolean() const {
    if (value_.is_boolean()) return value_;
    if (given_.typed) {
      const std::string word = ascii_lower(as_text());
      if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
      if (word == "false" || word == "no" || word == "off" || word == "0") return false;
    }
    throw NotAllowed{"true or false (yes, no, on, off)"};
  }

  Json choice() const {
    if (is_text() && std::find(row_.choices.begin(), row_.choices.end(), as_text()) != row_.choices.end())
      return value_;
    throw NotAllowed{"one of " + joined(row_.choices, ", ")};
  }

  Json text(const std::string& allowed) const {
    if (!is_text()) throw NotAllowed{allowed};
    return value_;
  }

  Json path() const {
    if (given_.content) return text("a text");
    if (!is_text() || as_text().empty()) throw NotAllowed{"a path"};
    return value_;
  }

  /// What was typed as JSON; other values as they are.
  Json structured(char begin, const std::string& allowed) const {
    if (!given_.typed) return value_;
    if (!as_text().starts_with(begin)) return value_;
    try {
      return parse_json(as_text(), "");
    } catch (const Error& error) {
      throw NotAllowed{allowed + "; as JSON, " + error.message()};
    }
  }

  static bool all_texts(const Json& list) {
    return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& one) { return one.is_string(); });
  }

  Json texts() const {
    const std::string allowed = R"(a list of texts such as ["a", "b"])";
    const Json list = structured('[', allowed);
    if (list.is_string()) return list == Json("") ? Json::array() : Json::array({list});
    if (!all_texts(list)) throw NotAllowed{allowed};
    return list;
  }

  Json names() const {
    Json list = texts();
    if (list.empty()) throw NotAllowed{R"(a list of names such as ["A", "B"], at least one)"};
    return list;
  }

  Json object() const {
    const std::string allowed = "a JSON object, or the path of a file that holds one";
    Json value = structured('{', allowed);
    if (!value.is_object() && !(value.is_string() && value != Json(""))) throw NotAllowed{allowed};
    return value;
  }

  Json weights() const {
    const std::string allowed = R"(an object of names and weights of 0 or more, such as {"A": 2, "B": 1})";
    Json value = structured('{', allowed);
    if (!value.is_object()) throw NotAllowed{allowed};
    for (const auto& [name, weight] : value.items()) {
      if (!weight.is_number() || weight.get<double>() < 0 || !std::isfinite(weight.get<double>())) {
        throw NotAllowed{allowed};
      }
    }
    return value;
  }

  Json integer_or(const std::string& word) const {
    if (is_text() && ascii_lower(as_text()) == word) return word;
    return integer(allowed_range(row_, "a whole number") + ", or " + word);
  }

  Json seed() const {
    const std::string allowed = "a whole number, 0 to 18446744073709551615";
    if (!given_.typed && value_.is_number_unsigned()) return value_;
    if (!given_.typed && value_.is_number_integer() && value_.get<std::int64_t>() >= 0) {
      return value_.get<std::uint64_t>();
    }
    // Of a file, a text only where the number has no room in 64 bits with a sign.
    constexpr std::size_t kLongestSigned = 18;
    const bool taken = is_text() && (given_.typed || as_text().size() > kLongestSigned);
    const auto number = taken ? parsed<std::uint64_t>(as_text()) : std::nullopt;
    if (!number) throw NotAllowed{allowed};
    return *number;
  }

  Json model_seed() const {
    if (is_off()) return "off";
    if (is_text() && as_text() == "run") return "run";
    const std::string allowed = "run, off, or a whole number";
    return std::to_string(integer(allowed).get<std::int64_t>());
  }

  Json silence() const {
    const std::string allowed = "quotes, blank, or re:REGEX";
    if (!is_text()) throw NotAllowed{allowed};
    if (as_text() == "quotes" || as_text() == "blank") return value_;
    if (!as_text().starts_with("re:")) throw NotAllowed{allowed};
    check_pattern(as_text().substr(3), 0);
    return value_;
  }

  Json pattern(std::size_t groups) const {
    if (value_ == Json(false)) return "";
    if (!is_text()) throw NotAllowed{"a regular expression"};
    if (!as_text().empty()) check_pattern(as_text(), groups);
    return value_;
  }

  static void check_pattern(const std::string& source, std::size_t groups) {
    std::size_t there = 0;
    try {
      there = Pattern(source).group_count();
    } catch (const Error& error) {
      // The pattern again, with a caret below the place.
      std::string below = error.hint();
      for (std::size_t at = 0; (at = below.find('\n', at)) != std::string::npos; at += 5) below.insert(at + 1, "    ");
      throw NotAllowed{"a regular expression: " + error.message() + (below.empty() ? "" : "\n    " + below)};
    }
    if (groups == 1 && there != 1) throw NotAllowed{"a regular expression with one group, which holds the name"};
    if (groups == 2 && there != 2) throw NotAllowed{"a regular expression with two groups, which hold key and number"};
  }

  Json openings() const {
    const std::string allowed = R"(a list of texts or of lists of texts, such as ["A", ["B", "C"]])";
    Json list = structured('[', allowed);
    if (!list.is_array() || list.empty()) throw NotAllowed{allowed};
    for (Json& one : list) {
      if (one.is_string()) one = Json::array({one});
      if (!all_texts(one) || one.empty()) throw NotAllowed{allowed};
    }
    return list;
  }

  Json policy() const {
    const std::string allowed = "one of " + joined(turn_policies(), ", ");
    if (!is_text()) throw NotAllowed{allowed};
    const auto name = turn_policy_name(as_text());
    if (!name) throw NotAllowed{allowed};
    // What it stands for depends on the behaviour.
    std::string word = ascii_lower(as_text());
    std::replace(word.begin(), word.end(), '-', '_');
    return word == "random_weighted" ? word : *name;
  }

  Json range() const {
    const std::string allowed = "LO..HI, whole numbers or decimals, LO below HI, such as 1..5";
    if (!is_text()) throw NotAllowed{allowed};
    const auto dots = as_text().find("..");
    if (dots == std::string::npos) throw NotAllowed{allowed};
    const auto low = parsed<double>(as_text().substr(0, dots)), high = parsed<double>(as_text().substr(dots + 2));
    if (!low || !high || !(*low < *high) || !std::isfinite(*low) || !std::isfinite(*high)) throw NotAllowed{allowed};
    return Json::array({*low, *high});
  }

  const ParameterRow& row_;
  const GivenValue& given_;
  const Json& value_;
};

Parameter::Type shown_type(ValueForm form) {
  switch (form) {
    case ValueForm::integer:
      return Parameter::Type::integer;
    case ValueForm::number:
      return Parameter::Type::number;
    case ValueForm::boolean:
      return Parameter::Type::boolean;
    case ValueForm::choice:
      return Parameter::Type::choice;
    default:
      return Parameter::Type::text;
  }
}

}  // namespace

void Problems::add(const Error& error) {
  list_.push_back(error.what() + (error.hint().empty() ? "" : "; " + error.hint()));
}

void Problems::refuse(const std::string& place, const std::string& hint) const {
  if (list_.empty()) return;
  if (list_.size() == 1) throw Error("file", list_.front(), "", hint);
  std::string text = std::to_string(list_.size()) + " problems";
  for (std::size_t i = 0; i < std::min(list_.size(), kMostProblems); ++i) text += "\n  " + list_[i];
  if (list_.size() > kMostProblems) text += "\n  and " + std::to_string(list_.size() - kMostProblems) + " more";
  throw Error("file", text, place, hint);
}

std::vector<Parameter> shown_parameters(const std::vector<ParameterRow>& rows) {
  std::vector<Parameter> parameters;
  for (const ParameterRow& row : rows) {
    parameters.push_back({row.name, shown_type(row.form), row.shown_default, row.help, row.choices});
  }
  return parameters;
}

std::string GivenValue::source() const {
  if (typed) return key.empty() ? "command line" : key;
  return file + (line > 0 ? ":" + std::to_string(line) : "") + (key.empty() ? "" : " " + key);
}

const ParameterRow* find_row(const std::vector<ParameterRow>& rows, const std::string& name) {
  const ParameterRow* family = nullptr;
  for (const ParameterRow& row : rows) {
    if (row.name == name) return &row;
    if (row.name.ends_with(".*") && name.size() > row.name.size() - 1 &&
        name.starts_with(row.name.substr(0, row.name.size() - 1))) {
      family = &row;
    }
  }
  return family;
}

void check_names(const std::vector<ParameterRow>& rows, const ParameterTexts& given, const std::string& kind) {
  std::vector<Parameter> names = shown_parameters(rows);
  for (Parameter& parameter : names) {
    parameter.type = Parameter::Type::text;
    parameter.default_text.clear();
  }
  resolve_parameters(names, given, kind);
}

void ParameterSheet::put(const std::string& name, GivenValue value) {
  const ParameterRow* row = find_row(rows_, name);
  if (value.value.is_null() || row == nullptr) return;
  if (row->form == ValueForm::path && value.typed && value.value == Json("")) {
    given_.erase(name);
    return;
  }
  given_[name] = std::move(value);
}

void ParameterSheet::check(Problems& problems) {
  for (const auto& [name, given] : given_) {
    try {
      values_[name] = Checker(*find_row(rows_, name), given)();
      sources_[name] = given.source();
    } catch (const NotAllowed& wrong) {
      bad_[name] = true;
      problems.add(named(name) + "; allowed: " + wrong.allowed);
    }
  }
}

void ParameterSheet::use(const std::string& name, Json value, const std::string& source) {
  if (has(name) || bad(name)) return;
  values_[name] = std::move(value);
  sources_[name] = source;
}

void ParameterSheet::replace(const std::string& name, Json value, const std::string& source) {
  values_[name] = std::move(value);
  if (!source.empty()) sources_[name] = source;
}

const GivenValue* ParameterSheet::given(const std::string& name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? nullptr : &found->second;
}

const Json& ParameterSheet::operator[](const std::string& name) const {
  static const Json kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : *found;
}

std::string ParameterSheet::named(const std::string& name) const {
  const GivenValue* value = given(name);
  if (value == nullptr) {
    const Json& effective = (*this)[name];
    return effective.is_null() ? name
                               : name + "=" + (effective.is_string() ? effective.get<std::string>() : shown(effective));
  }
  if (value->typed) return name + "=" + value->value.get<std::string>();
  return value->file + (value->line > 0 ? ":" + std::to_string(value->line) : "") + ": " + value->key +
         (value->content ? "" : ": " + shown(value->value));
}

}  // namespace assay
