#include <algorithm>
#include <utility>

#include "runners/prompt/evaluator.hpp"
#include "runners/prompt/filters.hpp"
#include "runners/prompt/methods.hpp"

namespace assay::prompt {
namespace {

constexpr const char* kFunctions[] = {"range", "dict", "namespace"};

bool apply_comparison(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  switch (op) {
    case Operator::equal:
      return equal(runtime, left, right);
    case Operator::not_equal:
      return !equal(runtime, left, right);
    case Operator::less:
      return less(runtime, left, right);
    case Operator::greater:
      return less(runtime, right, left);
    case Operator::less_equal:
      return less(runtime, left, right) || equal(runtime, left, right);
    case Operator::greater_equal:
      return less(runtime, right, left) || equal(runtime, left, right);
    case Operator::in:
      return contains(runtime, right, left);
    default:
      return !contains(runtime, right, left);
  }
}

Value apply_operator(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  switch (op) {
    case Operator::add:
      return add(runtime, left, right);
    case Operator::subtract:
      return subtract(runtime, left, right);
    case Operator::multiply:
      return multiply(runtime, left, right);
    case Operator::divide:
      return divide(runtime, left, right);
    case Operator::floor_divide:
      return floor_divide(runtime, left, right);
    case Operator::modulo:
      return modulo(runtime, left, right);
    default:
      return power(runtime, left, right);
  }
}

}  // namespace

Value Evaluator::evaluate(const Expression& node, const ScopePtr& scope) {
  runtime_.work();
  switch (node.kind) {
    case ExpressionKind::constant:
      return node.constant;
    case ExpressionKind::name:
      return evaluate_name(node, scope);
    case ExpressionKind::list:
    case ExpressionKind::tuple:
      return evaluate_sequence(node, scope);
    case ExpressionKind::map:
      return evaluate_map(node, scope);
    case ExpressionKind::attribute: {
      const Value object = evaluate(*node.parts[0], scope);
      runtime_.set_here(node.offset);
      return get_attribute(runtime_, object, node.text);
    }
    case ExpressionKind::item:
      return evaluate_item(node, scope);
    case ExpressionKind::call:
      return evaluate_call(node, scope);
    case ExpressionKind::filter:
      return evaluate_filter(node, scope);
    case ExpressionKind::test:
      return evaluate_test(node, scope);
    case ExpressionKind::negate: {
      const Value value = evaluate(*node.parts[0], scope);
      runtime_.set_here(node.offset);
      return negate(runtime_, value);
    }
    case ExpressionKind::plus: {
      const Value value = evaluate(*node.parts[0], scope);
      runtime_.set_here(node.offset);
      if (value.is_undefined()) fail_undefined(value);
      if (!value.is_number()) fail_type(std::string("+ does not work on ") + value.noun());
      return value.kind() == Kind::boolean ? Value::integer(value.as_integer()) : value;
    }
    case ExpressionKind::invert: {
      const Value value = evaluate(*node.parts[0], scope);
      runtime_.set_here(node.offset);
      return Value::boolean(!truth(runtime_, value));
    }
    case ExpressionKind::all_of:
    case ExpressionKind::any_of:
    case ExpressionKind::conditional:
      return evaluate_choice(node, scope);
    case ExpressionKind::compare:
      return evaluate_compare(node, scope);
    case ExpressionKind::arithmetic:
      return evaluate_arithmetic(node, scope);
    case ExpressionKind::concat:
      return evaluate_concat(node, scope);
    case ExpressionKind::slice:
      break;
  }
  // A slice among several indices: nothing has such an item.
  return {};
}

Value Evaluator::evaluate_name(const Expression& node, const ScopePtr& scope) {
  for (const Scope* at = scope.get(); at != nullptr; at = at->parent.get()) {
    if (const Value* found = at->find(node.name)) return *found;
  }
  const std::string& name = parsed_.names.text(node.name);
  for (const Value* map : {&context_, &fallbacks_}) {
    const Value* found = map->is_map() ? map->as_map().find(name) : nullptr;
    if (found != nullptr) return *found;
  }
  for (const char* function : kFunctions) {
    if (name == function) return Value::function(function);
  }
  return Value::undefined("the variable " + name + " is not defined", node.offset);
}

Value Evaluator::evaluate_sequence(const Expression& node, const ScopePtr& scope) {
  std::vector<Value> items;
  items.reserve(node.parts.size());
  for (const auto& part : node.parts) items.push_back(evaluate(*part, scope));
  runtime_.set_here(node.offset);
  return runtime_.list(std::move(items), node.kind == ExpressionKind::tuple ? ListStyle::tuple : ListStyle::list);
}

Value Evaluator::evaluate_map(const Expression& node, const ScopePtr& scope) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i + 1 < node.parts.size(); i += 2) {
    Value key = evaluate(*node.parts[i], scope);
    runtime_.set_here(node.parts[i]->offset);
    require_defined(runtime_, key);
    if (!key.is_text()) fail_type(std::string("the keys of a map are texts, not ") + key.noun());
    entries.emplace_back(std::move(key), evaluate(*node.parts[i + 1], scope));
  }
  runtime_.set_here(node.offset);
  return runtime_.map(std::move(entries));
}

Value Evaluator::evaluate_item(const Expression& node, const ScopePtr& scope) {
  const Value object = evaluate(*node.parts[0], scope);
  const Expression& index = *node.parts[1];
  if (index.kind != ExpressionKind::slice) {
    const Value at = evaluate(index, scope);
    runtime_.set_here(node.offset);
    return get_item(runtime_, object, at);
  }
  Value parts[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (index.parts[i] != nullptr) parts[i] = evaluate(*index.parts[i], scope);
  }
  runtime_.set_here(node.offset);
  return get_slice(runtime_, object, parts[0], parts[1], parts[2]);
}

Value Evaluator::evaluate_call(const Expression& node, const ScopePtr& scope) {
  const Expression& callee = *node.parts[0];
  const bool by_item = callee.kind == ExpressionKind::item && callee.parts[1]->kind == ExpressionKind::constant &&
                       callee.parts[1]->constant.is_text();
  if (callee.kind != ExpressionKind::attribute && !by_item) {
    const Value value = evaluate(callee, scope);
    runtime_.set_here(node.offset);
    if (value.is_undefined()) fail_undefined(value);
    return call(value, evaluate_arguments(node.arguments, scope), node.offset);
  }
  const std::string& name = by_item ? callee.parts[1]->constant.as_text() : callee.text;
  const Value object = evaluate(*callee.parts[0], scope);
  runtime_.set_here(callee.offset);
  if (object.is_undefined()) fail_undefined(object);
  if (has_method(object, name)) {
    const Arguments arguments = evaluate_arguments(node.arguments, scope);
    runtime_.set_here(callee.offset);
    return call_method(runtime_, object, name, arguments);
  }
  if (object.is_list()) {
    fail("security", std::string(object.noun()) + " has no method " + name + " that a template may call", kNoOffset,
         advice_for_method(name));
  }
  const Value value = get_attribute(runtime_, object, name);
  if (value.is_undefined()) fail_undefined(value);
  return call(value, evaluate_arguments(node.arguments, scope), node.offset);
}

Value Evaluator::evaluate_filter(const Expression& node, const ScopePtr& scope) {
  const Value input = node.parts[0] != nullptr ? evaluate(*node.parts[0], scope) : *filter_input_;
  const Arguments arguments = evaluate_arguments(node.arguments, scope);
  runtime_.set_here(node.offset);
  return call_filter(runtime_, *node.filter, input, arguments);
}

Value Evaluator::evaluate_test(const Expression& node, const ScopePtr& scope) {
  const Value input = evaluate(*node.parts[0], scope);
  const Arguments arguments = evaluate_arguments(node.arguments, scope);
  runtime_.set_here(node.offset);
  return Value::boolean(call_test(runtime_, *node.test, input, arguments));
}

Value Evaluator::evaluate_choice(const Expression& node, const ScopePtr& scope) {
  if (node.kind == ExpressionKind::conditional) {
    const Value condition = evaluate(*node.parts[0], scope);
    runtime_.set_here(node.offset);
    if (truth(runtime_, condition)) return evaluate(*node.parts[1], scope);
    if (node.parts[2] != nullptr) return evaluate(*node.parts[2], scope);
    // Jinja2 takes its lenient undefined here, also in strict mode.
    return Value::undefined("the condition is false and there is no else", node.offset, true);
  }
  const bool stop_at = node.kind == ExpressionKind::any_of;
  for (std::size_t i = 0; i + 1 < node.parts.size(); ++i) {
    Value value = evaluate(*node.parts[i], scope);
    runtime_.set_here(node.parts[i]->offset);
    if (truth(runtime_, value) == stop_at) return value;
  }
  return evaluate(*node.parts.back(), scope);
}

Value Evaluator::evaluate_compare(const Expression& node, const ScopePtr& scope) {
  Value left = evaluate(*node.parts[0], scope);
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.parts[i + 1], scope);
    runtime_.set_here(node.operators[i].second);
    if (!apply_comparison(runtime_, node.operators[i].first, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Evaluator::evaluate_arithmetic(const Expression& node, const ScopePtr& scope) {
  Value left = evaluate(*node.parts[0], scope);
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    const Value right = evaluate(*node.parts[i + 1], scope);
    runtime_.set_here(node.operators[i].second);
    left = apply_operator(runtime_, node.operators[i].first, left, right);
  }
  return left;
}

Value Evaluator::evaluate_concat(const Expression& node, const ScopePtr& scope) {
  std::vector<Value> values;
  for (const auto& part : node.parts) values.push_back(evaluate(*part, scope));
  runtime_.set_here(node.offset);
  return concat(runtime_, values);
}

Arguments Evaluator::evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments out;
  out.positional.reserve(arguments.positional.size());
  for (const auto& argument : arguments.positional) out.positional.push_back(evaluate(*argument, scope));
  for (const auto& [name, argument] : arguments.named) out.named.emplace_back(name, evaluate(*argument, scope));
  if (arguments.star != nullptr) {
    const Value list = evaluate(*arguments.star, scope);
    runtime_.set_here(arguments.star->offset);
    for (Value& value : elements(runtime_, list)) out.positional.push_back(std::move(value));
  }
  if (arguments.double_star != nullptr) {
    const Value map = evaluate(*arguments.double_star, scope);
    runtime_.set_here(arguments.double_star->offset);
    if (map.is_undefined()) fail_undefined(map);
    if (!map.is_map()) fail_type(std::string("** wants a map, not ") + map.noun());
    runtime_.count_iterations(map.as_map().entries.size());
    for (const auto& [key, value] : map.as_map().entries) {
      for (const auto& earlier : arguments.named) {
        if (earlier.first == key.as_text()) fail_type("argument " + key.as_text() + " is given twice");
      }
      out.named.emplace_back(key.as_text(), value);
    }
  }
  return out;
}

Value Evaluator::call(const Value& callee, Arguments arguments, std::size_t offset) {
  runtime_.set_here(offset);
  runtime_.work();
  if (callee.kind() == Kind::macro) return call_macro(callee.as_macro(), std::move(arguments), offset);
  if (callee.kind() == Kind::function) return call_function(callee.as_function(), arguments);
  if (callee.kind() == Kind::loop) fail_type("recursive loops are not in the language of prompts");
  fail_type(std::string(callee.noun()) + " cannot be called");
}

Value Evaluator::call_function(const std::string& name, const Arguments& arguments) {
  if (name == "range") {
    const Bound bound("range", "start stop step", 1, {arguments.positional, {}});
    if (!arguments.named.empty()) fail_type("range takes no named arguments");
    const bool one = !bound.has(1);
    const std::int64_t start = one ? 0 : bound.integer(0, 0), stop = bound.integer(one ? 0 : 1, 0);
    const std::int64_t step = bound.integer(2, 1);
    if (step == 0) fail_type("the step of a range must not be 0");
    // Unsigned, so that no difference wraps around.
    const auto bits = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    const bool empty = step > 0 ? start >= stop : start <= stop;
    const std::uint64_t distance = step > 0 ? bits(stop) - bits(start) : bits(start) - bits(stop);
    const std::uint64_t stride = step > 0 ? bits(step) : 0 - bits(step);
    const std::uint64_t count = empty ? 0 : (distance - 1) / stride + 1;
    if (count > runtime_.limits().max_range) {
      fail("limit", "a range of more than " + std::to_string(runtime_.limits().max_range) + " elements");
    }
    std::vector<Value> items;
    items.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      items.push_back(Value::integer(static_cast<std::int64_t>(bits(start) + i * bits(step))));
    }
    return runtime_.list(std::move(items), ListStyle::range);
  }
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1) fail_type(name + " takes at most one positional argument");
  if (!arguments.positional.empty()) {
    const Value& given = arguments.positional.front();
    if (given.is_map()) {
      entries = given.as_map().entries;
    } else {
      for (const Value& pair : elements(runtime_, given)) {
        std::vector<Value> two = elements(runtime_, pair);
        if (two.size() != 2) fail_type(name + " wants pairs");
        if (!two[0].is_text()) fail_type(std::string("the keys of a map are texts, not ") + two[0].noun());
        entries.emplace_back(std::move(two[0]), std::move(two[1]));
      }
    }
  }
  for (const auto& [key, value] : arguments.named) entries.emplace_back(runtime_.text(key), value);
  Value map = runtime_.map(std::move(entries));
  if (name == "dict") return map;
  const auto names = std::make_shared<NamespaceData>();
  for (const auto& [key, value] : map.as_map().entries) names->entries.emplace_back(key.as_text(), value);
  names_.push_back(names);
  runtime_.work(256 + 64 * names->entries.size());
  return Value::names(names);
}

}  // namespace assay::prompt
