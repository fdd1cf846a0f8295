#include "core/query/payload.hpp"

#include <algorithm>
#include <charconv>

#include "core/text/json.hpp"

namespace assay {
namespace {

/// As it stands inside a JSON string: the cheap test before a text is parsed.
std::string escaped(const std::string& text) {
  std::string quoted;
  append_json_string(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

bool may_hold(std::string_view json, const QueryTerm& term) {
  return json.find(term.value) != std::string_view::npos || json.find(escaped(term.value)) != std::string_view::npos;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

bool matches_text(const QueryTerm& term, std::string_view text) {
  switch (term.op) {
    case FieldOperator::has:
      return text.find(term.value) != std::string_view::npos;
    case FieldOperator::matches:
      return term.pattern->matches(text);
    default:
      return compare(text, term.op, term.value);
  }
}

std::optional<double> number_in(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

/// `text`: of a string without its quotes, of anything else as JSON.
bool matches_plain(const QueryTerm& term, std::string_view text, bool is_string, std::optional<double> number) {
  if (term.op == FieldOperator::has || term.op == FieldOperator::matches) return matches_text(term, text);
  if (term.number) {
    if (is_string) number = number_in(text);
    if (number) return compare(*number, term.op, *term.number);
  }
  // A text and a number have no order.
  if (term.op >= FieldOperator::less && (term.number.has_value() || !is_string)) return false;
  return compare(text, term.op, term.value);
}

bool matches_value(const QueryTerm& term, const Json& value) {
  return matches_plain(term, text_of(value), value.is_string(),
                       value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
}

bool matches_json(const QueryTerm& term, std::string_view text) {
  if (text.empty()) return false;
  if (term.op == FieldOperator::has && !may_hold(text, term)) return false;
  const auto value = parse_json_lenient(text);
  if (!value) return matches_text(term, text);
  const Json* found = value_at(*value, term.name);
  return found && matches_value(term, *found);
}

bool matches_context(const QueryTerm& term, std::string_view text) {
  if (text.empty()) return term.op == FieldOperator::not_equal;
  if (term.op == FieldOperator::has && !may_hold(text, term)) return false;
  const auto value = parse_json_lenient(text);
  if (!value || !value->is_array()) return matches_text(term, text);
  const auto matches = [&](const Json& message) {
    const auto content = message.is_object() ? message.find("content") : message.end();
    return message.is_object() && content != message.end() && matches_value(term, *content);
  };
  if (term.op == FieldOperator::not_equal) return std::all_of(value->begin(), value->end(), matches);
  return std::any_of(value->begin(), value->end(), matches);
}

bool matches_log(const QueryTerm& term, const std::string& entry) {
  if (term.op == FieldOperator::has) return may_hold(entry, term);
  const auto value = parse_json_lenient(entry);
  return value ? matches_value(term, *value) : matches_text(term, entry);
}

}  // namespace

const Json* value_at(const Json& value, std::string_view path) {
  if (path.empty()) return &value;
  if (value.is_array()) {
    const auto dot = std::min(path.find('.'), path.size());
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(path.data(), path.data() + dot, index);
    if (error != std::errc() || end != path.data() + dot || index >= value.size()) return nullptr;
    return value_at(value[index], path.substr(std::min(dot + 1, path.size())));
  }
  if (!value.is_object()) return nullptr;
  for (std::size_t end = path.size();; end = path.rfind('.', end - 1)) {
    const auto found = value.find(std::string(path.substr(0, end)));
    if (found != value.end()) {
      if (end == path.size()) return &*found;
      if (const Json* inner = value_at(*found, path.substr(end + 1))) return inner;
    }
    if (end == 0 || path.rfind('.', end - 1) == std::string_view::npos) return nullptr;
  }
}

PayloadParts parts_of(const QueryTerm& term) {
  return {term.field == Field::data, term.field == Field::answer, term.field == Field::context,
          term.field == Field::log};
}

bool matches_value_text(const QueryTerm& term, std::string_view json) {
  if (json.empty()) return false;
  // Numbers and plain strings, which most are, need no parser.
  if (json.front() == '"' && json.size() >= 2 && json.find('\\') == std::string_view::npos)
    return matches_plain(term, json.substr(1, json.size() - 2), true, std::nullopt);
  if (const auto number = number_in(json)) return matches_plain(term, json, false, number);
  if (term.op == FieldOperator::has && !may_hold(json, term)) return false;
  const auto value = parse_json_lenient(json);
  return value ? matches_value(term, *value) : matches_text(term, json);
}

bool matches_payload(const QueryTerm& term, const QueryPayload& payload) {
  if (term.field == Field::data) return matches_json(term, payload.data);
  if (term.field == Field::answer) return matches_json(term, payload.answer);
  if (term.field == Field::context) return matches_context(term, payload.context);
  return std::any_of(payload.logs.begin(), payload.logs.end(),
                     [&](const std::string& entry) { return matches_log(term, entry); });
}

}  // namespace assay
