#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "runners/prompt/filters.hpp"
#include "runners/prompt/methods.hpp"
#include "runners/prompt/parser_internal.hpp"

namespace assay::prompt {

ExpressionPtr Parser::make(ExpressionKind kind, std::size_t offset) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->offset = offset;
  return node;
}

void Parser::add_part(Expression& node, ExpressionPtr part) const {
  if (part != nullptr) {
    node.depth = std::max(node.depth, part->depth + 1);
    if (node.depth > limits_.max_nesting) fail_nesting();
  }
  node.parts.push_back(std::move(part));
}

void Parser::count_arguments(Expression& node) const {
  const auto count = [&](const ExpressionPtr& part) {
    if (part != nullptr) node.depth = std::max(node.depth, part->depth + 1);
  };
  for (const auto& part : node.arguments.positional) count(part);
  for (const auto& part : node.arguments.named) count(part.second);
  count(node.arguments.star);
  count(node.arguments.double_star);
  if (node.depth > limits_.max_nesting) fail_nesting();
}

ExpressionPtr Parser::parse_tuple(bool with_conditional, bool in_parentheses, bool stop_at_recursive) {
  const Level level(*this);
  auto tuple = make(ExpressionKind::tuple, current().offset);
  bool comma = false;
  while (true) {
    const bool done = current().kind == TokenKind::print_end || current().kind == TokenKind::block_end || is_op(")") ||
                      (stop_at_recursive && is_word("recursive"));
    if (done) {
      if (!comma && !in_parentheses) fail_here("an expression");
      break;
    }
    add_part(*tuple, with_conditional ? parse_conditional() : parse_or());
    if (!skip_op(",")) break;
    comma = true;
  }
  if (comma || tuple->parts.empty()) return tuple;
  return std::move(tuple->parts.front());
}

ExpressionPtr Parser::parse_conditional() {
  ExpressionPtr value = parse_or();
  while (is_word("if")) {
    auto node = make(ExpressionKind::conditional, next().offset);
    add_part(*node, parse_or());
    add_part(*node, std::move(value));
    const Level level(*this);
    add_part(*node, skip_word("else") ? parse_conditional() : nullptr);
    value = std::move(node);
  }
  return value;
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr first = parse_and();
  if (!is_word("or")) return first;
  auto node = make(ExpressionKind::any_of, current().offset);
  add_part(*node, std::move(first));
  while (skip_word("or")) add_part(*node, parse_and());
  return node;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr first = parse_not();
  if (!is_word("and")) return first;
  auto node = make(ExpressionKind::all_of, current().offset);
  add_part(*node, std::move(first));
  while (skip_word("and")) add_part(*node, parse_not());
  return node;
}

ExpressionPtr Parser::parse_not() {
  if (!is_word("not")) return parse_compare();
  const Level level(*this);
  auto node = make(ExpressionKind::invert, next().offset);
  add_part(*node, parse_not());
  return node;
}

ExpressionPtr Parser::parse_compare() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 6> kOperators = {
      {{"==", Operator::equal},
       {"!=", Operator::not_equal},
       {"<", Operator::less},
       {"<=", Operator::less_equal},
       {">", Operator::greater},
       {">=", Operator::greater_equal}}};
  ExpressionPtr first = parse_sum();
  ExpressionPtr node;
  while (true) {
    const std::size_t offset = current().offset;
    Operator op = Operator::in;
    bool found = false;
    for (const auto& [text, which] : kOperators) {
      if (is_op(text)) op = which, found = true;
    }
    if (!found && is_word("not") && following().kind == TokenKind::name && following().text == "in") {
      op = Operator::not_in;
      next();
      found = true;
    } else if (!found && is_word("in")) {
      found = true;
    }
    if (!found) break;
    next();
    if (node == nullptr) {
      node = make(ExpressionKind::compare, offset);
      add_part(*node, std::move(first));
    }
    node->operators.emplace_back(op, offset);
    add_part(*node, parse_sum());
  }
  return node != nullptr ? std::move(node) : std::move(first);
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr first = parse_concat();
  if (!is_op("+") && !is_op("-")) return first;
  auto node = make(ExpressionKind::arithmetic, current().offset);
  add_part(*node, std::move(first));
  while (is_op("+") || is_op("-")) {
    node->operators.emplace_back(is_op("+") ? Operator::add : Operator::subtract, current().offset);
    next();
    add_part(*node, parse_concat());
  }
  return node;
}

ExpressionPtr Parser::parse_concat() {
  ExpressionPtr first = parse_product();
  if (!is_op("~")) return first;
  auto node = make(ExpressionKind::concat, current().offset);
  add_part(*node, std::move(first));
  while (skip_op("~")) add_part(*node, parse_product());
  return node;
}

ExpressionPtr Parser::parse_product() {
  static constexpr std::array<std::pair<std::string_view, Operator>, 4> kOperators = {
      {{"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide}, {"%", Operator::modulo}}};
  ExpressionPtr first = parse_power();
  ExpressionPtr node;
  while (true) {
    const auto* found =
        std::find_if(kOperators.begin(), kOperators.end(), [&](const auto& o) { return is_op(o.first); });
    if (found == kOperators.end()) break;
    if (node == nullptr) {
      node = make(ExpressionKind::arithmetic, current().offset);
      add_part(*node, std::move(first));
    }
    node->operators.emplace_back(found->second, current().offset);
    next();
    add_part(*node, parse_power());
  }
  return node != nullptr ? std::move(node) : std::move(first);
}

ExpressionPtr Parser::parse_power() {
  ExpressionPtr first = parse_unary(true);
  if (!is_op("**")) return first;
  auto node = make(ExpressionKind::arithmetic, current().offset);
  add_part(*node, std::move(first));
  while (is_op("**")) {
    node->operators.emplace_back(Operator::power, next().offset);
    add_part(*node, parse_unary(true));
  }
  return node;
}

ExpressionPtr Parser::parse_unary(bool with_filters) {
  ExpressionPtr node;
  if (is_op("-") || is_op("+")) {
    const Level level(*this);
    node = make(is_op("-") ? ExpressionKind::negate : ExpressionKind::plus, current().offset);
    next();
    add_part(*node, parse_unary(false));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filters ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parse_primary() {
  const Token& token = current();
  auto node = make(ExpressionKind::constant, token.offset);
  switch (token.kind) {
    case TokenKind::name:
      if (token.text == "true" || token.text == "True" || token.text == "false" || token.text == "False") {
        node->constant = Value::boolean(token.text == "true" || token.text == "True");
      } else if (token.text != "none" && token.text != "None") {
        node->kind = ExpressionKind::name;
        node->name = name_index(token);
        if (!macro_uses_.empty() && node->name == parsed_.varargs) macro_uses_.back().first = true;
        if (!macro_uses_.empty() && node->name == parsed_.kwargs) macro_uses_.back().second = true;
      }
      next();
      return node;
    case TokenKind::text: {
      std::string text;
      while (current().kind == TokenKind::text) text += next().text;
      node->constant = Value::text(std::move(text));
      return node;
    }
    case TokenKind::integer:
    case TokenKind::real:
      return parse_number();
    case TokenKind::op:
      if (token.text == "(") {
        next();
        node = parse_tuple(true, true);
        expect_op(")");
        return node;
      }
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_map();
      break;
    default:
      break;
  }
  fail_here("an expression");
}

ExpressionPtr Parser::parse_number() {
  const Token token = next();
  auto node = make(ExpressionKind::constant, token.offset);
  if (token.kind == TokenKind::real) {
    double value = 0;
    const auto result = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (result.ec == std::errc::result_out_of_range) {
      // Too large or too small: strtod tells which, as Python's literal does.
      value = std::strtod(token.text.c_str(), nullptr);
    }
    node->constant = Value::real(value);
    return node;
  }
  std::string_view digits = token.text;
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] > '9')) {
    base = (digits[1] | 0x20) == 'x' ? 16 : (digits[1] | 0x20) == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  std::int64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (result.ec != std::errc()) fail("limit", "integers have at most 64 bits", token.offset);
  node->constant = Value::integer(value);
  return node;
}

ExpressionPtr Parser::parse_list() {
  const Level level(*this);
  auto node = make(ExpressionKind::list, next().offset);
  while (!is_op("]")) {
    if (!node->parts.empty()) expect_op(",");
    if (is_op("]")) break;
    add_part(*node, parse_expression());
  }
  expect_op("]");
  return node;
}

ExpressionPtr Parser::parse_map() {
  const Level level(*this);
  auto node = make(ExpressionKind::map, next().offset);
  while (!is_op("}")) {
    if (!node->parts.empty()) expect_op(",");
    if (is_op("}")) break;
    add_part(*node, parse_expression());
    expect_op(":");
    add_part(*node, parse_expression());
  }
  expect_op("}");
  return node;
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr node) {
  while (true) {
    if (is_op(".") || is_op("[")) {
      node = parse_subscript(std::move(node));
    } else if (is_op("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr Parser::parse_filters_and_tests(ExpressionPtr node) {
  while (true) {
    if (is_op("|")) {
      next();
      node = parse_filter(std::move(node));
    } else if (is_word("is")) {
      node = parse_test(std::move(node));
    } else if (is_op("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr object) {
  const Token opening = next();
  if (opening.text == ".") {
    const Token token = current();
    if (token.kind == TokenKind::integer) {
      auto node = make(ExpressionKind::item, token.offset);
      add_part(*node, std::move(object));
      add_part(*node, parse_number());
      return node;
    }
    if (token.kind != TokenKind::name) fail_here("a name or a number");
    if (token.text.starts_with("_")) {
      fail("security", "names that begin with _ are not accessible", token.offset);
    }
    next();
    auto node = make(ExpressionKind::attribute, token.offset);
    node->text = token.text;
    add_part(*node, std::move(object));
    return node;
  }
  const Level level(*this);
  std::vector<ExpressionPtr> indices;
  const std::size_t offset = current().offset;
  while (!is_op("]")) {
    if (!indices.empty()) expect_op(",");
    indices.push_back(parse_index());
  }
  expect_op("]");
  auto node = make(ExpressionKind::item, offset);
  add_part(*node, std::move(object));
  if (indices.size() == 1) {
    const Expression& index = *indices.front();
    if (index.kind == ExpressionKind::constant && index.constant.is_text() &&
        index.constant.as_text().starts_with("__")) {
      fail("security", "names that begin with _ are not accessible", index.offset);
    }
    add_part(*node, std::move(indices.front()));
  } else {
    auto tuple = make(ExpressionKind::tuple, offset);
    for (auto& index : indices) add_part(*tuple, std::move(index));
    add_part(*node, std::move(tuple));
  }
  return node;
}

ExpressionPtr Parser::parse_index() {
  const std::size_t offset = current().offset;
  const auto part_follows = [&] { return !is_op(":") && !is_op("]") && !is_op(","); };
  ExpressionPtr start;
  if (!is_op(":")) {
    start = parse_expression();
    if (!is_op(":")) return start;
  }
  auto node = make(ExpressionKind::slice, offset);
  add_part(*node, std::move(start));
  next();
  add_part(*node, part_follows() ? parse_expression() : nullptr);
  add_part(*node, skip_op(":") && part_follows() ? parse_expression() : nullptr);
  return node;
}

ExpressionPtr Parser::parse_call(ExpressionPtr callee) {
  auto node = make(ExpressionKind::call, current().offset);
  const bool by_item = callee->kind == ExpressionKind::item && callee->parts[1]->kind == ExpressionKind::constant &&
                       callee->parts[1]->constant.is_text();
  if (callee->kind == ExpressionKind::attribute || by_item) {
    const std::string& name = by_item ? callee->parts[1]->constant.as_text() : callee->text;
    if (!is_method_name(name)) {
      fail("security", name + "() is not among the methods that a template may call",
           by_item ? callee->parts[1]->offset : callee->offset, advice_for_method(name));
    }
  }
  add_part(*node, std::move(callee));
  node->arguments = parse_arguments();
  count_arguments(*node);
  return node;
}

CallArguments Parser::parse_arguments() {
  const Level level(*this);
  CallArguments arguments;
  const auto refuse = [this](bool refused) {
    if (refused) fail("syntax", "arguments in the wrong order", current().offset);
  };
  expect_op("(");
  bool comma_needed = false;
  while (!is_op(")")) {
    if (comma_needed) {
      expect_op(",");
      if (is_op(")")) break;
    }
    if (is_op("*")) {
      refuse(arguments.star != nullptr || arguments.double_star != nullptr);
      next();
      arguments.star = parse_expression();
    } else if (is_op("**")) {
      refuse(arguments.double_star != nullptr);
      next();
      arguments.double_star = parse_expression();
    } else if (current().kind == TokenKind::name && following().kind == TokenKind::op && following().text == "=") {
      refuse(arguments.double_star != nullptr);
      const Token key = next();
      next();
      for (const auto& earlier : arguments.named) {
        if (earlier.first == key.text) fail("syntax", "argument " + key.text + " appears twice", key.offset);
      }
      arguments.named.emplace_back(key.text, parse_expression());
    } else {
      refuse(arguments.star != nullptr || arguments.double_star != nullptr || !arguments.named.empty());
      arguments.positional.push_back(parse_expression());
    }
    comma_needed = true;
  }
  expect_op(")");
  return arguments;
}

ExpressionPtr Parser::parse_filter(ExpressionPtr input) {
  const Token token = expect_name("the name of a filter");
  auto node = make(ExpressionKind::filter, token.offset);
  node->text = token.text;
  while (skip_op(".")) node->text += "." + expect_name("the name of a filter").text;
  node->filter = find_filter(node->text);
  if (node->filter == nullptr) {
    note_unknown("filter", node->text, token.offset, advice_for_filter(node->text));
  }
  add_part(*node, std::move(input));
  if (is_op("(")) node->arguments = parse_arguments();
  count_arguments(*node);
  check_filter_name_arguments(*node);
  return node;
}

void Parser::note_unknown(const char* what, const std::string& name, std::size_t offset, std::string advice) {
  if (!unknown_)
    unknown_ = Fault{"unknown", std::string("there is no ") + what + " " + name, offset, std::move(advice)};
}

void Parser::check_filter_name_arguments(const Expression& node) {
  const bool maps = node.text == "map";
  const bool selects = node.text == "select" || node.text == "reject";
  const bool by_attribute = node.text == "selectattr" || node.text == "rejectattr";
  if (!maps && !selects && !by_attribute) return;
  const std::size_t at = by_attribute ? 1 : 0;
  if (node.arguments.positional.size() <= at) return;
  const Expression& name = *node.arguments.positional[at];
  if (name.kind != ExpressionKind::constant || !name.constant.is_text()) return;
  const std::string& text = name.constant.as_text();
  if (maps && find_filter(text) == nullptr) {
    note_unknown("filter", text, name.offset, advice_for_filter(text));
  }
  if (!maps && find_test(text) == nullptr) {
    note_unknown("test", text, name.offset, advice_for_test(text));
  }
}

ExpressionPtr Parser::parse_filter_chain() {
  skip_op("|");
  ExpressionPtr node = parse_filter(nullptr);
  while (skip_op("|")) node = parse_filter(std::move(node));
  return node;
}

ExpressionPtr Parser::parse_test(ExpressionPtr input) {
  const std::size_t is_offset = next().offset;
  const bool inverted = skip_word("not");
  const Token token = expect_name("the name of a test");
  auto node = make(ExpressionKind::test, token.offset);
  node->text = token.text;
  while (skip_op(".")) node->text += "." + expect_name("the name of a test").text;
  node->test = find_test(node->text);
  if (node->test == nullptr) {
    note_unknown("test", node->text, token.offset, advice_for_test(node->text));
  }
  add_part(*node, std::move(input));
  const TokenKind kind = current().kind;
  if (is_op("(")) {
    node->arguments = parse_arguments();
  } else if ((kind == TokenKind::name || kind == TokenKind::text || kind == TokenKind::integer ||
              kind == TokenKind::real || is_op("[") || is_op("{")) &&
             !is_word("else") && !is_word("or") && !is_word("and")) {
    if (is_word("is")) fail("syntax", "tests cannot be chained", current().offset, "write: a is x and a is y");
    const Level level(*this);
    node->arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  count_arguments(*node);
  if (!inverted) return node;
  auto no = make(ExpressionKind::invert, is_offset);
  add_part(*no, std::move(node));
  return no;
}

}  // namespace assay::prompt
