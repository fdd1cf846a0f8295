#include "core/query/field.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace assay {
namespace {

using Type = FieldRow::Type;

constexpr std::array<FieldRow, 20> kFields = {{
    {"status", Field::status, Type::word, "READY, INCOMPLETE, COMPLETE or FAIL"},
    {"score", Field::score, Type::word, "CORRECT, INCORRECT or null"},
    {"batch", Field::batch, Type::word, "name of the batch"},
    {"kind", Field::kind, Type::word, "kind of experiment"},
    {"model", Field::model, Type::word, "model of the batch: its name, or a part of it"},
    {"tag", Field::tag, Type::word, "a tag given by the command tag"},
    {"err", Field::err, Type::text, "kind or message of the error of a FAIL"},
    {"note", Field::note, Type::text, "text of a note given by the command note"},
    {"log", Field::log, Type::text, "text in the run's log"},
    {"answer", Field::answer, Type::path, "the answer, or answer.PATH"},
    {"context", Field::context, Type::text, "text in the run's messages"},
    {"data", Field::data, Type::path, "the parameters, or data.PATH"},
    {"metric", Field::metric, Type::path, "metric.NAME"},
    {"steps", Field::steps, Type::number, "steps done"},
    {"time", Field::time, Type::number, "of the newest attempt: 10s, 1m30s; a number is seconds"},
    {"cost", Field::cost, Type::number, "in USD: 0.01, $0.01"},
    {"attempts", Field::attempts, Type::number, "number of the newest attempt"},
    {"calls", Field::calls, Type::number, "model calls"},
    {"tokens_in", Field::tokens_in, Type::number, "input tokens"},
    {"tokens_out", Field::tokens_out, Type::number, "output tokens"},
}};

constexpr FieldRow kFacet = {"", Field::facet, Type::word, "a facet of the run"};

template <typename Value>
bool compare_values(const Value& a, FieldOperator op, const Value& b) {
  switch (op) {
    case FieldOperator::has:
    case FieldOperator::equal:
      return a == b;
    case FieldOperator::not_equal:
      return a != b;
    case FieldOperator::less:
      return a < b;
    case FieldOperator::less_equal:
      return a <= b;
    case FieldOperator::greater:
      return a > b;
    case FieldOperator::greater_equal:
      return a >= b;
    case FieldOperator::matches:
      break;
  }
  return false;
}

}  // namespace

std::span<const FieldRow> fields() { return kFields; }

const FieldRow* find_field(std::string_view name) {
  const auto found =
      std::find_if(kFields.begin(), kFields.end(), [&](const FieldRow& row) { return row.name == name; });
  return found == kFields.end() ? nullptr : &*found;
}

const FieldRow& row_of(Field field) {
  const auto found =
      std::find_if(kFields.begin(), kFields.end(), [&](const FieldRow& row) { return row.field == field; });
  return found == kFields.end() ? kFacet : *found;
}

std::string_view to_text(FieldOperator op) {
  constexpr std::array<std::string_view, 8> texts = {":", "~", "=", "!=", "<", "<=", ">", ">="};
  return texts.at(static_cast<std::size_t>(op));
}

bool is_payload(Field field) {
  return field == Field::data || field == Field::answer || field == Field::context || field == Field::log;
}

bool compare(double a, FieldOperator op, double b) {
  return !std::isnan(a) && !std::isnan(b) && compare_values(a, op, b);
}

bool compare(std::string_view a, FieldOperator op, std::string_view b) { return compare_values(a, op, b); }

}  // namespace assay
