#pragma once
// The parser's class, shared by parser.cpp (statements) and parser_expression.cpp. Grammar and precedence are those
// of Jinja2 3.1's parser.py.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runners/prompt/parser.hpp"

namespace assay::prompt {

class Parser {
 public:
  Parser(ParsedTemplate& parsed, TokenList tokens, const PromptLimits& limits);
  void run();

 private:
  /// Counts one level of recursion as long as it lives.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      // One level is the template itself.
      if (++parser_.level_ > parser_.limits_.max_nesting + 1) parser_.fail_nesting();
    }
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  const Token& current() const { return tokens_.tokens[at_]; }
  const Token& following() const { return tokens_.tokens[at_ + 1 < tokens_.tokens.size() ? at_ + 1 : at_]; }
  Token next();
  void check_current();
  bool is_op(std::string_view op) const { return current().kind == TokenKind::op && current().text == op; }
  bool is_word(std::string_view word) const { return current().kind == TokenKind::name && current().text == word; }
  bool skip_op(std::string_view op);
  bool skip_word(std::string_view word);
  Token expect_op(std::string_view op);
  Token expect_name(const char* what);
  void expect_word(std::string_view word);
  void expect_block_end();
  [[noreturn]] void fail_here(const std::string& expected) const;
  [[noreturn]] void fail_nesting() const;

  // Statements.
  Block parse_until(std::initializer_list<std::string_view> ends, std::size_t opening, std::string_view opened);
  std::unique_ptr<Statement> parse_statement(std::size_t opening);
  std::unique_ptr<Statement> parse_for(std::size_t opening);
  std::unique_ptr<Statement> parse_if(std::size_t opening);
  std::unique_ptr<Statement> parse_set(std::size_t opening);
  std::unique_ptr<Statement> parse_with(std::size_t opening);
  std::unique_ptr<Statement> parse_macro(std::size_t opening);
  std::unique_ptr<Statement> parse_filter_block(std::size_t opening);
  [[noreturn]] void refuse_tag(const Token& word) const;
  Target parse_target(bool with_namespace, bool stop_at_in);
  Target parse_one_target(bool with_namespace);
  Target make_target(const Token& name);

  // Expressions.
  ExpressionPtr parse_tuple(bool with_conditional, bool in_parentheses, bool stop_at_recursive = false);
  ExpressionPtr parse_expression() { return parse_conditional(); }
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_index();
  ExpressionPtr parse_call(ExpressionPtr node);
  CallArguments parse_arguments();
  ExpressionPtr parse_filter(ExpressionPtr node);
  ExpressionPtr parse_filter_chain();
  ExpressionPtr parse_test(ExpressionPtr node);
  ExpressionPtr parse_list();
  ExpressionPtr parse_map();
  ExpressionPtr parse_number();
  void note_unknown(const char* what, const std::string& name, std::size_t offset, std::string advice);
  void check_filter_name_arguments(const Expression& node);

  ExpressionPtr make(ExpressionKind kind, std::size_t offset) const;
  /// Adds a part and keeps the depth; throws "limit" when the tree gets too deep.
  void add_part(Expression& node, ExpressionPtr part) const;
  void count_arguments(Expression& node) const;
  std::size_t name_index(const Token& token);

  ParsedTemplate& parsed_;
  TokenList tokens_;
  const PromptLimits& limits_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;
  std::size_t loops_ = 0;                          ///< loops around the current tag
  bool refuse_loop_ = false;                       ///< `loop` cannot be assigned to here
  std::optional<Fault> unknown_;                   ///< the first unknown filter or test: raised when the syntax is good
  std::vector<std::pair<bool, bool>> macro_uses_;  ///< of the macros being parsed: varargs, kwargs read in the body
};

}  // namespace assay::prompt
