#pragma once
// The parsed template. Nodes never change after parsing; chains of operators are flat, so that the depth of the tree
// is bounded by PromptLimits::max_nesting, not by the length of the text.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runners/prompt/value.hpp"

namespace assay::prompt {

struct FilterRow;
struct TestRow;

enum class ExpressionKind : std::uint8_t {
  constant,
  name,
  list,
  tuple,
  map,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
  negate,
  plus,
  invert,
  all_of,
  any_of,
  compare,
  arithmetic,
  concat,
  conditional
};

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, double_star;  ///< *list, **map
};

/// One node. `parts` by kind: list, tuple: items; map: key, value, ..; attribute: object; item: object, index; slice:
/// start, stop, step (null when left out); call: callee; filter, test: input (null in a filter block); compare,
/// arithmetic: first operand and those after each operator; conditional: condition, then, else (null).
struct Expression {
  ExpressionKind kind = ExpressionKind::constant;
  std::size_t offset = 0;  ///< byte in the template: the name or the operator
  std::size_t depth = 1;
  std::size_t name = 0;  ///< name: index into Names
  std::string text;      ///< attribute, filter, test: the name
  Value constant;
  std::vector<ExpressionPtr> parts;
  std::vector<std::pair<Operator, std::size_t>> operators;  ///< with their offsets
  CallArguments arguments;
  const FilterRow* filter = nullptr;
  const TestRow* test = nullptr;
};

/// What a value is bound to: one name, an attribute of a namespace, or several targets.
struct Target {
  std::size_t offset = 0;
  std::size_t name = 0;
  std::string attribute;        ///< of the namespace `name` when not empty
  std::vector<Target> several;  ///< unpacking when `unpacks`
  bool unpacks = false;
};

enum class StatementKind : std::uint8_t { data, print, for_loop, if_block, set, set_block, with, macro, filter_block };

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Parameter {
  std::size_t name = 0;
  std::string text;
  ExpressionPtr fallback;
  std::size_t offset = 0;
};

/// print: value. for_loop: targets[0] in values[0], values[1] the condition or null, bodies[0], bodies[1] else.
/// if_block: values[i] guards bodies[i]; one more body is the else. set: targets[0] = values[0]. set_block: values[0]
/// is the chain of filters or null. with: targets[i] = values[i]. filter_block: values[0].
struct Statement {
  StatementKind kind = StatementKind::data;
  std::size_t offset = 0;  ///< the tag word, or the operator where binding can fail
  std::string text;        ///< data; the name of a macro
  std::size_t name = 0;    ///< of a macro
  std::vector<Target> targets;
  std::vector<ExpressionPtr> values;
  std::vector<Block> bodies;
  std::vector<Parameter> parameters;
  bool takes_varargs = false, takes_kwargs = false;
};

/// Names of a template as small numbers.
class Names {
 public:
  std::size_t add(const std::string& name) {
    const auto [at, added] = index_.try_emplace(name, texts_.size());
    if (added) texts_.push_back(name);
    return at->second;
  }
  const std::string& text(std::size_t index) const { return texts_[index]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::string> texts_;
};

struct ParsedTemplate {
  std::string source;  ///< with line ends as \n
  Block body;
  Names names;
  std::size_t varargs = 0, kwargs = 0, loop = 0;  ///< their indices in `names`
};

}  // namespace assay::prompt
