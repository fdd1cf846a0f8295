#pragma once
// The closed tables of filters and tests (specs/prompts.md section 3.4): a row is name, signature, function. Constant
// after start: any thread.

#include <string>
#include <string_view>

#include "runners/prompt/runtime.hpp"

namespace assay::prompt {

struct FilterCall {
  Runtime& runtime;
  const Value& input;
  const Bound& bound;          ///< by the row's parameters
  const Arguments& arguments;  ///< as given, for rows that take any ("*")
};

struct FilterRow {
  const char* name;
  const char* parameters;  ///< "width first", "n/alias", or "*"
  std::size_t required;
  Value (*run)(const FilterCall& call);
};

struct TestRow {
  const char* name;
  std::size_t arguments;  ///< exactly so many
  bool (*run)(Runtime& runtime, const Value& value, const std::vector<Value>& arguments);
};

const FilterRow* find_filter(std::string_view name);
const TestRow* find_test(std::string_view name);

/// "did you mean ..?" or "".
std::string advice_for_filter(std::string_view name);
std::string advice_for_test(std::string_view name);

/// Binds the arguments and runs the row. Throws Fault without a place.
Value call_filter(Runtime& runtime, const FilterRow& row, const Value& input, const Arguments& arguments);
bool call_test(Runtime& runtime, const TestRow& row, const Value& value, const Arguments& arguments);

// The parts of the table, one per file; ended by a row without a name.
extern const FilterRow kTextFilters[];
extern const FilterRow kLayoutFilters[];
extern const FilterRow kNumberFilters[];
extern const FilterRow kListFilters[];
extern const FilterRow kSelectFilters[];

// Shared with methods.cpp.
Value replace_text(Runtime& runtime, const Value& text, const Value& from, const Value& to, std::int64_t count);
/// str.join; `escape_plain`: the result is safe and plain parts are escaped.
Value join_texts(Runtime& runtime, const std::vector<Value>& parts, const Value& separator, bool escape_plain);

}  // namespace assay::prompt
