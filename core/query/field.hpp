#pragma once
// The fields of the query grammar, as rows: parsing, completion and help come from them.

#include <span>
#include <string>
#include <string_view>

namespace assay {

enum class Field {
  status,
  score,
  batch,
  kind,
  model,
  tag,
  err,
  note,
  log,
  answer,
  context,
  data,
  metric,
  steps,
  time,
  cost,
  attempts,
  calls,
  tokens_in,
  tokens_out,
  facet,  // by its own name
};

/// has is ":": contains or equals, as the field's row says.
enum class FieldOperator { has, matches, equal, not_equal, less, less_equal, greater, greater_equal };

struct FieldRow {
  enum class Type {
    word,    // ":" and "=" are equality: status batch kind tag
    text,    // ":" is contains
    number,  // comparisons; ":" is "="
    path,    // FIELD.PATH with comparisons; without a path as text
  };
  std::string_view name;
  Field field;
  Type type;
  std::string_view help;
};

std::span<const FieldRow> fields();
/// nullptr when there is none of that name.
const FieldRow* find_field(std::string_view name);
const FieldRow& row_of(Field field);
/// ":" "~" "=" "!=" "<" "<=" ">" ">=".
std::string_view to_text(FieldOperator op);
/// Reads its value from the store.
bool is_payload(Field field);

/// a OP b for the six comparisons; has is equal. NaN compares false with everything.
bool compare(double a, FieldOperator op, double b);
bool compare(std::string_view a, FieldOperator op, std::string_view b);

}  // namespace assay
