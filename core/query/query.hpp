#pragma once
// The one query grammar of every command (specs: shell.md 3), as a tree. What it selects: select.hpp.
//
//   query   = conjunction { "|" conjunction }        empty: everything in scope
//   conjunction = factor { factor }                  side by side: AND
//   factor  = "!" factor | "(" query ")" | term
//   term    = "*" | "all" | READY .. | CORRECT .. | indices | FIELD OP value | text
//   indices = 3 | 2-5 | [2-5] | 1,4,7-9              from 1, both ends included; a:.. takes the same
//
// Words end at white space, "|" and a ")" that closes nothing within them; quotes ('..' literal; in ".." a backslash
// escapes " and \) join words and take every meaning but text and address away. A regex (r:.., FIELD~..) keeps white
// space within its brackets and parentheses, and "|" unless a term with a field follows it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/query/field.hpp"
#include "core/text/error.hpp"
#include "core/text/pattern.hpp"

namespace assay {

struct QueryTerm {
  enum class Kind {
    everything,  // * all
    text,        // s:text or a plain word: the run's name contains it
    text_any_case,
    pattern,  // r:regex on the run's name
    indices,  // of the last listing
    field,
    unresolved,  // NAME:.. whose NAME is no field: an address, a facet, or an error, as the runs are
  };
  Kind kind = Kind::text;
  std::string whole;               // the term without its quotes: an address, if a run has this name
  std::size_t begin = 0, end = 0;  // place in the query
  Field field = Field::status;
  std::string name;  // path of data and answer, name of a metric or facet; "" for none
  FieldOperator op = FieldOperator::has;
  std::string value;
  std::optional<double> number;  // the value where it is one: seconds for time, USD for cost
  std::optional<Pattern> pattern;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;  // indices
  std::shared_ptr<const Error> failure;  // of an unresolved one: why its value is none, unless it is an address
};

struct QueryNode {
  enum class Kind { term, all_of, any_of, negation };
  Kind kind = Kind::all_of;
  QueryTerm term;                   // Kind::term
  std::vector<QueryNode> children;  // the others; an all_of without children is everything in scope
};

/// Immutable, cheap to copy: any thread.
class Query {
 public:
  Query();
  Query(std::string text, QueryNode root);
  const std::string& text() const { return *text_; }
  const QueryNode& root() const { return *root_; }
  /// Nothing was asked: everything in scope.
  bool empty() const { return root_->kind == QueryNode::Kind::all_of && root_->children.empty(); }
  /// Some term reads data, answer, context or log: from disk, not in milliseconds.
  bool needs_payload() const;

 private:
  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const QueryNode> root_;
};

/// Throws Error "query" with place "column N" (bytes, from 1) and a hint that shows the text with a caret below the
/// place. More than 64 KiB or 100 parentheses within each other are refused. A term NAME:VALUE with a wrong value may
/// still be the address of a run: it is select() that throws then.
Query parse_query(std::string_view text);

/// The error of a query at byte `at` of `text`, as parse_query throws it.
[[noreturn]] void fail_query(std::string_view text, std::size_t at, const std::string& message,
                             const std::string& hint = {});

}  // namespace assay
